"""What is no dataset, or means harm: one sentence, and nobody waits."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop.core.dataset.report_json import as_json
from desktop.core.dataset.scan import scan
from desktop.paths import EXAMPLE_DATASET
from tests.desktop.core.dataset_files import TALK, as_lines, is_whole, talk, write, write_archive, write_parquet


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def _bomb(path: Path) -> Path:
    return write(path, gzip.compress(b'{"text": "' + b"a" * (300 << 20) + b'"}'))


HOSTILE: dict[str, Callable[[Path], Path]] = {
    "nothing": lambda path: path / "none.jsonl",
    "a folder": lambda path: _folder(path / "rows.jsonl"),
    "a pipe": lambda path: _pipe(path / "rows.jsonl"),
    "0 bytes": lambda path: write(path / "rows.jsonl", b""),
    "blanks": lambda path: write(path / "rows.jsonl", b" \n\n  \n"),
    "a picture": lambda path: write(path / "rows.jsonl", b"\x89PNG\r\n\x1a\n" + bytes(200)),
    "a pointer": lambda path: write(
        path / "rows.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
    ),
    "a web page": lambda path: write(path / "rows.jsonl", "<!DOCTYPE html><html><body>404</body></html>"),
    "deep": lambda path: write(path / "rows.jsonl", "[" * 200_000 + "]" * 200_000),
    "deep rows": lambda path: write(path / "rows.jsonl", ('{"text": ' + "[" * 5000 + "]" * 5000 + "}\n") * 3),
    "a gzip bomb": lambda path: _bomb(path / "rows.jsonl.gz"),
    "a way out": lambda path: write_archive(path / "rows.zip", {"../../rows.jsonl": as_lines([TALK])}),
    "half a zip": lambda path: write(
        path / "rows.zip", write_archive(path / "x.zip", {"a.jsonl": "{}"}).read_bytes()[:30]
    ),
    "half a gzip": lambda path: write(path / "rows.gz", gzip.compress(as_lines([TALK] * 99).encode())[:-20]),
    "half a parquet": lambda path: write(
        path / "rows.parquet", write_parquet(path / "x.parquet", [{"text": "a"}] * 50).read_bytes()[:-40]
    ),
    "parquet in name": lambda path: write(path / "rows.parquet", b"PAR1" + bytes(100) + b"PAR1"),
    "random": lambda path: write(path / "rows.csv", bytes(range(256)) * 40),
    "a NUL in it": lambda path: write(path / "rows.txt", b"text\0" * 500),
    "a cut array": lambda path: write(path / "rows.json", '[{"text": "a"'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_dataset_gets_one_sentence(tmp_path: Path, name: str) -> None:
    report = scan(HOSTILE[name](tmp_path))
    assert report.outcome == "reject"
    assert report.sentence.endswith((".", ")"))
    assert report.rows == 0
    assert is_whole(report)
    json.dumps(as_json(report))


def test_hostile_names_are_only_names(tmp_path: Path) -> None:
    for name in ("$(touch pwned).jsonl", "a;rm -rf b.jsonl", "-rf.jsonl", "new\nline.jsonl", "quote'\".jsonl"):
        report = scan(write(tmp_path / name, as_lines([talk(1)])))
        assert (report.outcome, report.rows) == ("accept", 1)
    assert not (tmp_path / "pwned").exists()


def test_what_a_person_reads_stays_on_one_line(tmp_path: Path) -> None:
    header = scan(write(tmp_path / "header.csv", b'"one\r\ntwo";"th\x1bree"\r\n1;2\r\n'))
    empty = scan(write(tmp_path / "new\nline.jsonl", b"\n\n"))
    assert [header.outcome, empty.outcome] == ["ask", "reject"]
    assert header.sentence.startswith("The columns (one two, th?ree) ")
    assert all(report.sentence.isprintable() for report in (header, empty))
    known = scan(write(tmp_path / "known.csv", b'prompt,completion,"no\nte","no\nte"\nDeep?,Very.,a,b\n'))
    assert (known.outcome, len(known.notes)) == ("accept", 2)
    assert all(note.isprintable() for note in known.notes)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(max_size=300),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.tuples(st.integers(0, 51_000), st.integers(0, 300), st.binary(max_size=20)).map(
            lambda cut: _damaged(EXAMPLE_DATASET.read_bytes()[:20_000], *cut)
        ),
    ),
    ending=st.sampled_from((".jsonl", ".json", ".csv", ".tsv", ".txt", ".gz", ".zip", ".parquet", "")),
)
def test_whatever_the_bytes_there_is_a_report(tmp_path: Path, data: bytes, ending: str) -> None:
    report = scan(write(tmp_path / f"rows{ending}", data))
    assert is_whole(report)
    assert report.sentence
    json.dumps(as_json(report))


def _damaged(data: bytes, at: int, cut: int, piece: bytes) -> bytes:
    at %= len(data)
    return data[:at] + piece + data[at + cut :]


@pytest.mark.parametrize("megabytes", [3, 24])
def test_a_file_that_is_cut_short_while_it_is_read_is_refused(tmp_path: Path, megabytes: int) -> None:
    rows = as_lines([{"question": "How deep is the sea?", "answer": "Deep enough. " * 100}] * (megabytes * 800))
    path = write(tmp_path / "rows.jsonl", rows)
    report = scan(path, on_progress=lambda _: os.truncate(path, 2000))
    assert (report.outcome, report.rows_total) == ("reject", 0)
    assert report.sentence == "rows.jsonl has become shorter while it was read."
    assert report.hint


def test_a_file_that_grows_while_it_is_read_is_reported_as_it_was(tmp_path: Path) -> None:
    row = as_lines([{"question": "How deep is the sea?", "answer": "Deep enough. " * 100}])
    path = write(tmp_path / "rows.jsonl", row * 20_000)

    def append(_: object) -> None:
        with path.open("a") as file:
            file.write(row)

    report = scan(path, on_progress=append)
    assert (report.outcome, report.rows_total) == ("warn", 20_000)
