"""A log of a million lines: opened, looked through and searched, against QPlainTextEdit with the same file.

QT_QPA_PLATFORM=offscreen .venv/bin/python -m tests.benchmarks.log_million
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

from PySide6.QtWidgets import QApplication, QPlainTextEdit, QTableView

from desktop.core.log_index import find_all
from desktop.core.log_levels import Level
from desktop.ui.log.model import LogModel

LINES = 1_000_000
TRACE = 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\nRuntimeError: once\n'


def write(path: Path) -> None:
    """Write what a trainer prints, with trouble now and then."""
    with path.open("w") as file:
        for number in range(LINES):
            file.write(f"{{'loss': '{number % 97 / 40:.3f}', 'grad_norm': '1.205', 'learning_rate': '0.0002903'}}\n")
            if number % 100_000 == 50_000:
                file.write(TRACE)


def main() -> None:
    application = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.log"
        write(path)
        before = _memory()
        model, table = LogModel(), QTableView()
        table.setModel(model)
        table.verticalHeader().setDefaultSectionSize(16)
        table.resize(900, 400)
        table.show()
        application.processEvents()
        began = time.perf_counter()
        model.open(path)
        table.scrollToBottom()
        application.processEvents()
        ours = time.perf_counter() - began
        taken = _memory() - before
        slices = []
        while True:
            at = time.perf_counter()
            is_more = model.look_on()
            slices.append(time.perf_counter() - at)
            if not is_more:
                break
        assert model.index_of is not None
        assert model.index_of.count(Level.ERROR) == LINES // 100_000
        at = time.perf_counter()
        hits = len(find_all(path, "'2.400'"))
        searching = time.perf_counter() - at
        text = path.read_text()
        edit = QPlainTextEdit()
        edit.resize(900, 400)
        edit.show()
        application.processEvents()
        before = _memory()
        began = time.perf_counter()
        edit.setPlainText(text)
        edit.verticalScrollBar().setValue(edit.verticalScrollBar().maximum())
        application.processEvents()
        baseline = time.perf_counter() - began
        slices.sort()
        print(f"{LINES:,} lines, {path.stat().st_size / 1e6:.0f} MB, opened at the end: {ours:.2f} s, {taken:.0f} MB")
        print(f"QPlainTextEdit.setPlainText, the file already read: {baseline:.2f} s, {_memory() - before:.0f} MB")
        print(f"ratio {ours / baseline:.3f}")
        print(
            f"levels and stack traces, in the window's pauses: {sum(slices):.2f} s in {len(slices)} parts, the median "
            f"{slices[len(slices) // 2] * 1000:.1f} ms, the longest but one {slices[-2] * 1000:.1f} ms"
        )
        print(f"every one of {hits:,} hits found, off the GUI thread: {searching:.2f} s")


def _memory() -> float:
    """Return the most that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    main()
