"""Steps that are read fast: the same numbers and the same lines as Python reads, whatever stands in the file."""

from __future__ import annotations

import json
import math
import random
import struct
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from desktop.core import curve_lines, curve_parts, curves, step_columns
from desktop.core.completions import Completions
from desktop.core.curve_lines import Kept, part_of
from desktop.core.curves import Curves
from desktop.core.opening import read_whole
from desktop.core.progress import Progress, advance
from desktop.core.run_log import RunLog, read_events
from desktop.core.series import STEP_COLUMNS, Series
from desktop.core.step_columns import StepReader, is_there
from tests.fakes import FakeTrainer
from trainer_image.contract import Event, RunFolder, Step, UnknownLine, Warned, read_event

pytestmark = pytest.mark.skipif(not is_there(), reason="there was no C compiler when the app was installed")

WRONG_NUMBERS = (
    *("null", "-0", "-0.0", "0.0", "01", "1.", ".5", "+1", "1e", "NaN", "-Infinity", "1e999", "1e-400", "5e-324", ""),
    *("true", '"1.5"', "[]", "{}", "9007199254740993", "9007199254740993.0", "18446744073709551617", "1_0", "1E5"),
)
WRONG_TIMES = (
    *('"2026-02-29T00:00:00Z"', '"2028-02-29T00:00:00.1Z"', '"2026-01-31T23:59:60Z"', '"2026-01-31T24:00:00Z"'),
    *('"2026-01-31T23:59:59+01:00"', '"1969-12-31T23:59:59Z"', "1767225600", "null", '"2026-01-31T23:59:59.1234567Z"'),
)
NAMES = ("reward", "kl", "rewards/margins", "completions/mean_length", 'quo"te', "ümlaut", "", "a\\b", "\x7f", "\ud800")
UNKNOWN = (
    *("1", "-1.5e+10", '"plain"', '"es\\"caped"', '"ü"', "null", "true", "false", "nul", "[1,[2,{}],[]]", '"tab\t"'),
    *("[" * 9 + "]" * 9, "[" * 300 + "]" * 300, "[1,]", '{"a"}', '{"a":1,}', "01", "[1 ,2]", '"open', "[1}"),
    '{"a":{"b":[]}}',
)
DAMAGE = ("", "\\", '"', "{", "}", "[", "x", ",", ":", "\x00", "ß", "\r", "9" * 30)


class Writer:
    """Writes events as our trainer does, and now and then as nobody should."""

    def __init__(self, seed: int, oddness: float) -> None:
        self.dice = random.Random(seed)
        self.oddness = oddness

    def is_odd(self) -> bool:
        return self.dice.random() < self.oddness

    def number(self) -> str:
        if self.is_odd():
            return self.dice.choice(WRONG_NUMBERS)
        match self.dice.randrange(8):
            case 0:
                return repr(struct.unpack("d", self.dice.randbytes(8))[0])
            case 1:
                places, how = self.dice.randrange(26), self.dice.choice("efgE")
                return f"{10 ** self.dice.uniform(-30, 30):.{places}{how}}"
            case 2:
                return str(self.dice.randrange(-(10 ** self.dice.randrange(1, 25)), 10**9))
            case 3:  # halfway between two floats, or beside it
                return str((self.dice.getrandbits(53) | 1 << 52) * 2 + 1 + self.dice.randrange(-1, 2)) + ".0"
            case 4:
                return f"{self.dice.randrange(10**17)}e{self.dice.randrange(-60, 60)}"
            case _:
                return repr(self.dice.random() * self.dice.choice((1, -1, 1e-4, 1e-12, 1e5)))

    def whole(self) -> str:
        return self.number() if self.is_odd() else str(self.dice.randrange(10 ** self.dice.randrange(1, 19)))

    def time(self) -> str:
        if self.is_odd():
            return self.dice.choice(WRONG_TIMES)
        micros = self.dice.choice((0, 500_000, self.dice.randrange(10**6)))
        moment = datetime(1970, 1, 1) + timedelta(seconds=self.dice.randrange(8 * 10**9), microseconds=micros)
        return f'"{moment.isoformat()}Z"'

    def metrics(self) -> str:
        names = self.dice.choices(NAMES if self.is_odd() else NAMES[:4], k=self.dice.randrange(4))
        names = names if self.is_odd() else list(dict.fromkeys(names))
        values = [self.dice.choice((self.number(), "null")) for _ in names]
        return "{" + ",".join(f"{json.dumps(n)}:{value}" for n, value in zip(names, values, strict=True)) + "}"

    def step(self) -> str:
        fields = [
            ("seq", self.whole()),
            ("time", self.time()),
            ("kind", '"step"'),
            ("step", self.whole()),
            ("epoch", self.number()),
            ("loss", self.dice.choice((self.number(), "null"))),
            ("learning_rate", self.number()),
            ("grad_norm", self.dice.choice((self.number(), "null"))),
            ("tokens", self.whole()),
            ("tokens_per_s", self.number()),
            ("step_s", self.number()),
            ("gpu_peak_bytes", self.dice.choice(("[1.5]", "null", "[1,]")) if self.is_odd() else "[11811160064,7]"),
            ("metrics", self.metrics()),
        ]
        if self.is_odd():
            self.dice.shuffle(fields)
        if self.is_odd():
            fields.pop(self.dice.randrange(len(fields)))
        if self.is_odd():
            fields.insert(self.dice.randrange(len(fields)), self.dice.choice(fields))
        if self.is_odd():
            fields.insert(self.dice.randrange(len(fields)), (self.dice.choice(NAMES), self.dice.choice(UNKNOWN)))
        gap = " " if self.is_odd() else ""
        line = "{" + f",{gap}".join(f"{json.dumps(name)}:{gap}{value}" for name, value in fields) + "}"
        if self.is_odd():
            at = self.dice.randrange(len(line))
            line = line[:at] + self.dice.choice(DAMAGE) + line[at + self.dice.randrange(2) :]
        return line

    def other(self) -> str:
        kind = self.dice.choice(
            ("evaluation", "completion", "hello", "checkpoint", "warning", "of a newer trainer", "")
        )
        rest = {
            "evaluation": '"step":7,"loss":1.5,"metrics":{"reward":null},"seconds":3.0',
            "completion": '"step":7,"prompt":"\\"kind\\":\\"step\\"","text":"ß\\n","reward":1.0',
            "hello": '"contract":3,"versions":{},"device":"cpu","backend":"x","gpus":[],"processes":1,"seed":1,'
            + self.dice.choice(('"resumed_from":null', '"resumed_from":7')),
            "checkpoint": '"step":7,"folder":"c","size_bytes":1,"seconds":1.0',
            "warning": '"code":"x","sentence":"y"',
        }.get(kind, '"inner":{"kind":"step"}')
        if not kind:
            return self.dice.choice(("", "  ", "\t\r", "x", "{}", "[]", "{", '{"seq":1', "null", "\x00", "{" * 99))
        return f'{{"seq":{self.dice.randrange(99)},"time":{self.time()},"kind":"{kind}",{rest}}}'

    def file(self) -> bytes:
        lines = [self.step() if self.dice.random() < 0.8 else self.other() for _ in range(self.dice.randrange(60))]
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")


def written(seed: int) -> bytes:
    """Return a file that is odd in few places, in many, or in none."""
    return Writer(seed, (0.0, 0.01, 0.1)[seed % 3]).file()


def plainly(data: bytes) -> tuple[list[tuple[float, ...]], dict[str, list[float]], list[Event | UnknownLine]]:
    """Return the rows of the steps, their metrics and the other events, read as slowly as can be."""
    rows, metrics = list[tuple[float, ...]](), dict[str, list[float]]()
    others = []
    for line in data.split(b"\n")[:-1]:
        if not line.strip():
            continue
        event = read_event(line)
        if not isinstance(event, Step):
            others.append(event)
            continue
        for name in event.metrics:
            metrics.setdefault(name, [math.nan] * len(rows))
        for name, column in metrics.items():
            value = event.metrics.get(name)
            column.append(math.nan if value is None else value)
        said = (event.loss, event.learning_rate, event.grad_norm, event.tokens_per_s, event.step_s)
        moment = event.time.timestamp() if "time" in event.model_fields_set else math.nan  # else it is now
        numbers = (event.step, moment, event.tokens, *said)
        rows.append(tuple(math.nan if number is None else float(number) for number in numbers))
    return rows, metrics, others


def assert_reads_as(found: Curves, data: bytes) -> None:
    rows, metrics, others = plainly(data)
    expected = np.array(rows).reshape(-1, 8).T
    np.testing.assert_array_equal(np.where(np.isnan(expected[1]), expected, found.steps), expected)
    assert list(found.metrics) == list(metrics)
    for name, values in metrics.items():
        np.testing.assert_array_equal(found.metrics[name], values)
    kept = [event for line in found.lines if not isinstance(event := read_event(line), Step)]
    assert kept == others


@pytest.mark.parametrize("seed", range(120))
def test_lines_say_what_python_reads_in_them(seed: int, tmp_path: Path) -> None:
    data, path, kept = written(seed), tmp_path / "events.jsonl", Kept(Curves())
    path.write_bytes(data)
    # Room for all lines and not a byte more, or for few of them at a time, down to less than one.
    reader = StepReader(len(data), (max(1, len(data)), 4000, 700, 40)[seed % 4])
    with path.open("rb") as file:
        for found in reader.read(file.fileno(), 0, len(data)):
            kept.add(part_of(found, lambda first, last: data[first:last]), 1.0)
    assert_reads_as(kept.result(len(data)), data)


@pytest.mark.parametrize("seed", range(30))
def test_a_file_read_in_parts_is_the_file_read_line_by_line(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curve_parts, "_PART", 200 + 70 * seed)
    monkeypatch.setattr(curve_parts, "_WINDOW", 64)
    data, path = written(seed), tmp_path / "events.jsonl"
    path.write_bytes(data + b'{"seq":')  # the last line is being written
    found = curve_parts.read(path)
    assert found is not None
    assert found.offset == len(data)
    assert_reads_as(found, data)
    # What was kept of the first half is gone on with.
    half = data.rfind(b"\n", 0, len(data) // 2) + 1
    path.write_bytes(data[:half])
    first = curve_parts.read(path)
    assert first is not None
    curves.save(path, first)
    path.write_bytes(data)
    again = curve_parts.read(path)
    assert again is not None
    assert_reads_as(again, data)
    assert again.lines == found.lines
    np.testing.assert_array_equal(again.places, found.places)


def test_too_much_that_is_odd_is_left_to_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"damage\n" * 30)
    monkeypatch.setattr(curve_lines, "MOST_STRANGE", 30)
    assert curve_parts.read(path) is not None
    monkeypatch.setattr(curve_lines, "MOST_STRANGE", 29)
    assert curve_parts.read(path) is None


def test_a_line_that_is_too_long_for_any_buffer_is_left_to_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"x":"' + 600_000 * b"y" + b'"}\n')
    assert curve_parts.read(path) is not None
    monkeypatch.setattr(step_columns, "_LONGEST", 300_000)
    assert curve_parts.read(path) is None


@pytest.mark.parametrize("end", [b"\n", b""], ids=["shorter than it was", "without a last line feed"])
def test_a_file_that_has_become_another_is_not_believed(end: bytes, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    data = written(3) + b"{}" + end
    path.write_bytes(data)
    reader = StepReader(len(data), 4000)
    with path.open("rb") as file, pytest.raises(ValueError, match="no whole lines"):
        list(reader.read(file.fileno(), 0, len(data) + len(end)))


@pytest.fixture
def trainer(tmp_path: Path) -> FakeTrainer:
    """A run with steps made twice, metrics that come and go, a clock that was set, and warnings."""
    trainer = FakeTrainer(RunFolder(tmp_path), total_steps=400).begin()
    for number in range(1, 301):
        metrics = {"reward": number / 100, "kl": None} if number % 7 else {}
        trainer.step(number, None if number == 77 else 4 - number / 100, metrics=metrics)
        if number % 20 == 0:
            trainer.evaluate(number, 2.0).checkpoint(number)
        trainer.completion(number, 0.5)
    trainer.set_clock(3600).say(Warned(code="slow", sentence="It is slow."))
    trainer.step(301).begin(resumed_from=280)
    for number in range(281, 400):
        trainer.step(number, 1.0, metrics={"kl": 0.25})
    return trainer


def test_what_our_trainer_writes_needs_no_python(trainer: FakeTrainer) -> None:
    size = trainer.folder.events.stat().st_size
    with trainer.folder.events.open("rb") as file:
        steps = sum(found.columns.shape[1] for found in StepReader(size).read(file.fileno(), 0, size))
    assert steps == sum(isinstance(event, Step) for event in read_events(trainer.folder.events))


def test_a_run_that_was_never_opened_is_the_run_read_from_its_events(
    trainer: FakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = trainer.folder.events
    series, answers, events = Series(), Completions(), read_events(path)
    series.add(events)
    answers.add(events)
    told = advance(Progress(), events)
    monkeypatch.setattr(curves, "LARGE", 1000)
    for _ in range(2):  # read, and then as it was kept
        found, completions = Series(), Completions()
        progress = advance(Progress(), read_whole(RunLog(path), found, completions))
        assert completions.all() == answers.all()
        assert found.metric_names() == series.metric_names()
        for name in STEP_COLUMNS:
            np.testing.assert_allclose(found.column(name), series.column(name), rtol=0, atol=2e-6)
        for name in series.metric_names():
            np.testing.assert_array_equal(found.metric(name), series.metric(name))
        for marks in ("checkpoint_steps", "pause_steps", "resume_steps", "warning_steps"):
            np.testing.assert_array_equal(getattr(found, marks)(), getattr(series, marks)())
        same = ("last_seq", "step", "metrics", "evaluation", "checkpoints", "warnings", "unknown_lines", "open_phases")
        for name in same:
            assert getattr(progress, name) == getattr(told, name), name
        assert path.with_name(curves.NAME).exists()
