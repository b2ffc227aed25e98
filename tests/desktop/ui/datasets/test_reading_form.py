"""The fields for how a file is read: what a scan had to ask about can be answered there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pytestqt.qtbot import QtBot

from desktop.core.dataset.report import Report
from desktop.ui.datasets.reading_form import ReadingForm
from trainer_image.formats import ReadOptions


def test_the_file_of_an_archive_is_picked_from_those_that_were_found(qtbot: QtBot) -> None:
    form = ReadingForm()
    qtbot.addWidget(form)
    asked = Report(Path("rows.zip"), "ask", "It holds several datasets.", parts=("test.jsonl", "train.jsonl"))
    form.show_reading(asked, ReadOptions())
    assert form.form.isRowVisible(form.part)
    with qtbot.waitSignal(form.changed):
        form.part.setCurrentText("train.jsonl")
    told = form.value()
    assert told == ReadOptions(part="train.jsonl")
    form.show_reading(replace(asked, outcome="accept", format="jsonl", parts=("train.jsonl",)), told)
    assert form.value() == told
    assert [form.part.itemText(place) for place in range(form.part.count())] == [
        "found out",
        "test.jsonl",
        "train.jsonl",
    ]
    form.show_reading(Report(Path("other.jsonl"), "accept", "All rows.", format="jsonl"), ReadOptions())
    assert not form.form.isRowVisible(form.part)


def test_the_keys_of_the_rows_are_offered(qtbot: QtBot) -> None:
    form = ReadingForm()
    qtbot.addWidget(form)
    form.show_reading(Report(Path("rows.json"), "ask", "Two arrays.", arrays=("train", "test")), ReadOptions())
    assert form.array.placeholderText() == "train or test"
    form.array.setText("train")
    assert form.value() == ReadOptions(array="train")
