"""The machine as it is now: engines, cards and disk, asked again and again off the GUI thread."""

from __future__ import annotations

import time
from collections import deque

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.controllers.jobs import Jobs
from desktop.engine.checks import Check
from desktop.engine.doctor import Doctor
from desktop.engine.gpus import Gpus, GpuSample

__all__ = ["Check", "GpuSample", "Hardware"]

HISTORY = 3600
"""Samples kept for each card: an hour."""


class Hardware(QObject):
    """Samples the cards once a second and looks after the engine every few seconds."""

    sampled = Signal(list)
    """A list of GpuSample, one a card; empty without a driver."""
    engine_checked = Signal(object)
    """A Check: the Docker engine."""
    checked = Signal(list)
    """A list of Check: the whole examination, after ``examine``."""

    def __init__(self, gpus: Gpus, doctor: Doctor, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._gpus = gpus
        self._doctor = doctor
        self._jobs = jobs
        self._busy: set[str] = set()
        self.samples: list[GpuSample] = []
        self.history: deque[tuple[float, list[GpuSample]]] = deque(maxlen=HISTORY)
        """(seconds since the epoch, one GpuSample a card), oldest first."""
        self.engine: Check | None = None
        self._sampling = QTimer(self, interval=1000)
        self._sampling.timeout.connect(self._sample)
        self._looking = QTimer(self, interval=5000)
        self._looking.timeout.connect(self._look_after_engine)

    def start(self) -> None:
        """Begin to sample the cards and to look after the engine."""
        self.watch_cards()
        self._look_after_engine()
        self._looking.start()

    def watch_cards(self) -> None:
        """Begin to sample the cards only."""
        self._sample()
        self._sampling.start()

    @property
    def absent_because(self) -> str:
        """Why there are no cards, in the driver's words; empty where there are some."""
        return self._gpus.absent_because if not self.samples else ""

    def examine(self) -> None:
        """Check everything once; ``checked`` brings the result."""
        self._jobs.run("pool", self._doctor.examine, self.checked.emit)

    def _sample(self) -> None:
        if "gpus" in self._busy:
            return
        self._busy.add("gpus")
        self._jobs.run("pool", self._gpus.sample, self._take_samples)

    def _take_samples(self, samples: list[GpuSample]) -> None:
        self._busy.discard("gpus")
        self.samples = samples
        if samples:
            self.history.append((time.time(), samples))
        self.sampled.emit(samples)

    def _look_after_engine(self) -> None:
        if "engine" in self._busy:
            return
        self._busy.add("engine")
        self._jobs.run("pool", self._doctor.check_engine, self._take_engine)

    def _take_engine(self, check: Check) -> None:
        self._busy.discard("engine")
        self.engine = check
        self.engine_checked.emit(check)
