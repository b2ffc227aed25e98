"""Which run to talk to, and which of its checkpoints."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QWidget

from desktop.controllers.runs import Runs
from desktop.core.run import Run, RunState
from desktop.ui import words
from desktop.ui.pieces import row
from desktop.ui.runs.commands import has_something_to_say
from desktop.ui.runs.selection import Selection


class ModelPicker(QWidget):
    """Two lists; the first follows the selected run, and picking there selects it."""

    picked = Signal()

    def __init__(self, runs: Runs, selection: Selection) -> None:
        super().__init__()
        self._runs = runs
        self._selection = selection
        self._known: tuple[object, ...] = ()
        self._chosen: int | str | None = None
        self.run_box = QComboBox()
        self.run_box.setAccessibleName("Run to talk to")
        self.step_box = QComboBox()
        self.step_box.setAccessibleName("Checkpoint")
        for box, letters, least in ((self.run_box, 24, 160), (self.step_box, 13, 120)):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(letters)
            box.setMinimumWidth(least)
        self.setLayout(row(self.run_box, self.step_box))
        self.run_box.activated.connect(lambda: selection.select(str(self.run_box.currentData())))
        self.step_box.activated.connect(self._choose_step)
        selection.run_selected.connect(lambda _: self.refresh())
        # Many runs come at once when the window opens.
        self._runs_came = QTimer(self, singleShot=True, interval=0)
        self._runs_came.timeout.connect(self.refresh)
        for signal in (runs.run_added, runs.run_removed):
            signal.connect(lambda _: self._runs_came.start())
        runs.run_changed.connect(self._run_changed)
        self.refresh()

    @property
    def run(self) -> Run | None:
        return self._runs.get(str(self.run_box.currentData() or ""))

    @property
    def step(self) -> int | None:
        """The step of the chosen checkpoint, or None for the finished adapter."""
        step = self.step_box.currentData()
        return step if isinstance(step, int) else None

    def refresh(self) -> None:
        """Read runs and checkpoints again and keep what was chosen."""
        with QSignalBlocker(self.run_box):
            self.run_box.clear()
            for run in self._runs.all():
                self.run_box.addItem(run.name, run.id)
            self.run_box.setCurrentIndex(self.run_box.findData(self._selection.run_id))
            self.run_box.setPlaceholderText("no run yet")
        self._fill_steps()
        self._known = self._facts()
        self.picked.emit()

    def _fill_steps(self) -> None:
        run = self.run
        if not (run is not None and self._known and self._known[0] == run.id):
            self._chosen = None
        with QSignalBlocker(self.step_box):
            self.step_box.clear()
            if run is not None and run.state is RunState.FINISHED:
                self.step_box.addItem("final", "final")
            # From the folder, not from the events: older checkpoints are thinned out.
            for step, _ in reversed(run.files.complete_checkpoints() if run else []):
                self.step_box.addItem(f"step {words.count(step)}", step)
            # What nobody chose moves on to the newest; a choice stays as long as its checkpoint is there.
            self.step_box.setCurrentIndex(
                max(0, self.step_box.findData(self._chosen) if self._chosen is not None else 0)
            )
            self.step_box.setPlaceholderText("no checkpoint yet")
        self.step_box.setEnabled(run is not None and has_something_to_say(run))

    def _choose_step(self) -> None:
        self._chosen = self.step_box.currentData()
        self.picked.emit()

    def _facts(self) -> tuple[object, ...]:
        run = self.run
        return (run.id, run.name, run.state, run.progress.checkpoints) if run else ()

    def _run_changed(self, run_id: str) -> None:
        if run_id == self._selection.run_id and self._facts() != self._known:
            self.refresh()
