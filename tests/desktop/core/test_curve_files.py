"""Curves as CSV: every value as it was measured, and pins that come back."""

from __future__ import annotations

import csv
import math
from datetime import datetime
from pathlib import Path

import pytest

from desktop.core import pins
from desktop.core.curve_files import RunTable, write_csv
from desktop.core.pins import Pin
from desktop.core.series import Series
from desktop.errors import StoreError
from tests.fakes import FakeTrainer, events_of
from trainer_image.contract import RunFolder


def test_the_table_holds_exactly_what_was_measured(tmp_path: Path) -> None:
    trainer = FakeTrainer(RunFolder(tmp_path)).begin()
    losses = {1: 1 / 3, 2: None, 3: 2.5e-17}
    for number, loss in losses.items():
        trainer.step(
            number, math.nan if loss is None else loss, metrics={"rewards/margins": number / 7} if number > 1 else {}
        )
    trainer.evaluate(3, 0.1 + 0.2, metrics={"accuracy": 0.5})
    series = Series()
    series.add(events_of(trainer))
    write_csv(tmp_path / "curves.csv", [RunTable("a1", "one, two", series), RunTable("b2", "other", series)])
    with (tmp_path / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    steps = [row for row in rows if row["run"] == "a1" and row["kind"] == "step"]
    assert [float(row["loss"]) if row["loss"] else None for row in steps] == list(losses.values())
    assert [row["rewards/margins"] for row in steps] == ["", repr(2 / 7), repr(3 / 7)]
    assert [row["step"] for row in steps] == ["1", "2", "3"]
    assert [float(row["tokens"]) for row in steps] == series.column("tokens").tolist()
    assert [datetime.fromisoformat(row["time"]).timestamp() for row in steps] == series.column("time").tolist()
    assert [float(row["seconds"]) for row in steps] == series.column("elapsed").tolist()
    tested = next(row for row in rows if row["kind"] == "evaluation")
    assert (tested["step"], float(tested["loss"]), tested["accuracy"]) == ("3", 0.1 + 0.2, "0.5")
    assert tested["tokens"] == steps[2]["tokens"]
    assert {row["name"] for row in rows} == {"one, two", "other"}


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        write_csv(tmp_path / "nowhere" / "curves.csv", [])


def test_pins_stay_with_the_run(tmp_path: Path) -> None:
    assert pins.load(tmp_path) == []
    kept = [Pin("loss", 3, "größer"), Pin("rewards/margins", 40)]
    pins.save(tmp_path, kept)
    assert pins.load(tmp_path) == kept
    pins.save(tmp_path, [])
    assert list(tmp_path.iterdir()) == []
    (tmp_path / pins.NAME).write_text('{"pins": [{"name": "loss"}]}')
    assert pins.load(tmp_path) == []
    with pytest.raises(StoreError):
        pins.save(tmp_path / "nowhere", kept)
