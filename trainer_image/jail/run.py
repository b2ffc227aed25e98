"""Run programs that a model wrote, shut in: nothing of this machine is seen, written or reached, and time runs out.

The tests of a program run in a process of their own (``talk.py``), so that the code can neither print, return nor raise
a pass. What stays possible: guessing what has few outcomes (true or false), and an answer whose own classes are
compared with each other (``Point(1) == Point(1)``) is taken at its word. Threads, asyncio, files and packages beyond
the standard library do not work inside.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = str(Path(__file__).parents[2])
_START = (
    f"import sys; sys.path.insert(0, {_ROOT!r}); from trainer_image.jail.child import main; del sys.path[0]; main()"
)


class JailError(Exception):
    """Code cannot be run safely on this machine; the text is one sentence that says why."""


@dataclass(frozen=True)
class Limits:
    """What one program may use, all its tests together."""

    seconds: float = 5.0
    memory_bytes: int = 512 << 20
    output_bytes: int = 256 << 10


@dataclass(frozen=True)
class Program:
    """Code and what it has to pass: statements after a setup, or pairs of what goes in and what has to come out."""

    code: str
    setup: str = ""
    tests: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class JailResult:
    """How many tests passed, what was printed, and in one sentence what went wrong first (empty: nothing)."""

    passed: int
    tests: int
    output: str
    problem: str
    seconds: float


def run(program: Program, limits: Limits | None = None) -> JailResult:
    """Run one program against its tests."""
    layers()
    limits = limits or Limits()
    begun = time.monotonic()
    if program.pairs:
        passed, output, problem = _run_pairs(program, limits, begun + limits.seconds)
    else:
        passed, output, problem = _run_tests(program, limits, begun + limits.seconds)
    count = len(program.pairs or program.tests)
    return JailResult(passed, count, output, problem, time.monotonic() - begun)


def run_many(programs: Sequence[Program], limits: Limits | None = None, workers: int | None = None) -> list[JailResult]:
    """Run many programs, a few at a time, and return their results in the same order."""
    layers()
    with ThreadPoolExecutor(workers or min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(lambda program: run(program, limits), programs))


@functools.cache
def layers() -> tuple[str, ...]:
    """Return the walls that this machine can build, or raise JailError where they are not enough."""
    if sys.platform != "linux":
        raise JailError("Code is run on Linux only. Leave the reward code out.")
    with _child({"role": "walls"}, Limits(seconds=30)) as child:
        out, _ = child.communicate()
    said = out.decode().strip()
    if child.returncode:
        raise JailError(f"{said or 'No process could be shut in here.'} Leave the reward code out.")
    return tuple(said.splitlines())


def _run_pairs(program: Program, limits: Limits, deadline: float) -> tuple[int, str, str]:
    passed, output, problem = 0, "", ""
    for number, (given, expected) in enumerate(program.pairs, 1):
        job = {"role": "script", "code": program.code}
        with _child(job, limits, given) as child:
            streams = {"output": child.stdout, "errors": child.stderr}
            found, wrong = _read(streams, ("output", "errors"), limits, deadline)
            if not wrong:
                child.wait()
        printed, errors = found["output"], found["errors"]
        output += printed + errors
        if not wrong and child.returncode:
            wrong = f"Test {number} ended with {_last_line(errors) or f'exit code {child.returncode}'}."
        elif not wrong and _lines(printed) != _lines(expected):
            wrong = f"Test {number} printed {_short(printed)} instead of {_short(expected)}."
        passed += not wrong
        problem = problem or wrong
        if time.monotonic() >= deadline:
            break
    return passed, output[: limits.output_bytes], problem


def _run_tests(program: Program, limits: Limits, deadline: float) -> tuple[int, str, str]:
    with contextlib.ExitStack() as stack:
        hear, tell = os.pipe(), os.pipe()
        ends = [*hear, *tell]
        verdict = os.pipe()
        result = stack.enter_context(os.fdopen(verdict[0], "rb"))
        try:
            answer = {"role": "answer", "code": program.code, "reading": tell[0], "writing": hear[1]}
            child = stack.enter_context(_child(answer, limits))
            # Only the process of the tests has the pipe on which a pass is said.
            tests = {"role": "tests", "setup": program.setup, "tests": program.tests, "verdict": verdict[1]}
            stack.enter_context(_child(tests | {"reading": hear[0], "writing": tell[1]}, limits, silent=True))
        finally:
            for end in (*ends, verdict[1]):
                os.close(end)
        streams = {"result": result, "output": child.stdout, "errors": child.stderr}
        found, problem = _read(streams, ("result",), limits, deadline)
    said = [json.loads(line) for line in found["result"].splitlines(keepends=True) if line.endswith("\n")]
    passed = sum("passed" in line for line in said)
    if not said and not problem:
        problem = "The tests used more than they may."
    problem = problem or next((line["problem"] for line in said if "problem" in line), "")
    return passed, (found["output"] + found["errors"])[: limits.output_bytes], problem


@contextlib.contextmanager
def _child(
    job: dict[str, Any], limits: Limits, given: str = "", silent: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a shut-in process, without a folder of its own (it can write nothing), and end it whatever happens."""
    job = job | {"memory_bytes": limits.memory_bytes, "seconds": limits.seconds, "parent": os.getpid()}
    heard = subprocess.DEVNULL if silent else subprocess.PIPE
    # In memory, so that neither side ever waits for the other to read.
    with _in_memory(json.dumps(job)) as order, _in_memory(given) as stdin:
        child = subprocess.Popen(
            # Unbuffered, so that what was printed is known when time runs out.
            [sys.executable, "-I", "-S", "-B", "-u", "-X", "utf8", "-c", _START, str(order.fileno())],
            stdin=stdin,
            stdout=heard,
            stderr=heard,
            pass_fds=[order.fileno(), *(job[name] for name in ("reading", "writing", "verdict") if name in job)],
            env={},
            cwd="/",
            start_new_session=True,
        )
        try:
            yield child
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            for stream in (child.stdout, child.stderr):
                if stream is not None:
                    stream.close()


def _in_memory(text: str) -> Any:
    file = os.fdopen(os.memfd_create("given"), "w+b")
    file.write(text.encode("utf-8", "replace"))
    file.seek(0)
    return file


def _read(
    streams: dict[str, Any], until_end_of: Sequence[str], limits: Limits, deadline: float
) -> tuple[dict[str, str], str]:
    """Read until some streams end, time is up or too much was said; return the texts, and what was wrong."""
    found = {name: bytearray() for name in streams}
    waited_for = set(until_end_of)
    problem = ""
    with selectors.DefaultSelector() as selector:
        for name, stream in streams.items():
            selector.register(stream, selectors.EVENT_READ, name)
        while selector.get_map() and not problem:
            left = deadline - time.monotonic() if waited_for else 0
            ready = selector.select(max(0.0, left))
            for key, _ in ready:
                block = os.read(key.fd, 65536)
                found[key.data] += block
                if not block:
                    selector.unregister(key.fileobj)
                    waited_for.discard(key.data)
                if len(found[key.data]) > limits.output_bytes:
                    problem = f"It said more than {limits.output_bytes >> 10} KiB."
            if waited_for and time.monotonic() >= deadline:
                problem = f"It took longer than {limits.seconds:g} s."
            if not waited_for and not ready:
                break
    return {name: text.decode("utf-8", "replace") for name, text in found.items()}, problem


def _lines(text: str) -> list[str]:
    """Return the lines as they are compared: blanks at their ends and empty lines at the end do not count."""
    return [line.rstrip() for line in text.rstrip().splitlines()]


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2][:300].rstrip(".")


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:80] + "...")
