"""What a process builds around itself before it runs code of others: it can write, reach and start nothing.

It is imported by every program that is run, so it takes no module that starts slowly (pathlib, platform, contextlib).
"""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import stat
import struct
import sys

from trainer_image.jail.syscalls import ARCHITECTURES, filter_program

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_SIGKILL = 9

# What Python and its own modules read; everything else does not exist for the code.
_READABLE = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo", "/dev/urandom")

# Where the kernel cannot hide files (no Landlock) none may be opened, so these have to be there beforehand.
_BEFOREHAND = (
    *("abc", "array", "base64", "bisect", "calendar", "cmath", "collections.abc", "contextlib", "copy", "csv"),
    *("dataclasses", "datetime", "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq"),
    *("html", "inspect", "io", "itertools", "json", "keyword", "math", "numbers", "operator", "queue", "random", "re"),
    *("statistics", "string", "struct", "textwrap", "time", "traceback", "types", "typing", "unicodedata", "uuid"),
    *("_strptime", "encodings.idna", "encodings.latin_1", "zlib"),
)


class NoWallsError(Exception):
    """This machine cannot shut code in; the text is one sentence."""


def build(memory_bytes: int, seconds: float, parent: int) -> list[str]:
    """Shut this process in for good, and return the walls that stand."""
    machine = os.uname().machine
    if sys.platform != "linux" or machine not in ARCHITECTURES:
        raise NoWallsError(f"Code is run on Linux with an x86-64 or ARM processor only, and this is {machine}.")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    _limit(memory_bytes, seconds)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise NoWallsError("The kernel does not let a process give up new privileges.")
    hidden = _hide_files(libc)
    if not hidden:
        for name in _BEFOREHAND:
            importlib.import_module(name)
    program = filter_program(machine, reading=hidden)
    memory = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: the number of steps, and where they are.
    described = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(memory)))
    if libc.prctl(_PR_SET_SECCOMP, 2, described, 0, 0):
        raise NoWallsError("The kernel of this machine has no seccomp filters, so code cannot be shut in.")
    return ["limits", "no new privileges", "seccomp", "files hidden" if hidden else "no files"]


def _limit(memory_bytes: int, seconds: float) -> None:
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        _, highest = resource.getrlimit(limit)
        value = value if highest == resource.RLIM_INFINITY else min(value, highest)
        resource.setrlimit(limit, (value, value))


def _hide_files(libc: ctypes.CDLL) -> bool:
    """Let Python's own folders be read and nothing else, and say whether the kernel can do that (Landlock)."""
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    # Each version knows more ways to touch files; since 4 also connections, since 6 also signals to others.
    files = {1: (1 << 13) - 1, 2: (1 << 14) - 1}.get(version, (1 << 15) - 1 if version < 5 else (1 << 16) - 1)
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = libc.syscall(_CREATE_RULESET, struct.pack("=QQQ", files, 0b11, 0b11)[:size], ctypes.c_size_t(size), 0)
    if rules < 0:
        return False
    for path in {*_READABLE, *sys.path, f"{sys.base_prefix}/lib"}:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        access = _READ_FILE | (_READ_FOLDER if stat.S_ISDIR(os.fstat(place).st_mode) else 0)
        libc.syscall(_ADD_RULE, rules, 1, struct.pack("=Qi", access, place), 0)
        os.close(place)
    failed = libc.syscall(_RESTRICT_SELF, rules, 0)
    os.close(rules)
    return not failed
