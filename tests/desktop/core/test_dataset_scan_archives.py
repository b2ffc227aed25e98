"""Parquet, and archives of several files: what is one dataset, and what has to be asked about."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

from desktop.core.dataset.browse import Rows
from desktop.core.dataset.report import ScanOptions
from desktop.core.dataset.scan import scan
from desktop.core.dataset.source_lines import lines_around
from tests.desktop.core.dataset_files import TALK, as_lines, talk, write, write_parquet, write_zip
from trainer_image.formats import ReadOptions, Row

T = TypeVar("T")


def test_parquet_is_read_in_archives_too(tmp_path: Path) -> None:
    content = write_parquet(tmp_path / "rows.parquet", [talk(n, f"Answer {n}.") for n in range(20)]).read_bytes()
    reports = [
        scan(write(tmp_path / "rows.parquet.gz", gzip.compress(content))),
        scan(write_zip(tmp_path / "rows.zip", README_md=b"What it is.", train_parquet=content)),
    ]
    assert [(one.outcome, one.format, one.rows, one.rows_total) for one in reports] == [
        ("accept", "parquet", 20, 20)
    ] * 2
    for report in reports:
        assert report.index is not None
        rows = Rows(report.index)
        try:
            assert [row.number for row in rows.read(19, 5) if isinstance(row, Row)] == [19, 20]
        finally:
            rows.close()


def _shards(folder: Path, names: list[str], rows: int = 10) -> dict[str, bytes]:
    """Return Parquet files of so many rows each, all different, of which the fourth of the last is bad."""
    made = {}
    for place, name in enumerate(names):
        talks = [talk(n, f"Answer {n} of {place}.") for n in range(rows)]
        if place == len(names) - 1:
            talks[3]["messages"].pop()
        made[name] = write_parquet(folder / "rows.parquet", talks).read_bytes()
    return made


def test_parquet_in_shards_is_read_as_one(tmp_path: Path) -> None:
    names = [f"data/train-0000{n}-of-00003.parquet" for n in range(3)]
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in _shards(tmp_path, names).items():
            archive.writestr(name, content)
        archive.writestr("dataset_infos.json", "{}")
    report = scan(path)
    assert (report.outcome, report.format, report.rows, report.rows_total) == ("warn", "parquet", 29, 30)
    assert (report.compression, report.parts) == ("zip", tuple(names))
    assert [(one.part, one.line, one.row) for one in report.problems] == [(names[2], 4, 24)]
    assert report.index is not None
    rows = Rows(report.index)
    try:
        read = [row for row in rows.read(19, 4) if isinstance(row, Row)]
        assert [(row.number, row.line, row.part) for row in read] == [
            (19, 9, names[1]),
            (20, 10, names[1]),
            (21, 1, names[2]),
            (22, 2, names[2]),
        ]
    finally:
        rows.close()


def test_of_parquet_in_several_splits_one_is_asked_for(tmp_path: Path) -> None:
    names = ["test-00000-of-00001.parquet", "train-00000-of-00002.parquet", "train-00001-of-00002.parquet"]
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in _shards(tmp_path, names).items():
            archive.writestr(name, content)
    report = scan(path)
    assert report.outcome == "ask"
    assert "holds several datasets" in report.sentence
    assert "--part train," in report.hint
    assert report.parts == ("train", *names)
    train = scan(path, ScanOptions(ReadOptions(part="train")))
    assert (train.rows, train.rows_total) == (19, 20)
    assert [(one.part, one.line) for one in train.problems] == [(names[2], 4)]
    assert scan(path, ScanOptions(ReadOptions(part="test"))).rows == 10
    assert scan(path, ScanOptions(ReadOptions(part=names[1]))).rows == 10


def test_parquet_of_several_shapes_in_an_archive_is_asked_about(tmp_path: Path) -> None:
    talks = write_parquet(tmp_path / "rows.parquet", [talk(1), talk(2)]).read_bytes()
    texts = write_parquet(tmp_path / "rows.parquet", [{"text": "Of foxes."}]).read_bytes()
    path = write_zip(tmp_path / "rows.zip", a_parquet=talks, b_parquet=texts)
    report = scan(path)
    assert (report.outcome, report.parts) == ("ask", ("a.parquet", "b.parquet"))
    assert "holds several datasets: a.parquet (conversations (messages)) and b.parquet" in report.sentence
    assert scan(path, ScanOptions(ReadOptions(part="b.parquet"))).shape == "text"


def test_text_that_parquet_holds_as_bytes_is_read_as_text(tmp_path: Path) -> None:
    report = scan(write_parquet(tmp_path / "rows.parquet", [{"prompt": "When?", "completion": "Früh.".encode()}]))
    assert (report.outcome, report.rows) == ("accept", 1)
    assert "Stored as bytes" in report.notes[0]
    broken = scan(write_parquet(tmp_path / "broken.parquet", [{"prompt": "When?", "completion": b"\xff\xfe\x81"}]))
    assert (broken.outcome, broken.rows) == ("reject", 0)


def test_what_a_person_can_choose_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train.jsonl", as_lines([TALK]))
        archive.writestr("test.jsonl", as_lines([TALK]))
    report = scan(path)
    assert report.outcome == "ask"
    assert "train.jsonl and test.jsonl" in report.sentence or "test.jsonl and train.jsonl" in report.sentence


def test_files_of_an_archive_may_be_written_in_different_letters(tmp_path: Path) -> None:
    talks = [as_lines([talk(n, f"Grüezi {n}, à côté.") for n in range(first, first + 9)]) for first in (0, 10, 20)]
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text, encoding in zip("abc", talks, ("utf-8", "utf-16", "cp1252"), strict=True):
            archive.writestr(f"{name}.jsonl", text.encode(encoding))
    report = scan(path)
    assert (report.outcome, report.rows, report.rows_total) == ("warn", 27, 27)
    assert report.encoding == "utf-8, utf-16, cp1252"
    assert [one.kind for one in report.warnings] == ["encoding"]
    assert report.index is not None
    for part in ("b.jsonl", "c.jsonl"):
        (line,) = _end(lines_around(report.index, 2, 0, 0, part))
        assert "à côté" in line.text


def _end(task: Generator[None, None, T]) -> T:
    while True:
        try:
            next(task)
        except StopIteration as end:
            result: T = end.value
            return result
