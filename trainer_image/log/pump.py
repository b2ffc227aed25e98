"""A small process between what a trainer prints and its log: it takes secrets out, and outlives who prints.

Libraries in C print past Python, and while they do, no thread of this process may run; so it is a process of its own,
forked before anything big is loaded. It writes on what was printed up to a crash.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from trainer_image.log.redaction import Redactor, Stream, redactor_of

_CHUNK = 64 * 1024
SETTLE_S = 5.0
"""How long to wait for the log to be written up to now."""
ORPHAN_S = 2.0
"""How long the pump goes on for processes that its own has left behind."""
MOST_BYTES = 256 * 1024**2
"""What a trainer and all that it starts may print in a torrent; then the log takes a trickle, so that no disk fills."""
TRICKLE = 64 * 1024
"""Bytes a second that it takes then."""
LAST_BYTES = 16 * 1024
"""What was printed last is kept however much came before it: there stands why a process ended."""
TAKEN = "TUNEDECK_OUTPUT_TAKEN"
"""The log that takes what a process and its children print."""


@dataclass
class _Pump:
    pid: int
    line: socket.socket
    """A byte on it asks for everything to be written; a byte comes back when it is."""


_pump: _Pump | None = None


def take_over(log: Path) -> None:
    """Send everything that this process and its children print to the log, without secrets.

    A child whose output goes there already leaves it so.
    """
    global _pump
    if os.environ.get(TAKEN) == str(log):
        return
    os.environ[TAKEN] = str(log)
    sys.stdout.flush()
    sys.stderr.flush()
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    out, into = os.pipe()
    mine, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(into)
            mine.close()
            _pump_on(out, theirs, file, redactor_of())
        finally:
            os._exit(0)  # whatever happened, this is no second trainer
    os.close(out)
    os.close(file)
    theirs.close()
    os.dup2(into, 1)
    os.dup2(into, 2)
    os.close(into)
    mine.settimeout(SETTLE_S)
    _pump = _Pump(pid, mine)
    atexit.register(let_go)


def settle() -> None:
    """Return when the log has everything that was printed so far; at once where there is no pump."""
    if _pump is not None:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
            _pump.line.send(b"s")
            _pump.line.recv(1)


def let_go() -> None:
    """Write the rest and end the pump; what is printed afterwards goes nowhere."""
    global _pump
    if _pump is None:
        return
    settle()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    _pump.line.close()
    with contextlib.suppress(ChildProcessError):  # whoever waits for any child may have seen it end
        os.waitpid(_pump.pid, 0)
    _pump = None


def _pump_on(out: int, line: socket.socket, file: int, redactor: Redactor) -> None:
    """Write what comes, until nobody can print any more."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    stream, allowance = Stream(redactor), _Allowance()
    ends_at: float | None = None
    while ends_at is None or time.monotonic() < ends_at:
        asked = [] if ends_at is not None else [line.fileno()]
        ready, _, _ = select.select([out, *asked], [], [], None if asked else ORPHAN_S)
        if out in ready:
            piece = os.read(out, _CHUNK)
            if not piece:
                break
            _write(file, allowance.of(stream.feed(piece)))
        elif ready:
            # Only once the pipe is empty: what was printed before the question is in the log with the answer.
            if line.recv(1):
                _write(file, allowance.of(stream.rest()) + allowance.last())
                line.send(b"d")
            else:
                ends_at = time.monotonic() + ORPHAN_S
    _write(file, allowance.of(stream.rest()) + allowance.last())


class _Allowance:
    """How much may still go into the log: a lot at once, and a little each second."""

    def __init__(self) -> None:
        self._left = float(MOST_BYTES)
        self._at = time.monotonic()
        self._is_cut = False
        self._left_out = b""

    def of(self, data: bytes) -> bytes:
        """Return what of the data goes into the log; where it begins to be left out, a line says so."""
        now = time.monotonic()
        self._left = min(MOST_BYTES, self._left + (now - self._at) * TRICKLE)
        self._at = now
        data = self._left_out + data
        if len(data) <= self._left:
            self._left -= len(data)
            self._is_cut, self._left_out = False, b""
            return data
        words = b"" if self._is_cut else b"\n[Too much is printed: some of it is left out here.]\n"
        self._is_cut, self._left_out = True, data[-LAST_BYTES:]
        return words

    def last(self) -> bytes:
        """Return the end of what was left out, once."""
        last, self._left_out = self._left_out, b""
        return last


def _write(file: int, data: bytes) -> None:
    """Write all of it; on a full disk it is lost, and who prints goes on."""
    while data:
        try:
            data = data[os.write(file, data) :]
        except OSError:
            return
