"""A program is followed to its end, whatever it writes."""

from __future__ import annotations

import os
import queue
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from desktop.engine.commands import _read, follow


def test_lines_in_another_encoding_are_heard() -> None:
    program = r"import sys; sys.stdout.buffer.write(b'before\n\xff\nafter\n'); sys.exit(3)"
    heard: list[str] = []
    code, lines = follow([sys.executable, "-c", program], os.environ, heard.append)
    assert code == 3
    assert lines == heard
    assert len(lines) == 3
    assert (lines[0], lines[2]) == ("before", "after")


def test_an_output_that_cannot_be_read_ends_too() -> None:
    def output() -> Iterator[str]:
        yield "first\n"
        raise OSError("gone")

    said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    unreadable: Any = output()
    with pytest.raises(OSError, match="gone"):
        _read(unreadable, said)
    assert [said.get(timeout=60), said.get(timeout=60)] == ["first", None]
