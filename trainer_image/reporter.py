"""The trainer's voice and ear: append events, read requests, send stray text to the log, tell a failure."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from trainer_image.contract import (
    Clock,
    ClockSet,
    End,
    Event,
    Failed,
    Finished,
    Hello,
    Launch,
    Phase,
    PhaseName,
    Plan,
    Request,
    RunFolder,
    UnknownLine,
    Warned,
    read_event,
    read_request,
    write_event,
)
from trainer_image.log import pump
from trainer_image.log.crashes import explain
from trainer_image.log.redaction import redactor_of
from trainer_image.supervised import heartbeat, is_supervised, obey_launcher

BETWEEN_COUNTS_S = 1.0
"""How far a phase has come is told no more often."""
AWAY_LOOK_S = 0.5
"""How often it is looked whether a run folder is back."""


_SAID_AGAIN = ("diverged",)
"""Who warns so waits by himself for it to last; a second time is news."""


class Reporter:
    """One run folder's events and requests; of several processes only the first speaks."""

    def __init__(self, folder: RunFolder, rank: int = 0) -> None:
        self.folder = folder
        self.rank = rank
        self._warned: set[str] = set()
        self._redactor = redactor_of()
        self.past = _Past.of(folder)
        self._seq = self.past.seq
        self._handle = os.open(folder.events, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._line_is_open = self.past.line_is_open
        self._heard_until = self.past.requests_offset
        self._pause_signalled = False
        self._pulse: int | None = None
        self._next_count = 0.0
        self.clock = Clock()

    def close(self) -> None:
        """Let go of the events file; another process writes on."""
        os.close(self._handle)

    def emit(self, event: Event) -> None:
        """Append one event as one line, in one write."""
        if self.rank == 0:
            self._append(event)

    def _append(self, event: Event) -> None:
        if by := self.clock.set_by():
            self._write(ClockSet(seconds=by))
        self._write(event)

    def _write(self, event: Event) -> None:
        line = self._redactor.data(write_event(event.model_copy(update={"seq": self._seq + 1})).encode())
        if self._line_is_open:
            # A trainer that was killed while writing left half a line: end it, so that only that one is lost.
            line = b"\n" + line
        written = os.write(self._handle, line)
        self._line_is_open = written < len(line)
        if self._line_is_open:
            raise OSError(errno.ENOSPC, "No space left on device", str(self.folder.events))
        self._seq += 1

    def warn(self, code: str, sentence: str, hint: str = "") -> None:
        """Say something that the user should know and that does not end the run: once, or as often as it happens."""
        if code not in self._warned or code in _SAID_AGAIN:
            self._warned.add(code)
            self.emit(Warned(code=code, sentence=sentence, hint=hint))

    @contextmanager
    def phase(self, name: PhaseName) -> Iterator[None]:
        """Say that a part of the run begins, and when it has ended how long it took."""
        self.emit(Phase(name=name))
        start = time.perf_counter()
        yield
        self.emit(Phase(name=name, seconds=time.perf_counter() - start))

    def count(self, name: PhaseName, done: int, total: int) -> None:
        """Say how far an open phase has come: at most once a second, and when all is done; cheap at every step."""
        now = time.perf_counter()
        if self.rank == 0 and (now >= self._next_count or done >= total):
            self._next_count = now + BETWEEN_COUNTS_S
            self.emit(Phase(name=name, done=done, total=total))

    def requests(self) -> list[Request]:
        """Return the requests that are new since the last call, without those made of an earlier trainer."""
        try:
            with self.folder.requests.open("rb") as file:
                file.seek(self._heard_until)
                new = file.read()
        except FileNotFoundError:
            return []
        whole = new[: new.rfind(b"\n") + 1]
        self._heard_until += len(whole)
        heard = (read_request(line) for line in whole.splitlines())
        return [request for request in heard if request and request.time > self.past.until]

    def listen_to_signals(self) -> None:
        """Take SIGTERM and SIGINT for a wish to pause: what ``docker stop`` sends must not cost the run."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        if is_supervised():
            obey_launcher()

    def beat(self) -> None:
        """Show the launcher that this process gets on."""
        if not is_supervised():
            return
        if self._pulse is None:
            self._pulse = os.open(heartbeat(self.folder, self.rank), os.O_WRONLY | os.O_CREAT, 0o644)
        os.utime(self._pulse)

    def wait_for_folder(self) -> None:
        """Wait while the run folder is not where it was, before something is saved there.

        It was moved away, or lies on a disk that is not there. What is open is written on; but a checkpoint at the old
        place would be torn from its run, and be in the way of the folder when it comes back.
        """
        while not self.folder.path.is_dir():
            sentence = "The run folder was not at its place when there was something to save: training waited for it."
            self.warn("folder_away", sentence)
            self.beat()
            time.sleep(AWAY_LOOK_S)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._pause_signalled = True

    @property
    def was_told_to_pause(self) -> bool:
        """Say whether a signal has asked this process to end."""
        return self._pause_signalled

    def take_over_output(self) -> None:
        """Send everything that this process prints, libraries in C included, to the log, without secrets."""
        pump.take_over(self.folder.log)

    def fail(self, error: BaseException) -> None:
        """Say why the run cannot go on, and leave the traceback in the log."""
        text = "".join(traceback.format_exception(error))
        with suppress(OSError):
            print(text, file=sys.stderr, flush=True)
        code, sentence, hint = explain(error)
        failed = Failed(code=code, sentence=sentence, hint=hint, traceback=text)
        if is_supervised():
            # The launcher decides whether this is the end of the run.
            with suppress(OSError):
                self._tell_launcher(failed)
            return
        if self.rank != 0:
            if self._first_process_tells():
                return
            self._seq = _Past.of(self.folder).seq
        with suppress(OSError):
            self._append(failed)

    def _tell_launcher(self, failed: Failed) -> None:
        """Write down why this process ends: the first to tell is heard, but full memory is the cause of the rest."""
        aside = self.folder.trouble.with_name(f"{self.folder.trouble.name}.{os.getpid()}")
        aside.write_bytes(self._redactor.data(failed.model_dump_json().encode()))
        if failed.code != "out_of_memory":
            with suppress(FileExistsError):
                os.link(aside, self.folder.trouble)
            aside.unlink()
        else:
            aside.replace(self.folder.trouble)

    def _first_process_tells(self) -> bool:
        """Wait a moment for the first process to report the end; what fails here alone has to be told here."""
        for _ in range(30):
            time.sleep(0.1)
            if _Past.of(self.folder).ended:
                return True
        return False

    @contextmanager
    def telling_failure(self) -> Iterator[None]:
        """Turn an exception into a Failed event and exit code 1."""
        try:
            yield
        except Exception as error:
            self.fail(error)
            raise SystemExit(1) from None


class _Past:
    """What an events file already says when a trainer starts."""

    def __init__(self) -> None:
        self.seq = 0
        self.line_is_open = False
        self.was_greeted = False
        self.ended = False
        self.finished = False
        self.dataset_sha256: str | None = None
        self.until = datetime.min.replace(tzinfo=UTC)
        """Requests up to here were made of an earlier trainer, or of none."""
        self.requests_offset = 0
        """The same in bytes of the file, as the app noted it."""

    @classmethod
    def of(cls, folder: RunFolder) -> _Past:
        past = cls()
        last = b""
        with suppress(FileNotFoundError), folder.events.open("rb") as file:
            for line in file:
                past.line_is_open = not line.endswith(b"\n")
                if past.line_is_open:
                    break
                last = line if line.startswith(b"{") else last
                # Reading every line with pydantic would take seconds on a long run.
                past.was_greeted |= b'"kind":"hello"' in line and isinstance(read_event(line), Hello)
                if b'"kind":"plan"' in line and isinstance(plan := read_event(line), Plan):
                    past.dataset_sha256 = plan.dataset_sha256
        event = read_event(last)
        if not isinstance(event, UnknownLine):
            past.seq, past.until, past.ended = event.seq, event.time, isinstance(event, End)
            past.finished = isinstance(event, Finished)
        if launch := _launch_of(folder):
            # The app noted where the requests for this trainer begin; no clock can be wrong about that.
            past.requests_offset, past.until = launch.requests_offset, datetime.min.replace(tzinfo=UTC)
        return past


def _launch_of(folder: RunFolder) -> Launch | None:
    """Return what the app wrote before this start, or None for a trainer that was started by hand."""
    try:
        return Launch.model_validate_json(folder.launch.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def write_json(path: Path, value: object) -> None:
    """Write a small JSON file and bring it to the disk."""
    with path.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
