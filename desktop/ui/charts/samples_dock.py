"""What the model answered to the sample prompts at each evaluation, newest first, so that one can read it change."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from desktop.ui import words
from desktop.ui.pieces import boxed, button, column, label, row
from desktop.ui.runs.selection import Selection
from desktop.ui.services import Services
from trainer_image.contract import Event, Hello, Sample, UnknownLine

MAX_SHOWN = 60


class SamplesDock(QWidget):
    """Follows the selected run; of a long one there is nothing before it has been read."""

    def __init__(self, services: Services, selection: Selection) -> None:
        super().__init__()
        self._services = services
        self._selection = selection
        self.samples: list[Sample] = []
        self.chosen: int | None = None
        """The step of the evaluation whose samples are looked at, if one was chosen."""
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
        selection.evaluation_selected.connect(self._choose)
        services.runs.advanced.connect(self._advanced)
        services.runs.run_changed.connect(self._run_changed)
        self._select(selection.run_id)

    def _select(self, run_id: str) -> None:
        runs = self._services.runs
        is_known = runs.get(run_id) is not None
        self._is_reading = is_known and not runs.can_open_at_once(run_id)
        self.samples = runs.samples(run_id).all() if is_known and not self._is_reading else []
        self.chosen = None
        self._show()

    def _run_changed(self, run_id: str) -> None:
        """A long run that was chosen may have been read meanwhile."""
        if self._is_reading and run_id == self._selection.run_id and self._services.runs.can_open_at_once(run_id):
            self._select(run_id)

    def _advanced(self, run_id: str, events: list[Event | UnknownLine]) -> None:
        if run_id == self._selection.run_id and any(isinstance(event, Sample | Hello) for event in events):
            self.samples = self._services.runs.samples(run_id).all()
            self._show()

    def _choose(self, step: int) -> None:
        """Look at what was answered at an evaluation."""
        self.chosen = step
        self._show()
        for index in range(self._blocks.count()):
            item = self._blocks.itemAt(index)
            widget = item.widget() if item is not None else None
            if widget is not None and widget.property("chosen"):
                QTimer.singleShot(0, widget, lambda widget=widget: self._scroll.ensureWidgetVisible(widget, 0, 40))
                return

    def _show(self) -> None:
        while item := self._blocks.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        run = self._services.runs.get(self._selection.run_id)
        if run is not None and not run.config.sample_prompts:
            self.empty.setText("A run with sample prompts (Every knob, Evaluation) shows here how its answers change.")
        elif self._is_reading:
            self.empty.setText("The run is being read.")
        else:
            self.empty.setText("The answers to the sample prompts come with the first evaluation.")
        self.empty.setVisible(not self.samples)
        self._scroll.setVisible(bool(self.samples))
        newest_first = sorted(self._near(), key=lambda sample: (-sample.step, sample.seq))
        for sample in newest_first:
            self._blocks.addWidget(self._block(sample))

    def _near(self) -> list[Sample]:
        """Return as many samples as are shown at once: the latest, or those up to the evaluation that was chosen."""
        if self.chosen is None:
            return self.samples[-MAX_SHOWN:]
        later = [index for index, sample in enumerate(self.samples) if sample.step > self.chosen]
        last = min(len(self.samples), (later[0] if later else len(self.samples)) + MAX_SHOWN // 2)
        return self.samples[max(0, last - MAX_SHOWN) : last]

    def _block(self, sample: Sample) -> QFrame:
        step = button(
            f"step {words.count(sample.step)}",
            lambda: self._selection.evaluation_selected.emit(sample.step),
            "link",
            f"Show step {sample.step} on the curve",
        )
        title = row(step, label(sample.prompt, "muted", wrap=True))
        title.setStretch(1, 1)
        answer = label(sample.text.strip() or "(no answer)", wrap=True, selectable=True)
        is_chosen = sample.step == self.chosen
        block = boxed(column(title, answer, space=4), "chosen" if is_chosen else "", margin=4)
        block.setProperty("chosen", is_chosen)
        return block
