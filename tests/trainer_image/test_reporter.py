"""Events out, requests in, output to the log, crashes in words."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trainer_image import reporter as reporter_module
from trainer_image.contract import (
    CheckpointRequest,
    Clock,
    ClockSet,
    Failed,
    Launch,
    PauseRequest,
    Phase,
    Request,
    RunFolder,
    StopRequest,
    UnknownLine,
    Warned,
    read_event,
    write_request,
)
from trainer_image.errors import TrainerError
from trainer_image.log.crashes import explain
from trainer_image.reporter import Reporter


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def _ask(folder: RunFolder, *requests: Request) -> None:
    with folder.requests.open("a", encoding="utf-8") as file:
        file.writelines(write_request(request) for request in requests)


def test_events_are_numbered_on_across_starts(folder: RunFolder) -> None:
    Reporter(folder).emit(Phase(name="load"))
    second = Reporter(folder)
    with second.phase("data"):
        pass
    events = [read_event(line) for line in folder.events.read_bytes().splitlines()]
    assert [event.seq for event in events if not isinstance(event, UnknownLine)] == [1, 2, 3]
    assert isinstance(events[2], Phase)
    assert events[2].seconds is not None


def test_a_clock_that_is_set_is_said_before_the_next_event(folder: RunFolder) -> None:
    wrong = [0.0]
    reporter = Reporter(folder)
    reporter.clock = Clock(lambda: time.time() + wrong[0])
    for by in (0.0, 0.5, 3600.0, 3600.0, -7200.0):
        wrong[0] = by
        reporter.emit(Phase(name="load"))
    events = [read_event(line) for line in folder.events.read_bytes().splitlines()]
    assert [event.kind for event in events] == [*["phase"] * 2, "clock_set", *["phase"] * 2, "clock_set", "phase"]
    assert [round(event.seconds) for event in events if isinstance(event, ClockSet)] == [3600, -10800]
    assert [event.seq for event in events if not isinstance(event, UnknownLine)] == list(range(1, 8))


def test_what_is_to_be_saved_waits_for_a_folder_that_was_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporter_module, "AWAY_LOOK_S", 0.01)
    folder, away = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "away")
    folder.path.mkdir()
    reporter = Reporter(folder)
    reporter.wait_for_folder()
    folder.path.rename(away.path)
    waiting = threading.Thread(target=reporter.wait_for_folder)
    waiting.start()
    until = time.monotonic() + 60
    while not away.events.stat().st_size and time.monotonic() < until:
        time.sleep(0.01)
    (warned,) = (read_event(line) for line in away.events.read_bytes().splitlines())
    assert isinstance(warned, Warned)
    assert warned.code == "folder_away"
    assert waiting.is_alive()
    assert not folder.path.exists()
    away.path.rename(folder.path)
    waiting.join(60)
    assert not waiting.is_alive()


def test_half_a_line_is_ended_and_costs_nothing_else(folder: RunFolder) -> None:
    Reporter(folder).emit(Phase(name="load"))
    with folder.events.open("ab") as file:
        file.write(b'{"seq":2,"ki')
    Reporter(folder).emit(Phase(name="data"))
    events = [read_event(line) for line in folder.events.read_bytes().splitlines()]
    assert [type(event) for event in events] == [Phase, UnknownLine, Phase]
    assert events[2].seq == 2  # type: ignore[union-attr]


def test_a_full_disk_while_writing_is_said(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    reporter = Reporter(folder)
    write = os.write
    monkeypatch.setattr("trainer_image.reporter.os.write", lambda handle, line: write(handle, line[:5]))
    with pytest.raises(OSError, match="No space left"):
        reporter.emit(Phase(name="load"))
    monkeypatch.undo()
    reporter.emit(Phase(name="data"))
    assert isinstance(read_event(folder.events.read_bytes().splitlines()[1]), Phase)


def test_only_the_first_process_speaks(folder: RunFolder) -> None:
    Reporter(folder, rank=1).emit(Phase(name="load"))
    assert folder.events.read_bytes() == b""


def test_how_far_a_phase_has_come_is_said_now_and_then_and_at_its_end(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("trainer_image.reporter.time.perf_counter", lambda: now)
    first, second = Reporter(folder), Reporter(folder, rank=1)
    for done in range(1, 101):
        first.count("evaluate", done, 100)
        second.count("evaluate", done, 100)
        now += 1 / 32
    events = [read_event(line) for line in folder.events.read_bytes().splitlines()]
    assert all(isinstance(event, Phase) and event.seconds is None and event.total == 100 for event in events)
    assert [event.done for event in events if isinstance(event, Phase)] == [1, 33, 65, 97, 100]


def test_what_fails_in_another_process_alone_is_told(folder: RunFolder) -> None:
    Reporter(folder).emit(Phase(name="load"))
    Reporter(folder, rank=1).fail(MemoryError())
    last = read_event(folder.events.read_bytes().splitlines()[-1])
    assert isinstance(last, Failed)
    assert (last.code, last.seq) == ("out_of_memory", 2)
    Reporter(folder, rank=1).fail(MemoryError())
    assert len(folder.events.read_bytes().splitlines()) == 2


def test_requests_are_heard_once_and_in_order(folder: RunFolder) -> None:
    reporter = Reporter(folder)
    assert reporter.requests() == []
    _ask(folder, CheckpointRequest(), PauseRequest())
    assert [request.kind for request in reporter.requests()] == ["checkpoint", "pause"]
    assert reporter.requests() == []
    line = write_request(StopRequest())
    with folder.requests.open("a") as file:
        file.write("no request\n" + line[:10])
    assert reporter.requests() == []
    with folder.requests.open("a") as file:
        file.write(line[10:])
    assert [request.kind for request in reporter.requests()] == ["stop"]


def test_requests_of_an_earlier_start_are_over(folder: RunFolder) -> None:
    first = Reporter(folder)
    first.emit(Phase(name="load"))
    # Made while the first trainer ran, which was killed before it heard it.
    _ask(folder, PauseRequest())
    now = datetime.now(UTC)
    launch = Launch(engine="docker", created=now, started=now, requests_offset=folder.requests.stat().st_size)
    folder.launch.write_text(launch.model_dump_json())
    # Made between the app's start call and the trainer's own beginning, by a clock that was set back meanwhile.
    _ask(folder, StopRequest(time=now - timedelta(days=1)))
    assert [request.kind for request in Reporter(folder).requests()] == ["stop"]


def test_requests_before_the_last_event_are_over(folder: RunFolder) -> None:
    _ask(folder, PauseRequest(time=datetime.now(UTC) - timedelta(seconds=1)))
    Reporter(folder).emit(Phase(name="load"))
    _ask(folder, CheckpointRequest(time=datetime.now(UTC) + timedelta(seconds=1)))
    assert [request.kind for request in Reporter(folder).requests()] == ["checkpoint"]


def test_a_warning_is_said_once(folder: RunFolder) -> None:
    reporter = Reporter(folder)
    reporter.warn("odd", "This is odd.")
    reporter.warn("odd", "This is odd.")
    events = [read_event(line) for line in folder.events.read_bytes().splitlines()]
    assert [type(event) for event in events] == [Warned]


def test_every_explosion_of_the_loss_is_said(folder: RunFolder) -> None:
    reporter = Reporter(folder)
    reporter.warn("diverged", "It explodes at step 10.")
    reporter.warn("diverged", "It explodes at step 90.")
    events = [read_event(line) for line in folder.events.read_bytes().splitlines()]
    assert [event.sentence[-8:] for event in events if isinstance(event, Warned)] == ["step 10.", "step 90."]


CRASHING = """
import os, sys
from pathlib import Path
from trainer_image.contract import Phase, RunFolder
from trainer_image.reporter import Reporter
reporter = Reporter(RunFolder(Path(sys.argv[1])))
reporter.take_over_output()
with reporter.telling_failure():
    print('a stray word')
    os.system('echo from a child')
    reporter.emit(Phase(name='load'))
    raise ValueError('no such luck')
"""


def test_stray_output_goes_to_the_log_and_a_crash_is_told(folder: RunFolder) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CRASHING, str(folder.path)],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    events = [read_event(line) for line in folder.events.read_bytes().splitlines()]
    assert [type(event) for event in events] == [Phase, Failed]
    failed = events[1]
    assert isinstance(failed, Failed)
    assert failed.code == "crashed"
    assert "no such luck" in failed.sentence
    assert "Traceback" in failed.traceback
    log = folder.log.read_text()
    assert "a stray word" in log
    assert "from a child" in log
    assert "ValueError: no such luck" in log


class OutOfMemoryError(RuntimeError):
    """Bears the name of torch's own."""


def _caused(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "out_of_memory"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "out_of_memory"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
            "out_of_memory",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (
            RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
            "disk_full",
        ),
        (RuntimeError("PytorchStreamWriter failed writing file data/1: file write failed"), "disk_full"),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 640 vs 532"), "disk_full"),
        (_caused(RuntimeError("save failed"), OSError(errno.ENOSPC, "full")), "disk_full"),
        (RuntimeError("CUDA error: no kernel image is available for execution on the device"), "gpu_missing"),
        (_caused(ValueError("x"), TrainerError("bad_data", "The rows are bad.", "Mend them.")), "bad_data"),
        (ValueError("anything else"), "crashed"),
    ],
)
def test_a_crash_in_words(error: Exception, code: str) -> None:
    found, sentence, hint = explain(error)
    assert found == code
    assert sentence
    assert hint
