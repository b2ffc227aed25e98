"""The hash of a file: of a large one by a process of its own, with the same result whatever becomes of that."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from desktop.core.dataset import file_hash, hash_process
from desktop.core.dataset.file_hash import FileHash

SIZE = hash_process.BLOCK + 12_345


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(file_hash, "_PROCESS_FROM", 1 << 20)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(bytes(range(256)) * (SIZE // 256) + b"rest")
    return path


def test_a_large_file_is_hashed_by_a_process(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileHash, "_by_reading", lambda *_: "read by the thread")
    assert FileHash(path).result() == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("program", ["/bin/false", "/nowhere/python"])
def test_without_the_process_the_thread_reads_it(path: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", program)
    assert FileHash(path).result() == hashlib.sha256(path.read_bytes()).hexdigest()


def test_one_that_is_given_up_leaves_no_process(path: Path) -> None:
    given_up = FileHash(path)
    given_up.stop()
    assert given_up._process is None or given_up._process.returncode is not None
