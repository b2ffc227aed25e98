"""Reading files that somebody else appends to."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop.core import run_log
from desktop.core.run_log import LineTail, RunLog, read_events, tail_of_log
from tests.fakes import FakeTrainer, events_of
from trainer_image.contract import Phase, RunFolder, Step, UnknownLine, write_event


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_a_file_that_is_not_there_yet_has_no_lines(path: Path) -> None:
    tail = LineTail(path)
    assert tail.poll() == []
    append(path, b"one\n")
    assert tail.poll() == [b"one"]
    assert tail.poll() == []


def test_half_a_line_waits_for_its_end(path: Path) -> None:
    tail = LineTail(path)
    append(path, b"one\ntw")
    assert tail.poll() == [b"one"]
    assert tail.poll() == []
    append(path, b"o\n")
    assert tail.poll() == [b"two"]


def test_a_truncated_file_is_read_from_its_beginning(path: Path) -> None:
    tail = LineTail(path)
    append(path, b"a long first line\n")
    tail.poll()
    path.write_bytes(b"short\n")
    assert tail.poll() == [b"short"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(parts=st.lists(st.binary(max_size=12).map(lambda data: data.replace(b"\r", b"\n")), max_size=12))
def test_however_the_bytes_come_the_lines_are_the_same(path: Path, parts: list[bytes]) -> None:
    path.unlink(missing_ok=True)
    tail = LineTail(path)
    lines: list[bytes] = []
    for part in parts:
        append(path, part)
        lines += tail.poll()
    assert lines == b"".join(parts).split(b"\n")[:-1]


def test_a_big_file_comes_in_parts_and_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_log, "MAX_READ", 4096)
    lines = [f"line {number}".encode() for number in range(5000)]
    append(path, b"\n".join(lines) + b"\n")
    tail = LineTail(path)
    first = tail.poll()
    assert 0 < len(first) < 1000
    read = list(first)
    while new := tail.poll():
        read += new
    assert read == lines


def test_a_line_longer_than_one_read_does_not_stop_the_rest(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_log, "MAX_READ", 4096)
    append(path, b"x" * 10_000 + b"\nafter\n")
    tail = LineTail(path)
    lines = [line for _ in range(10) for line in tail.poll()]
    assert lines == [b"x" * 10_000, b"after"]


def test_events_come_once_and_in_order(tmp_path: Path) -> None:
    trainer = FakeTrainer(RunFolder(tmp_path)).begin()
    log = RunLog(trainer.folder.events)
    first = log.poll()
    trainer.step(1).step(2)
    second = log.poll()
    assert first + second == events_of(trainer)
    assert [event.step for event in second if isinstance(event, Step)] == [1, 2]
    assert log.poll() == []


def test_lines_that_cannot_be_read_are_kept_and_the_others_are_read(path: Path) -> None:
    append(path, write_event(Phase(name="load")).encode())
    append(path, b'{"kind":"hologram","seq":2}\n')
    append(path, b"\x00\xff\xfe{{{\n\n   \n")
    append(path, b'{"kind":"step","seq":"no"}\n')
    append(path, b"\n")
    append(path, write_event(Phase(name="data")).encode())
    events = read_events(path)
    assert [type(event) for event in events] == [Phase, UnknownLine, UnknownLine, UnknownLine, Phase]
    assert isinstance(events[1], UnknownLine)
    assert "hologram" in events[1].line


def test_fields_of_a_newer_trainer_are_left_aside(path: Path) -> None:
    append(path, b'{"kind":"phase","name":"load","seq":3,"mood":"good","time":"2026-01-02T03:04:05Z"}\n')
    (event,) = read_events(path)
    assert isinstance(event, Phase)
    assert event.seq == 3


def test_read_events_reads_past_one_part(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_log, "MAX_READ", 512)
    append(path, b"".join(write_event(Phase(name="load", seq=number)).encode() for number in range(200)))
    assert len(read_events(path)) == 200


def test_the_tail_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    assert tail_of_log(log) == ""
    log.write_bytes(b"\xff\xfe" + b"x" * 100_000 + b"\n" + b"".join(b"line %d\n" % n for n in range(100)))
    lines = tail_of_log(log).splitlines()
    assert len(lines) == 40
    assert lines[-1] == "line 99"
    assert tail_of_log(log, lines=1) == "line 99"
