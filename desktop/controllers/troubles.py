"""Watches the live runs and their cards for trouble, says it, and does what the user chose for it."""

from __future__ import annotations

import time
from typing import Literal, cast

from PySide6.QtCore import QObject, QTimer

from desktop.controllers.hardware import GpuSample, Hardware
from desktop.controllers.notices import Notices
from desktop.controllers.runs import Runs
from desktop.core.queue import lanes
from desktop.core.run import Run
from desktop.core.settings import SettingsTable
from desktop.core.troubles import REACTIONS, Heat, Reaction, stall
from desktop.errors import AppError

LOOK_MS = 1000
JUMP_S = 10.0
"""Two looks so far apart: this app itself slept, as on a laptop that was closed."""
Trouble = Literal["stall", "heat"]
HINTS: dict[Trouble, str] = {
    "stall": "Its log may say why; a run that stays so is ended by name, with the stacks of its processes.",
    "heat": "See that air gets to the card; a lower power limit (nvidia-smi -pl) costs little speed.",
}


class Troubles(QObject):
    """Tells each trouble once, and pauses or stops the run where that was chosen."""

    def __init__(
        self, runs: Runs, hardware: Hardware, settings: SettingsTable, notices: Notices, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._runs = runs
        self._settings = settings
        self._notices = notices
        self._heat = Heat()
        self._hardware = hardware
        self._heard: dict[str, float] = {}
        self._told: set[str] = set()
        self._looked = time.monotonic()
        runs.advanced.connect(lambda run_id, _events: self._hear(run_id))
        hardware.sampled.connect(self._take_samples)
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self.look)

    def start(self) -> None:
        """Begin to watch."""
        self._timer.start()

    def reaction(self, trouble: Trouble) -> Reaction:
        """Return what is done about a trouble besides saying it."""
        chosen = self._settings.read(f"trouble.{trouble}")
        return cast(Reaction, chosen) if chosen in REACTIONS else "tell"

    def choose(self, trouble: Trouble, reaction: Reaction) -> None:
        """Choose what is done about a trouble from now on."""
        self._settings.write(f"trouble.{trouble}", reaction)

    def look(self) -> None:
        """See which runs are silent for too long."""
        now = time.monotonic()
        if now - self._looked > JUMP_S:
            self._heard = dict.fromkeys(self._heard, now)
        self._looked = now
        for run in self._runs.all():
            if not run.state.is_live:
                self._heard.pop(run.id, None)
                continue
            silent = now - self._heard.setdefault(run.id, now)
            if (sentence := stall(run, silent)) and run.id not in self._told:
                self._told.add(run.id)
                self._react("stall", run, sentence)

    def _hear(self, run_id: str) -> None:
        self._heard[run_id] = time.monotonic()
        self._told.discard(run_id)

    def _take_samples(self, samples: list[GpuSample]) -> None:
        cards = [sample.index for sample in samples]
        for card, sentence in self._heat.take(samples):
            users = [run for run in self._runs.all() if run.state.is_live and card in lanes(run.config, cards)]
            for run in users:
                self._react("heat", run, sentence)

    def _react(self, trouble: Trouble, run: Run, sentence: str) -> None:
        reaction = self.reaction(trouble)
        if (run.asked == "pause" and reaction == "pause") or run.asked == "cancel":
            reaction = "tell"  # it is on its way already, whoever asked; asked to stop once more, it would be killed
        done = {"tell": "", "pause": f" {run.name} pauses.", "stop": f" {run.name} is stopped."}[reaction]
        self._notices.post("warning", sentence + done, HINTS[trouble], run.id)
        try:
            if reaction == "pause":
                self._runs.pause(run.id)
            elif reaction == "stop":
                self._runs.cancel(run.id)
        except AppError as error:
            self._notices.post_error(error, run.id)
