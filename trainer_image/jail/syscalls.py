"""The few calls of the kernel that shut-in code may make, as a seccomp filter for x86-64 and ARM."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple


class Architecture(NamedTuple):
    """How one kind of processor names itself and numbers its calls."""

    audit: int
    harmless: Sequence[int]
    opening: Sequence[tuple[int, int]]
    fcntl: int
    ioctl: int
    prlimit64: int


# Reading, memory, time, signals to itself, and what Python asks about files and itself; from asm/unistd_64.h:
# read write close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn pread64
# readv writev access select sched_yield mremap madvise dup dup2 nanosleep alarm setitimer getpid exit uname getcwd
# readlink gettimeofday getrlimit getrusage sysinfo times getuid getgid geteuid getegid sigaltstack gettid time futex
# sched_getaffinity getdents64 set_tid_address restart_syscall clock_gettime clock_getres clock_nanosleep exit_group
# newfstatat readlinkat faccessat pselect6 ppoll set_robust_list dup3 pipe2 getrandom statx rseq faccessat2
_X86_64 = Architecture(
    audit=0xC000003E,
    harmless=(
        *(0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 20, 21, 23, 24, 25, 28, 32, 33, 35, 37, 38, 39),
        *(60, 63, 79, 89, 96, 97, 98, 99, 100, 102, 104, 107, 108, 131, 186, 201, 202, 204, 217, 218, 219, 228, 229),
        *(230, 231, 262, 267, 269, 270, 271, 273, 292, 293, 318, 332, 334, 439),
    ),
    opening=((2, 1), (257, 2)),
    fcntl=72,
    ioctl=16,
    prlimit64=302,
)

# The same calls from asm-generic/unistd.h, without those that ARM never had (open, stat, poll, select, ...).
_AARCH64 = Architecture(
    audit=0xC00000B7,
    harmless=(
        *(17, 23, 24, 48, 57, 59, 61, 62, 63, 64, 65, 66, 67, 72, 73, 78, 79, 80, 93, 94, 96, 98, 99, 101, 103, 113),
        *(114, 115, 123, 124, 128, 132, 134, 135, 139, 153, 160, 163, 165, 169, 172, 174, 175, 176, 177, 178, 179),
        *(214, 215, 216, 222, 226, 233, 278, 291, 293, 439),
    ),
    opening=((56, 2),),
    fcntl=25,
    ioctl=29,
    prlimit64=261,
)

ARCHITECTURES = {"x86_64": _X86_64, "aarch64": _AARCH64}

# Copying, flags, no owner: F_SETOWN with F_SETSIG would send any signal to the trainer.
_FCNTL = (0, 1, 2, 3, 4, 1030)
# Is this a terminal, how wide is it, close it on exec.
_IOCTL = (0x5401, 0x5413, 0x5451)

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16


def filter_program(machine: str, reading: bool) -> bytes:
    """Return the filter for a kind of processor; without ``reading`` no file can be opened at all."""
    kind = ARCHITECTURES[machine]
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, kind.audit, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    for number in kind.harmless:
        steps += _if_number(number, [_step(_RETURN, _ALLOW)])
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | (os.O_TMPFILE & ~os.O_DIRECTORY)
    for number, flags in kind.opening if reading else ():
        steps += _if_number(number, _by_argument(flags, "no bit of", [writing]))
    steps += _if_number(kind.fcntl, _by_argument(1, "one of", _FCNTL))
    steps += _if_number(kind.ioctl, _by_argument(1, "one of", _IOCTL))
    # Limits may be read, not set: the address of the new limit, in two halves, has to be null.
    halves = [_step(_LOAD, _argument(2, high=True)), _step(_EQUAL, 0, 1, 0), _step(_RETURN, _REFUSE)]
    steps += _if_number(kind.prlimit64, [*halves, *_by_argument(2, "one of", [0])])
    return b"".join([*steps, _step(_RETURN, _REFUSE)])


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _argument(index: int, high: bool = False) -> int:
    return _FIRST_ARGUMENT + 8 * index + 4 * high


def _if_number(number: int, then: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the steps that are taken for one call; ``then`` has to end in a verdict."""
    yield _step(_EQUAL, number, 0, len(then))
    yield from then


def _by_argument(index: int, rule: Literal["one of", "no bit of"], values: Sequence[int]) -> list[bytes]:
    steps = [_step(_LOAD, _argument(index))]
    for value in values:
        if rule == "one of":
            steps += [_step(_EQUAL, value, 0, 1), _step(_RETURN, _ALLOW)]
        else:
            steps += [_step(_ANY_BIT, value, 0, 1), _step(_RETURN, _REFUSE)]
    return [*steps, _step(_RETURN, _REFUSE if rule == "one of" else _ALLOW)]
