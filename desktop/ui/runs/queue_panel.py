"""The runs that wait, in their order: for which cards and what else, moved by buttons, stopped and let go on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from PySide6.QtCore import QPoint, QSignalBlocker, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QMenu, QSizePolicy, QWidget

from desktop.controllers.notices import Notices
from desktop.controllers.queue import AfterFailure, can_move
from desktop.controllers.runs import Runs
from desktop.core.queue import Move, lane_words
from desktop.core.run import Run
from desktop.errors import AppError
from desktop.ui.pieces import ElidedLabel, boxed, button, column, label, row, tool_button
from desktop.ui.runs.selection import Selection
from desktop.ui.setup.start_time import StartTimeDialog

ID_ROLE = Qt.ItemDataRole.UserRole
ROWS_SHOWN = 3
AFTER_FAILURE: tuple[tuple[AfterFailure, str], ...] = (("go_on", "Start the next"), ("stop", "Stop the queue"))
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
        self.more = tool_button("More ▾", self._open_more, "More: another hour, other cards, what follows a failure")
        head = row(self.title, self.state, self.switch)
        head.setStretch(1, 1)
        self._buttons = boxed(row(*self.moves, 1, self.start_now, self.more, space=4))
        self.setLayout(column(boxed(column(head, self.list, self._buttons, space=4), "card", 8)))
        self.layout().setContentsMargins(12, 4, 12, 0)  # type: ignore[union-attr]
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._open_menu)
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
        going = "stops after a failure" if queue.after_failure == "stop" else ""
        self.state.set_whole_text(going if why is None else f"stopped, {why}" if why else "stopped")
        self.switch.setText("Stop" if why is None else "Go on")
        name = "Stop the queue: what runs goes on" if why is None else "Let the queue go on"
        self.switch.setAccessibleName(name)
        self.switch.setToolTip(name)
        chosen = self.list.currentItem().data(ID_ROLE) if self.list.currentItem() else ""
        with QSignalBlocker(self.list):
            self.list.clear()
            for number, run in enumerate(order, 1):
                self._add(number, run, is_chosen=run.id == chosen)
        height = self.list.sizeHintForRow(0) if order else 0
        self.list.setFixedHeight(min(len(order), ROWS_SHOWN) * height + 4)
        for part in (self.list, self._buttons):
            part.setVisible(bool(order))
        self._enable()

    def _add(self, number: int, run: Run, *, is_chosen: bool) -> None:
        lane = lane_words(run.config.gpus, self._runs.queue.cards)
        waiting_for = " · ".join(part for part in (lane, run.waiting_for or "starts now") if part)
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

    @property
    def chosen(self) -> Run | None:
        """The run whose line is chosen."""
        item = self.list.currentItem()
        return self._runs.get(item.data(ID_ROLE)) if item is not None else None

    def make_menu(self) -> QMenu:
        """Return what else can be done with the chosen run, and with the queue."""
        menu, run, queue = QMenu(self), self.chosen, self._runs.queue
        for text, act in (("Start at…", self._ask_for_time), ("Take out of the queue", self._take_out)):
            menu.addAction(text, act).setEnabled(run is not None)
        if len(queue.cards) > 1:
            lanes = menu.addMenu("Run on")
            lanes.setEnabled(run is not None and can_move(run))
            for gpus in (None, *((card,) for card in queue.cards), ()):
                words = lane_words(gpus, queue.cards)
                text = f"{words[0].upper()}{words[1:]}" if gpus != () else "The processor"
                choice = lanes.addAction(text, partial(self._run_on, gpus))
                _check(choice, run is not None and lane_words(run.config.gpus, queue.cards) == words)
        menu.addSeparator()
        after = menu.addMenu("If a run fails")
        for policy, words in AFTER_FAILURE:
            _check(after.addAction(words, partial(queue.choose_after_failure, policy)), queue.after_failure == policy)
        return menu

    def _open_more(self) -> None:
        self._show_menu(self.more.mapToGlobal(QPoint(0, self.more.height())))

    def _open_menu(self, place: QPoint) -> None:
        if self.list.itemAt(place) is not None:
            self._show_menu(self.list.viewport().mapToGlobal(place))

    def _show_menu(self, place: QPoint) -> None:
        menu = self.make_menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    def _ask_for_time(self) -> None:
        run, queue = self.chosen, self._runs.queue
        if run is None:
            return

        def start_at(when: datetime | None) -> None:
            try:
                queue.start_at(run.id, when)
            except AppError as error:
                self._notices.post_error(error, run.id)

        StartTimeDialog(f"When to start {run.name}", start_at, self.window(), run.not_before).open()

    def _run_on(self, gpus: tuple[int, ...] | None) -> None:
        self._doing(lambda run: self._runs.queue.run_on(run.id, gpus))

    def _take_out(self) -> None:
        self._doing(lambda run: self._runs.cancel(run.id))

    def _doing(self, act: Callable[[Run], object]) -> None:
        run = self.chosen
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


def _check(action: QAction, is_on: bool) -> None:
    action.setCheckable(True)
    action.setChecked(is_on)
