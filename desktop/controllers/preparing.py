"""What a run waits for before its trainer speaks: the image, the model, the container; each with its time."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from PySide6.QtCore import QObject

from desktop.body import EngineName
from desktop.controllers.runs import Runs
from desktop.controllers.setup import Setup
from desktop.core.run import Run, RunState
from desktop.engine.steps import BuildStep

PreparingName = Literal["image", "environment", "download", "start"]
_AMOUNT = re.compile(r"([\d.]+) of ([\d.]+) GB")


@dataclass(frozen=True)
class Prepared:
    """One thing that was waited for: how long, and while it lasts how much of it is done, where that is known."""

    name: PreparingName
    seconds: float
    share: float | None = None
    is_over: bool = False


class Preparing(QObject):
    """Remembers for this session what each run waited for; the run's own phases are in its events."""

    def __init__(
        self, runs: Runs, setup: Setup, clock: Callable[[], float] = time.monotonic, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._runs = runs
        self._clock = clock
        self._pieces: dict[str, list[Prepared]] = {}
        self._began: dict[str, float] = {}
        self._shares: dict[EngineName, float | None] = {}
        runs.run_changed.connect(self._look)
        runs.run_added.connect(self._look)
        setup.progressed.connect(self._take_step)

    def of(self, run_id: str) -> tuple[Prepared, ...]:
        """Return what a run waited for, in order, up to now."""
        pieces = self._pieces.get(run_id, [])
        if not pieces or pieces[-1].is_over:
            return tuple(pieces)
        return (*pieces[:-1], replace(pieces[-1], seconds=self._clock() - self._began[run_id]))

    def _take_step(self, engine: EngineName, step: BuildStep) -> None:
        fetched = step.fetched
        inside = fetched.done / fetched.total if fetched is not None and fetched.total else 0.0
        self._shares[engine] = (step.number - 1 + min(1.0, inside)) / max(1, step.total)

    def _look(self, run_id: str) -> None:
        run = self._runs.get(run_id)
        if run is None:
            self._pieces.pop(run_id, None)
            return
        pieces = self._pieces.get(run_id, [])
        current = pieces[-1] if pieces and not pieces[-1].is_over else None
        name = self._name(run)
        if current is not None and current.name != name:
            pieces[-1] = replace(self.of(run_id)[-1], is_over=True, share=None)
            current = None
        if name is None:
            return
        if current is None:
            if name == "start" and run.body is None and not run.preparing and self._is_anew(run_id):
                self._pieces[run_id] = []
            self._pieces.setdefault(run_id, []).append(Prepared(name, 0.0))
            self._began[run_id] = self._clock()
        self._pieces[run_id][-1] = replace(self._pieces[run_id][-1], share=self._share(run, name))

    def _is_anew(self, run_id: str) -> bool:
        """Say whether the trainer has spoken since: then this is a resume, and what it waits for begins anew."""
        run = self._runs.get(run_id)
        return run is not None and run.progress.last_seq >= 0

    def _name(self, run: Run) -> PreparingName | None:
        if run.state is not RunState.STARTING or run.is_heard:
            return None
        if not run.preparing:
            return "start"
        if run.preparing.startswith("fetching"):
            return "download"
        return "image" if run.engine == "docker" else "environment"

    def _share(self, run: Run, name: PreparingName) -> float | None:
        if name == "download" and (amount := _AMOUNT.search(run.preparing)) is not None:
            return min(1.0, float(amount[1]) / (float(amount[2]) or 1.0))
        return self._shares.get(run.engine) if name in ("image", "environment") else None
