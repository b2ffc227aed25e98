"""Dataset files for the tests of the doctor: rows, and how they are written."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from desktop.core.dataset.report import Report

TALK = {"messages": [{"role": "user", "content": "Why is it so?"}, {"role": "assistant", "content": "Because."}]}


def talk(number: int, answer: str = "It is a good number, and I can tell you why that is so.") -> dict[str, Any]:
    question = f"What do you think of number {number}, which is {number % 7} more than the one that I had before?"
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def as_lines(rows: Iterable[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write(path: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def is_whole(report: Report) -> bool:
    return report.rows + report.bad_rows + report.left_out == report.rows_total


def write_parquet(path: Path, rows: list[Any]) -> Path:
    parquet.write_table(pa.Table.from_pylist(rows), path, row_group_size=7)
    return path


def write_zip(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return path


def write_archive(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path
