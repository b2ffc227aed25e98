"""What a person has said of a file, as the words that a config keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_image.contract import check_config
from trainer_image.formats import SHAPES, ReadOptions, Told, read_examples, read_rows, read_told, words_of

NAMES = st.text(min_size=1).map(lambda text: text.replace("=", "").strip()).filter(bool)
READS = st.builds(
    ReadOptions,
    text_by=st.sampled_from(["line", "blank_line", "file"]),
    delimiter=st.sampled_from([None, ";", "\t", ",", "|"]),
    has_header=st.sampled_from([None, True, False]),
    encoding=st.sampled_from([None, "utf-8", "cp1252"]),
    array=st.one_of(st.none(), NAMES),
    part=st.sampled_from([None, "train.jsonl", "data/a=b.csv"]),
)
TOLD = st.builds(
    Told,
    read=READS,
    mapping=st.one_of(st.none(), st.dictionaries(NAMES, st.text(min_size=1), min_size=1)),
    shape=st.sampled_from([None, *SHAPES]),
)


@given(told=TOLD)
def test_words_say_the_same_again(told: Told) -> None:
    assert read_told(*words_of(told)) == told


def test_nothing_said_is_no_word() -> None:
    assert words_of(Told()) == ((), ())
    assert read_told((), ()) == Told()


@pytest.mark.parametrize(
    ("knob", "words", "problem"),
    [
        ("columns", ["prompt"], "Columns: write each as ours=theirs"),
        ("columns", ["prompt="], "Columns: write each as ours=theirs"),
        ("columns", ["a=b", "a=c"], "Columns: a stands there twice"),
        ("read_as", ["colour=red"], "Read the file as: colour is none of delimiter"),
        ("read_as", ["header=maybe"], "header has to be one of yes, no"),
        ("read_as", ["shape=round"], "shape has to be one of messages"),
        ("read_as", ["delimiter=;;"], "delimiter has to be one sign, or the word tab"),
    ],
)
def test_what_cannot_be_understood_is_said(knob: str, words: list[str], problem: str) -> None:
    config, problems = check_config({"model": "m", "dataset": "d", knob: words})
    assert config is None
    assert [one.knob for one in problems] == [knob]
    assert problem in problems[0].sentence


def test_a_file_is_read_as_it_was_said(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("Do this|Done\nDo that|Done too\n", "utf-8")
    told = read_told(("prompt=column_1", "completion=column_2"), ("delimiter=|", "header=no"))
    rows = list(read_rows(path, told.read))
    names = tuple(rows[0].value)  # type: ignore[union-attr]
    told = read_told((f"prompt={names[0]}", f"completion={names[1]}"), ("delimiter=|", "header=no"))
    reading = read_examples(rows, told.shape, None, told.mapping)
    assert (reading.shape, len(reading.examples), reading.problems) == ("prompt_completion", 2, [])
