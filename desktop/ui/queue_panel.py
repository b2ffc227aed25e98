"""The runs that wait, in their order: what each waits for, moved with buttons, stopped and let go on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QComboBox, QListWidget, QListWidgetItem, QWidget

from desktop.controllers.notices import Notices
from desktop.controllers.queue import AfterFailure
from desktop.controllers.runs import Runs
from desktop.core.queue import Move
from desktop.core.run import Run
from desktop.errors import AppError
from desktop.ui.pieces import ElidedLabel, boxed, button, column, label, row, tool_button
from desktop.ui.selection import Selection

ID_ROLE = Qt.ItemDataRole.UserRole
ROWS_SHOWN = 3
AFTER_FAILURE: tuple[tuple[AfterFailure, str], ...] = (("go_on", "go on"), ("stop", "stop"))
PLACES: tuple[tuple[str, Move, str], ...] = (
    ("⤒", "first", "Let this run start next"),
    ("↑", "up", "Move this run up"),
    ("↓", "down", "Move this run down"),
)


class QueuePanel(QWidget):
    """Hidden while nothing waits and the queue goes on."""

    def __init__(self, runs: Runs, notices: Notices, selection: Selection) -> None:
        super().__init__()
        self._runs = runs
        self._notices = notices
        self._selection = selection
        self.title = label("", "title")
        self.state = ElidedLabel("", "muted")
        self.switch = button("", self._switch, "link")
        self.list = QListWidget()
        self.list.setAccessibleName("Runs that wait, the next one first")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.moves = [tool_button(sign, partial(self._move, how), name) for sign, how, name in PLACES]
        self.start_now = button("Start now", lambda: self._doing(lambda run: runs.queue.start_now(run.id)), "link")
        self.start_now.setToolTip("Start it although other runs use its cards.")
        self.take_out = button("Take out", lambda: self._doing(lambda run: runs.cancel(run.id)), "link")
        self.take_out.setToolTip("A new run is cancelled; one that was paused is paused again.")
        self.after_failure = QComboBox()
        for choice, words in AFTER_FAILURE:
            self.after_failure.addItem(words, choice)
        asking = label("If a run fails,", "muted")
        asking.setBuddy(self.after_failure)
        self.after_failure.setAccessibleName("What the queue does if a run fails")
        head = row(self.title, self.state, self.switch)
        head.setStretch(1, 1)
        self._buttons = boxed(row(*self.moves, 1, self.start_now, self.take_out, space=4))
        self._policy = boxed(row(asking, self.after_failure, 1))
        self.setLayout(column(boxed(column(head, self.list, self._buttons, self._policy, space=4), "card", 8)))
        self.layout().setContentsMargins(12, 4, 12, 0)  # type: ignore[union-attr]
        self.after_failure.activated.connect(self._choose)
        self.list.currentItemChanged.connect(lambda *_: self._enable())
        self.list.itemClicked.connect(lambda item: selection.select(item.data(ID_ROLE)))
        runs.queue.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the order as it is; the chosen run stays chosen."""
        queue = self._runs.queue
        order, why = queue.order(), queue.stopped_because
        self.setVisible(bool(order) or why is not None)
        self.title.setText(f"Queue: {len(order)}" if order else "Queue")
        self.state.set_whole_text("" if why is None else f"stopped, {why}" if why else "stopped")
        self.switch.setText("Stop" if why is None else "Go on")
        name = "Stop the queue: what runs goes on" if why is None else "Let the queue go on"
        self.switch.setAccessibleName(name)
        self.switch.setToolTip(name)
        self.after_failure.setCurrentIndex(self.after_failure.findData(queue.after_failure))
        chosen = self.list.currentItem().data(ID_ROLE) if self.list.currentItem() else ""
        with QSignalBlocker(self.list):
            self.list.clear()
            for number, run in enumerate(order, 1):
                self._add(number, run, is_chosen=run.id == chosen)
        height = self.list.sizeHintForRow(0) if order else 0
        self.list.setFixedHeight(min(len(order), ROWS_SHOWN) * height + 4)
        for part in (self.list, self._buttons, self._policy):
            part.setVisible(bool(order))
        self._enable()

    def _add(self, number: int, run: Run, *, is_chosen: bool) -> None:
        waiting_for = run.waiting_for or "starts now"
        item = QListWidgetItem(f"{number}  {run.name}\n     {waiting_for}")
        item.setData(ID_ROLE, run.id)
        item.setToolTip(f"{run.name}\n{waiting_for}")
        item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{number}, {run.name}, {waiting_for}")
        self.list.addItem(item)
        if is_chosen:
            self.list.setCurrentItem(item)

    def _enable(self) -> None:
        place, last = self.list.currentRow(), self.list.count() - 1
        for one, (_, how, _) in zip(self.moves, PLACES, strict=True):
            one.setEnabled(place >= 0 and place < last if how == "down" else place > 0)
        self.start_now.setEnabled(place >= 0)
        self.take_out.setEnabled(place >= 0)

    def _doing(self, act: Callable[[Run], object]) -> None:
        item = self.list.currentItem()
        run = self._runs.get(item.data(ID_ROLE)) if item is not None else None
        if run is None:
            return
        try:
            act(run)
        except AppError as error:
            self._notices.post_error(error, run.id)
        self.refresh()

    def _move(self, how: Move) -> None:
        self._doing(lambda run: self._runs.queue.move(run.id, how))

    def _switch(self) -> None:
        queue = self._runs.queue
        if queue.stopped_because is None:
            queue.pause()
        else:
            queue.go_on()

    def _choose(self) -> None:
        self._runs.queue.choose_after_failure(self.after_failure.currentData())
