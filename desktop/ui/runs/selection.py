"""What the docks have in common: the run that is looked at, and what one dock asks of the others."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from desktop.body import EngineName
from trainer_image.contract import RunConfig


class Selection(QObject):
    """The selected run, and wishes that cross from one dock to another."""

    run_selected = Signal(str)
    """The id of the run that is looked at now, or nothing."""
    run_pressed = Signal(str)
    """The id of a run that was pressed in a list, whether it is looked at already or not."""
    chosen_changed = Signal()
    """Other runs are chosen in the list; the one looked at is among them."""
    config_requested = Signal(object)
    """A RunConfig that the form should show."""
    engine_requested = Signal(str)
    """The name of the engine that goes with the requested config."""
    knob_requested = Signal(str, object)
    """A knob, and the value that the form should give it."""
    choice_requested = Signal(list)
    """The ids of runs that should be the chosen ones in the list; the first of them is looked at."""
    chat_requested = Signal(str)
    """The id of a run that somebody wants to talk to."""
    compare_requested = Signal(list)
    """The ids of runs whose curves are to be seen together."""
    evaluation_selected = Signal(int)
    """The step of an evaluation of the selected run: its samples, and its place on the curve."""
    view_requested = Signal(str)
    """The name of a view: setup, watch or judge."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.run_id = ""
        self.chosen: tuple[str, ...] = ()
        """The runs that are chosen in the list, in its order."""

    def select(self, run_id: str) -> None:
        """Look at a run; the same one again changes nothing."""
        if run_id != self.run_id:
            self.run_id = run_id
            self.run_selected.emit(run_id)

    def choose(self, run_ids: tuple[str, ...]) -> None:
        """Choose several runs, to do something with all of them."""
        if run_ids != self.chosen:
            self.chosen = run_ids
            self.chosen_changed.emit()

    def request_config(self, config: RunConfig, engine: EngineName | None = None) -> None:
        self.config_requested.emit(config)
        if engine is not None:
            self.engine_requested.emit(engine)
        self.view_requested.emit("setup")

    def compare(self, run_ids: list[str]) -> None:
        """Look at the curves of several runs together; the first of them is the one looked at."""
        if run_ids:
            self.select(run_ids[0])
            self.view_requested.emit("watch")
            self.compare_requested.emit(run_ids)

    def request_chat(self, run_id: str) -> None:
        self.select(run_id)
        self.view_requested.emit("judge")
        self.chat_requested.emit(run_id)
