"""What the model answered to the sample prompts at each evaluation, newest first, so that one can read it change."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from desktop.core import folders
from desktop.ui import words
from desktop.ui.pieces import boxed, column, label
from desktop.ui.selection import Selection
from desktop.ui.services import Services
from trainer_image.contract import Event, Hello, Sample, UnknownLine

MAX_SHOWN = 60


def keep_valid(samples: list[Sample], events: list[Event | UnknownLine]) -> list[Sample]:
    """Add the samples among ``events``; a resume takes back what came after its checkpoint."""
    kept = {sample.seq: sample for sample in samples}
    for event in events:
        if isinstance(event, Hello):
            kept = {seq: sample for seq, sample in kept.items() if sample.step <= (event.resumed_from or 0)}
        elif isinstance(event, Sample):
            kept[event.seq] = event
    return sorted(kept.values(), key=lambda sample: (sample.step, sample.seq))


class SamplesDock(QWidget):
    """Reads the samples of the selected run once, then follows."""

    def __init__(self, services: Services, selection: Selection) -> None:
        super().__init__()
        self._services = services
        self._selection = selection
        self.samples: list[Sample] = []
        self._blocks = QVBoxLayout()
        self._blocks.setSpacing(12)
        self._blocks.setContentsMargins(12, 4, 12, 12)
        self.empty = label("", "muted", wrap=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        inside = QWidget()
        inside.setLayout(column(self._blocks, 1))
        scroll = self._scroll = QScrollArea(widgetResizable=True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        scroll.setAccessibleName("Samples")
        self.setLayout(column(self.empty, scroll))
        selection.run_selected.connect(self._select)
        services.runs.advanced.connect(self._advanced)
        self._select(selection.run_id)

    def _select(self, run_id: str) -> None:
        self.samples = []
        self._show()
        run = self._services.runs.get(run_id)
        if run is None:
            return
        files = run.files
        self._services.jobs.run(
            "pool", lambda: folders.read_events(files), lambda events: self._advanced(run_id, events)
        )

    def _advanced(self, run_id: str, events: list[Event | UnknownLine]) -> None:
        if run_id != self._selection.run_id:
            return
        samples = keep_valid(self.samples, events)
        if samples != self.samples:
            self.samples = samples
            self._show()

    def _show(self) -> None:
        while item := self._blocks.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        run = self._services.runs.get(self._selection.run_id)
        if run is not None and not run.config.sample_prompts:
            self.empty.setText("A run with sample prompts (Every knob, Evaluation) shows here how its answers change.")
        else:
            self.empty.setText("The answers to the sample prompts come with the first evaluation.")
        self.empty.setVisible(not self.samples)
        self._scroll.setVisible(bool(self.samples))
        newest_first = sorted(self.samples[-MAX_SHOWN:], key=lambda sample: (-sample.step, sample.seq))
        for sample in newest_first:
            self._blocks.addWidget(_block(sample))


def _block(sample: Sample) -> QFrame:
    title = label(f"step {words.count(sample.step)} · {sample.prompt}", "muted", wrap=True)
    answer = label(sample.text.strip() or "(no answer)", wrap=True, selectable=True)
    return boxed(column(title, answer, space=4))
