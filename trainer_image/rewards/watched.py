"""A second process for what can run away on a text that a model wrote: search a pattern, check a JSON schema."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from trainer_image.rewards.kinds import RewardError

_ROOT = str(Path(__file__).parents[2])
_START = f"import sys; sys.path.insert(0, {_ROOT!r}); from trainer_image.rewards.watched import serve; serve()"
_SCHEMAS = "trainer_image.rewards.schemas"


class Watched:
    """A process that answers questions in turn; one that takes too long is ended, and a new one goes on."""

    def __init__(self, seconds: float, *, validates: bool = False) -> None:
        """Give each answer so many seconds; one that ``validates`` has what it takes for that before the first."""
        self._seconds, self._words = seconds, ["validate"] if validates else []
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def ask(self, verb: str, **question: Any) -> bool | None:
        """Return the answer, or None where time ran out or the process died of the question."""
        process = self._process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(question | {"verb": verb}).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            line = b""
        else:
            line = self._read_line(process)
        if not line.endswith(b"\n"):
            self._end()
            return None
        return bool(json.loads(line))

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-B", "-c", _START, *self._words]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # A slow start is not the text's fault: the time counts from when it says "true".
        if self._read_line(process, 60.0) != b"true\n":
            process.kill()
            process.communicate()
            raise RewardError("The process that searches and checks did not start.", "See the log of the run.")
        return process

    def _read_line(self, process: subprocess.Popen[bytes], seconds: float | None = None) -> bytes:
        assert process.stdout is not None
        line, deadline = b"", time.monotonic() + (self._seconds if seconds is None else seconds)
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            block = os.read(process.stdout.fileno(), 4096) if ready else b""
            if not block:
                return line
            line += block
        return line

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


# Inside the second process


def serve() -> None:
    """Answer the questions on stdin, one JSON value a line."""
    if "validate" in sys.argv[1:]:
        import_module(_SCHEMAS)
    print("true", flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(_VERBS[question.pop("verb")](**question)), flush=True)


def _search(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None


def _validate(schema: Any, value: Any) -> bool:
    # Late: the package takes its time, and only this verb needs it.
    return bool(import_module(_SCHEMAS).is_valid(schema, value))


_VERBS: Mapping[str, Callable[..., bool]] = {"search": _search, "validate": _validate}
