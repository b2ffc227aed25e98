"""Watch the trainer's processes to their end: pass signals on, see a hang, find out why they ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from trainer_image.cards.watchdog import Watchdog, gpu_lost
from trainer_image.contract import Failed, RunFolder
from trainer_image.launching.crew import LOOK_S, Crew
from trainer_image.log import pump
from trainer_image.log.crashes import explain_log
from trainer_image.supervised import HANG_S, heartbeat

QUIET_S = 600.0
"""No run counts as hung before so many seconds without a heartbeat."""
QUIET_TIMES = 20
"""And not before so many times the longest pause that it has made so far."""
LEAVE_S = 5.0
"""What the other processes get to end by themselves, and to say why, once one has failed."""
FINISH_S = 60.0
"""The same once the first, which has the last word, has come to a good end."""
SAVE_S = 180.0
"""What processes whose cards are gone get to come to the end of their step and save, if they can."""
STACKS_S = 3.0
"""What processes that hang get to write down where."""
APART_S = 0.2
LOG_TAIL = 16_384

ASKED_TO_END = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
"""Who ends by one of these was ended from outside; that needs no words of ours."""


class Signals:
    """What this process is told from outside goes on to the crew at work."""

    def __init__(self) -> None:
        self.told = 0
        """The last signal that came; 0 where none did."""
        self.crew: Crew | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._pass_on)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self.told = number
        if self.crew is not None:
            self.crew.send(number)


@dataclass(frozen=True)
class Ending:
    """How one try ended: the code to leave with, and why, where that is known."""

    code: int
    failed: Failed | None = None


def run(
    words: Sequence[str],
    environment: dict[str, str],
    count: int,
    folder: RunFolder,
    signals: Signals,
    watchdog: Watchdog | None = None,
    ready: Crew | None = None,
) -> Ending:
    """Start the trainer's processes, or let those begin that stand ready, stay with them, and return how it ended."""
    folder.trouble.unlink(missing_ok=True)
    log_until = folder.log.stat().st_size if folder.log.exists() else 0
    pulse = _Pulse([heartbeat(folder, rank) for rank in range(count)])
    crew = signals.crew = ready or Crew(words, environment, count)
    if ready is not None:
        ready.release()
    if signals.told:
        crew.send(signals.told)
    is_hung = _watch(crew, folder, pulse, watchdog)
    pulse.forget()
    signals.crew = None
    if watchdog is not None and watchdog.lost:
        return Ending(1, gpu_lost(watchdog.lost))
    if is_hung:
        return Ending(1, _hung(count))
    failed = _trouble(folder)
    if crew.was_killed_from_outside:
        # The others only saw it go. Who kills without a word is the kernel, as a rule, for memory.
        return Ending(exit_code(-signal.SIGKILL))
    if failed:
        return Ending(1, failed)
    if crew.code == 0 or -crew.code in ASKED_TO_END:
        return Ending(exit_code(crew.code))
    return Ending(exit_code(crew.code), crashed(crew.code, _log_since(folder, log_until)))


def exit_code(code: int) -> int:
    """Return a code as a shell would give it: 128 and the signal's number."""
    return 128 - code if code < 0 else code


def _watch(crew: Crew, folder: RunFolder, pulse: _Pulse, watchdog: Watchdog | None) -> bool:
    """Return when no process is left; say whether they had to be ended because they hung."""
    ends_at: float | None = None
    was_told_of_cards = False
    while crew.is_running:
        time.sleep(LOOK_S)
        now = time.monotonic()
        has_failed = crew.code != 0 or folder.trouble.exists()
        if ends_at is None and (has_failed or crew.is_done):
            ends_at = now + (LEAVE_S if has_failed else FINISH_S)
        if watchdog is not None and watchdog.lost and not was_told_of_cards:
            # What has the cards open may go on for a while: long enough to save.
            was_told_of_cards = True
            crew.send(signal.SIGTERM)
            ends_at = ends_at or now + SAVE_S
        if ends_at is not None and now > ends_at:
            crew.kill()
        elif pulse.has_stopped(now):
            # Each writes the stacks of its threads into the log.
            crew.send(signal.SIGUSR1, APART_S)
            crew.wait(STACKS_S)
            crew.kill()
            return not crew.is_done
    return False


class _Pulse:
    """The heartbeats of all processes, seen as one."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self.forget()
        self._limit = float(os.environ.get(HANG_S, 0))
        self._last = 0
        self._since = self._looked = 0.0
        self._longest = 0.0

    def forget(self) -> None:
        """Take away what processes of another try left."""
        for path in self._files:
            path.unlink(missing_ok=True)

    def has_stopped(self, now: float) -> bool:
        """Say whether no process has got on for far longer than ever before, once they had begun."""
        if now - self._looked > 10:
            # This process itself was stopped, as by a paused container: nobody else got on meanwhile either.
            self._since = now
        elif now - self._looked < 1 and not self._limit:
            return False
        self._looked = now
        last = max((_time_of(path) for path in self._files), default=0)
        if last != self._last:
            self._longest = max(self._longest, now - self._since) if self._last else 0.0
            self._last, self._since = last, now
        limit = self._limit or max(QUIET_S, QUIET_TIMES * self._longest)
        return self._last > 0 and now - self._since > limit


def _time_of(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _trouble(folder: RunFolder) -> Failed | None:
    """Return what a process of the trainer has said of its end."""
    try:
        return Failed.model_validate_json(folder.trouble.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    finally:
        folder.trouble.unlink(missing_ok=True)


def _hung(count: int) -> Failed:
    if count > 1:
        sentence = "The processes of the run stopped getting on; they may have waited for each other."
        hint = (
            "The log has their stacks. Resume to go on from the last checkpoint; if it happens again, "
            "set Use of the cards to one: NCCL, by which the cards talk, does not work well on this machine."
        )
    else:
        sentence = "The run stopped getting on."
        hint = "The log has the stacks of its threads. Resume to go on from the last checkpoint."
    return Failed(code="hung", sentence=sentence, hint=hint)


def crashed(code: int, log: str) -> Failed:
    """Return the failure of a trainer that ended without saying why; ``log`` is the end of its log."""
    if known := explain_log(log):
        return Failed(code=known[0], sentence=known[1], hint=known[2], traceback=log)
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    hint = "The log has the details. Resume to go on from the last checkpoint."
    return Failed(code="crashed", sentence=f"The trainer ended without a word ({how}).", hint=hint, traceback=log)


def _log_since(folder: RunFolder, offset: int) -> str:
    """Return the end of what the log has got since ``offset``."""
    pump.settle()
    try:
        with folder.log.open("rb") as file:
            file.seek(max(offset, folder.log.stat().st_size - LOG_TAIL))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
