"""Lines as they stand in a file, the bad place in them, and rows found by a text or by their line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from desktop.core.dataset.bad_place import bad_spans
from desktop.core.dataset.index import Place, RowIndex
from desktop.core.dataset.source_lines import LONGEST, find_row, lines_around
from trainer_image.formats import ReadOptions, RowProblem, read_examples, read_rows


def result_of(task: Generator[Any, None, Any]) -> Any:
    while True:
        try:
            next(task)
        except StopIteration as end:
            return end.value


def write_rows(path: Path, count: int = 30) -> RowIndex:
    """Write rows of three lines each in turn blank, so that rows and lines differ, and know every tenth place."""
    places, offset, line = [], 0, 1
    with path.open("wb") as file:
        for number in range(1, count + 1):
            text = json.dumps({"question": f"Number {number}?", "answer": f"Ünd {number} it is"})
            if number % 10 == 1:
                places.append(Place(number, line, offset))
            data = f"{text}\n\n".encode()
            file.write(data)
            offset += len(data)
            line += 2
    return RowIndex(path, ReadOptions(), count, tuple(places))


def test_lines_come_with_their_neighbours(tmp_path: Path) -> None:
    index = write_rows(tmp_path / "rows.jsonl")
    lines = result_of(lines_around(index, 45, 2, 2))
    assert [line.number for line in lines] == [43, 44, 45, 46, 47]
    assert "Number 23?" in lines[2].text
    assert lines[1].text == ""
    assert [line.number for line in result_of(lines_around(index, 1, 2, 1))] == [1, 2]


def test_lines_of_packed_and_wide_files_are_the_same(tmp_path: Path) -> None:
    text = "".join(f'{{"text": "Zeile {number} ß"}}\n' for number in range(1, 9))
    packed, wide = tmp_path / "rows.jsonl.gz", tmp_path / "wide.jsonl"
    packed.write_bytes(gzip.compress(text.encode()))
    wide.write_bytes(text.encode("utf-16"))
    for path in (packed, wide):
        lines = result_of(lines_around(RowIndex(path, ReadOptions(), 8), 5, 1, 0))
        assert [(line.number, line.text) for line in lines] == [
            (4, '{"text": "Zeile 4 ß"}'),
            (5, '{"text": "Zeile 5 ß"}'),
        ]


def test_a_line_of_megabytes_is_cut_and_the_next_one_is_still_found(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps({"text": "a" * 3_000_000}) + '\n{"text": "b"}\n')
    long, short = result_of(lines_around(RowIndex(path, ReadOptions(), 2), 1, 0, 1))
    assert long.is_cut
    assert len(long.text) == LONGEST
    assert (short.number, short.text, short.is_cut) == (2, '{"text": "b"}', False)


@pytest.mark.parametrize("with_places", [True, False])
def test_rows_are_found_by_text(tmp_path: Path, with_places: bool) -> None:
    index = write_rows(tmp_path / "rows.jsonl")
    index = index if with_places else RowIndex(index.path, index.read, index.rows)
    assert result_of(find_row(index, "NUMBER 17?", 1)) == 17
    assert result_of(find_row(index, "ünd 4 it", 5)) == 4
    assert result_of(find_row(index, "nowhere", 3)) is None


BAD = [
    ('{"messages": [{"role": "user", "content": "a"}, {"role": "asistant", "content": "b"}]}', ["asistant"]),
    ('{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}', ['"a"', '"b"']),
    ('{"messages": [{"role": "user", "content": "last"}]}', ["last"]),
    ('{"prompt": "a", "completion": ""}', ['""']),
    ('{"prompt": "a", "completion": "b <|im_end|> c"}', ["<|im_end|>"]),
    ('{"prompt": "a" "b"}', ['"']),
    ('{"prompt": "a", "completion": null}', ["null"]),
]


@pytest.mark.parametrize(("line", "marked"), BAD)
def test_what_the_doctor_finds_is_marked_in_its_line(tmp_path: Path, line: str, marked: list[str]) -> None:
    path = tmp_path / "rows.jsonl"
    good = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
    path.write_text((good if "messages" in line else '{"prompt": "a", "completion": "b"}\n') * 3 + line)
    (problem,) = read_examples(read_rows(path)).problems
    spans = [line[start:end] for start, end in bad_spans(line, problem)]
    assert len(spans) == len(marked)
    assert all(part in span for part, span in zip(marked, spans, strict=True))


@pytest.mark.parametrize("line", ["", "{", '{"a": ', '{"a": "b"', "[1, 2", '{"a": ' + "[" * 3000, "\ufeff{}"])
def test_no_line_is_too_broken_to_be_shown(line: str) -> None:
    for column in ("", "a", "messages[2]", "a[1].b"):
        problem = RowProblem(1, 1, column, "broken_json", "This is no JSON (Expecting value, character 99).")
        assert all(0 <= start <= end <= len(line) for start, end in bad_spans(line, problem))
