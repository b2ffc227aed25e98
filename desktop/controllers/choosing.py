"""Works out presets for what the form says: gathers what is known of cards, model and rows, and counts their tokens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from PySide6.QtCore import QObject, Signal

from desktop.controllers.fit import Fitting, computer_room, rooms_of
from desktop.controllers.hardware import Hardware
from desktop.controllers.jobs import Jobs
from desktop.controllers.models import Models
from desktop.controllers.scanning import Report, Scanning
from desktop.controllers.seeing import Asked, Lengths, Seeing
from desktop.core.auto_draft import Chosen, DataFacts
from desktop.core.auto_memory import Card, Machine
from desktop.core.auto_set import choose
from desktop.core.dataset.fits import KIND_OF, methods_for
from desktop.core.presets import PresetKey
from trainer_image.chat_templates import OWN
from trainer_image.contract import Method

__all__ = ["Choosing", "Chosen", "DataFacts"]

UNCUT = 1_000_000
"""Rows are counted as long as they are."""


class Choosing(QObject):
    """Answers at once from what is known; what has to be counted first is counted in the background."""

    facts_changed = Signal()
    """More is known of the rows than before: presets may come out differently."""

    def __init__(
        self,
        jobs: Jobs,
        hardware: Hardware,
        models: Models,
        scanning: Scanning,
        fitting: Fitting,
        caches: Path,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._hardware = hardware
        self._models = models
        self._scanning = scanning
        self._fitting = fitting
        self._seeing = Seeing(jobs, [caches], self)
        self._seeing.measured.connect(self._take)
        self._seeing.measuring_failed.connect(lambda _: self._measured(None))
        fitting.changed.connect(self._look_at_longest)
        self._longest: int | None = None
        self._wanted: tuple[object, ...] = ()
        self._counted: dict[tuple[object, ...], Lengths | None] = {}

    def choose(self, preset: PresetKey, values: Mapping[str, Any]) -> Chosen:
        """Return a preset worked out for the form's values."""
        method: Method = values["method"]
        model = self._models.known(str(values["model"]))
        machine = self.machine(values.get("gpus"))
        return choose(preset, machine, model, self.data(method, str(values.get("chat_template", OWN))), method, values)

    def machine(self, gpus: tuple[int, ...] | None = None) -> Machine:
        """Return the cards that a run may use, as they are now, and the computer's free memory."""
        rooms = [room for room in rooms_of(self._hardware.samples) if not isinstance(gpus, tuple) or room.index in gpus]
        correction = self._fitting.correction
        cards = [Card(room.name, room.total_bytes, room.free_bytes, max(0.5, correction(room.name))) for room in rooms]
        return Machine(tuple(cards), computer_room().free_bytes)

    def data(self, method: Method, chat_template: str = OWN) -> DataFacts:
        """Return what is known of the rows; where their tokens can be counted and are not, that begins now."""
        report = self._scanning.report
        if report is None or not report.rows:
            return DataFacts()
        lengths = self._lengths(report, method, chat_template)
        return DataFacts(report.rows, tuple(lengths.lengths) if lengths is not None else (), self._longest)

    def _look_at_longest(self) -> None:
        """What "Will it fit?" goes by is what the reasons go by."""
        if self._fitting.longest != self._longest:
            self._longest = self._fitting.longest
            self.facts_changed.emit()

    def _lengths(self, report: Report, method: Method, chat_template: str) -> Lengths | None:
        told = self._models.report
        if report.index is None or report.shape is None or method not in methods_for(report.shape):
            return None
        if told is None or told.folder is None or not (told.folder / "tokenizer.json").is_file():
            return None
        key = (report.path, report.sha256, KIND_OF[method], told.folder, chat_template)
        if key not in self._counted and key != self._wanted:
            self._wanted = key
            mapping = self._scanning.options.mapping
            asked = Asked(report.shape, KIND_OF[method], report.meaning, mapping, "answers", UNCUT, chat_template)
            self._seeing.measure(report.index, str(told.folder), asked)
        return self._counted.get(key)

    def _take(self, lengths: object) -> None:
        self._measured(cast(Lengths, lengths))

    def _measured(self, lengths: Lengths | None) -> None:
        if self._wanted:
            self._counted[self._wanted] = lengths
            self._wanted = ()
            self.facts_changed.emit()

    def close(self) -> None:
        """End what counts, for good."""
        self._seeing.close()
