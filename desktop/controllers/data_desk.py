"""Everything that looks at the dataset in the form: the scan, the file's own lines, and what the model sees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject

from desktop.controllers.jobs import Jobs
from desktop.controllers.scanning import Scanning
from desktop.controllers.seeing import Seeing
from desktop.controllers.source_reading import SourceReading


class DataDesk(QObject):
    """One of each, for one window."""

    def __init__(self, jobs: Jobs, caches: Sequence[Path] = (), parent: QObject | None = None) -> None:
        """``caches`` are where the Hub's models may lie, beside the user's own."""
        super().__init__(parent)
        self.scanning = Scanning(jobs, self)
        self.comparing = Scanning(jobs, self)
        """The same file, held against an evaluation file."""
        self.source = SourceReading(jobs, self)
        self.seeing = Seeing(jobs, caches, self)

    def rest(self) -> None:
        """Let go of what only somebody who looks at rows needs."""
        self.source.rest()
        self.seeing.rest()

    def close(self) -> None:
        """End every process, for good."""
        self.scanning.close()
        self.comparing.close()
        self.source.close()
        self.seeing.close()
