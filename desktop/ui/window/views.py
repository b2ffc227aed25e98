"""The three views: saved arrangements of the docks of one window, remembered and always to be put back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from PySide6.QtCore import QByteArray, QObject, QSettings, QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import QDockWidget, QMainWindow, QTabBar

View = Literal["setup", "watch", "judge"]
VIEWS: dict[View, str] = {"setup": "Set up", "watch": "Watch", "judge": "Judge"}
DockName = Literal["config", "runs", "plots", "log", "samples", "tries", "compare", "gpus", "chat"]
DOCKS: dict[DockName, str] = {
    "config": "Set up",
    "runs": "Runs",
    "plots": "Curves",
    "log": "Log",
    "samples": "Samples",
    "tries": "Tries",
    "compare": "Compare",
    "gpus": "GPUs",
    "chat": "Chat",
}
LAYOUT_VERSION = 3
"""Goes up whenever a dock comes or goes: layouts of another version are forgotten."""

ROOM_FOR_NO_CARDS = 104
"""Without a card the GPUs dock has one sentence to say."""
ROOM_FOR_NO_RUNS = 232
"""Before the first run its dock has one sentence to say, and the form can use the width."""
WAITS_FOR_RUNS = "layout/waits_for_runs"


@dataclass(frozen=True)
class Rows:
    """Docks below each other, with the share of the height that each gets."""

    parts: tuple[tuple[DockName | tuple[DockName, ...], int], ...]


LAYOUTS: dict[View, tuple[tuple[int, Rows], ...]] = {
    "setup": ((26, Rows((("runs", 1),))), (74, Rows((("config", 1),)))),
    "watch": (
        (26, Rows((("runs", 64), ("gpus", 36)))),
        (74, Rows((("plots", 72), (("log", "samples", "tries"), 28)))),
    ),
    "judge": ((26, Rows((("runs", 1),))), (74, Rows((("chat", 1),)))),
}
"""Columns of a view, each with its share of the width; a tuple of docks shares one place, as tabs."""


class Views(QObject):
    """Arranges the docks for a view and remembers what the user made of it."""

    view_changed = Signal(str)
    enlarged_ended = Signal()
    """No dock has the whole window any more."""

    def __init__(
        self,
        window: QMainWindow,
        docks: dict[DockName, QDockWidget],
        settings: QSettings,
        has_cards: Callable[[], bool] = lambda: True,
        has_runs: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(window)
        self._has_cards, self._has_runs = has_cards, has_runs
        self._window = window
        self._docks = docks
        self._settings = settings
        known = str(settings.value("window/view", "setup"))
        self.current: View = next((view for view in VIEWS if view == known), "setup")
        self._beside: QByteArray | None = None
        """How this view stood before one dock was given the whole window."""
        self._sizes: dict[QDockWidget, QSize] = {}
        self._resizing = QTimer(self, singleShot=True, interval=0)
        self._resizing.timeout.connect(self._share_room)
        self._widening = QTimer(self, singleShot=True, interval=0)
        self._widening.timeout.connect(self._make_room_for_runs)
        self._tidying = QTimer(self, singleShot=True, interval=0)
        self._tidying.timeout.connect(self._put_tab_bars_away)
        self._settling = QTimer(self, singleShot=True, interval=0)
        self._settling.timeout.connect(self._restore_sizes)

    def show(self, view: View) -> None:
        """Keep how the docks stand in this view, and arrange them for the other; no dock keeps the whole window."""
        if view == self.current:
            self._put_back()
        if view == self.current:
            self.view_changed.emit(view)
            return
        self.save()
        self.current = view
        self._settings.setValue("window/view", view)  # an app that is killed comes back here too
        self.restore()

    def save(self) -> None:
        """Remember this view as it stands now."""
        state = self._beside if self._beside is not None else self._window.saveState(LAYOUT_VERSION)
        self._settings.setValue(self._key(self.current), state)
        self._settings.setValue("window/view", self.current)

    def restore(self) -> None:
        """Arrange the docks as they were left in this view, or as they are meant."""
        state = self._settings.value(self._key(self.current))
        self._forget_enlarged()
        self._without_flicker(lambda: self._restore_or_arrange(state))
        self.make_room_for_runs()
        self.view_changed.emit(self.current)

    def reset(self) -> None:
        """Put every dock of this view back where it is meant to be."""
        self._settings.remove(self._key(self.current))
        self._forget_enlarged()
        self._without_flicker(self._arrange)

    def enlarge(self, name: DockName, is_wanted: bool) -> None:
        """Give a dock the whole window, or put the view back as it stood; only until the next view."""
        if is_wanted and self._beside is None:
            self._beside = self._window.saveState(LAYOUT_VERSION)
            self._keep_sizes()
            self._without_flicker(lambda: self._show_only(name))
        elif not is_wanted:
            self._put_back()

    def put_beside(self, name: DockName, neighbour: DockName) -> None:
        """Show a dock in the place of another one, as a tab before it, unless the user has given it a place."""
        dock, other = self._docks[name], self._docks[neighbour]
        if dock.isHidden() and not dock.isFloating() and other.isVisibleTo(self._window):
            if not self._settling.isActive():
                self._keep_sizes()
            # A layout that was read back keeps a place for what is hidden, and would show it there.
            self._window.removeDockWidget(dock)
            self._window.tabifyDockWidget(other, dock)
            self._settling.start()
        dock.show()
        dock.raise_()

    def _show_only(self, name: DockName) -> None:
        for other, dock in self._docks.items():
            if not dock.isFloating():
                dock.setVisible(other == name)

    def _put_back(self) -> None:
        """Show the docks that one of them has pushed aside, as wide and high as they were."""
        if self._beside is None:
            return
        state = self._beside
        self._forget_enlarged()
        self._without_flicker(lambda: self._restore_or_arrange(state))
        self._resizing.stop()
        self._settling.start()

    def _keep_sizes(self) -> None:
        docks = [dock for dock in self._docks.values() if dock.isVisibleTo(self._window) and not dock.isFloating()]
        self._sizes = {dock: dock.size() for dock in docks if not dock.visibleRegion().isEmpty()}

    def _restore_sizes(self) -> None:
        """Qt gives docks that come back whatever it likes; once they are there, they get what they had."""
        docks = list(self._sizes)
        widths, heights = ([size.width() for size in self._sizes.values()], [s.height() for s in self._sizes.values()])
        self._window.resizeDocks(docks, widths, Qt.Orientation.Horizontal)
        self._window.resizeDocks(docks, heights, Qt.Orientation.Vertical)

    def _forget_enlarged(self) -> None:
        if self._beside is not None:
            self._beside = None
            self.enlarged_ended.emit()

    def bring_forward(self, name: DockName) -> None:
        """Show a dock before those that share its place; one that the user has closed stays closed."""
        dock = self._docks[name]
        if dock.isVisibleTo(self._window) and self._window.tabifiedDockWidgets(dock):
            dock.raise_()

    def share_room_if_new(self) -> None:
        """Share the room again once the window has its real size, unless the user has arranged this view."""
        if self._settings.value(self._key(self.current)) is None:
            self._resizing.start()

    def make_room_for_runs(self) -> None:
        """Give the runs their width once there is one, where they had less because there was none."""
        if self._settings.value(WAITS_FOR_RUNS, False, type=bool):
            self._widening.start()

    def _make_room_for_runs(self) -> None:
        if self.current == "setup" and self._has_runs():
            self._settings.setValue(WAITS_FOR_RUNS, False)
            docks = [self._docks["runs"], self._docks["config"]]
            whole = sum(dock.width() for dock in docks)
            usual = self._usual_width()
            if docks[0].width() < usual:
                self._window.resizeDocks(docks, [usual, whole - usual], Qt.Orientation.Horizontal)

    def _usual_width(self) -> int:
        """Return the width of the first column where it has something to show."""
        return min(400, max(300, self._window.width() * LAYOUTS[self.current][0][0] // 100))

    def _key(self, view: View) -> str:
        return f"layout/{LAYOUT_VERSION}/{view}"

    def _restore_or_arrange(self, state: object) -> None:
        if not self._restore_state(state):
            self._arrange()

    def _restore_state(self, state: object) -> bool:
        if not isinstance(state, QByteArray) or not self._window.restoreState(state, LAYOUT_VERSION):
            return False
        return any(not dock.isHidden() for dock in self._docks.values())

    def _arrange(self) -> None:
        window = self._window
        for dock in self._docks.values():
            dock.setFloating(False)
            window.removeDockWidget(dock)
        columns = [rows for _, rows in LAYOUTS[self.current]]
        before: QDockWidget | None = None
        for rows in columns:
            before = self._place(_first(rows.parts[0][0]), before, Qt.Orientation.Horizontal)
        for rows in columns:
            above = self._docks[_first(rows.parts[0][0])]
            for part, _ in rows.parts[1:]:
                above = self._place(_first(part), above, Qt.Orientation.Vertical)
        for rows in columns:
            for part, _ in rows.parts:
                if isinstance(part, tuple):
                    for front, behind in pairwise(part):
                        window.tabifyDockWidget(self._docks[front], self._docks[behind])
                        self._docks[behind].show()
                    self._docks[part[0]].raise_()
        # Those of the other views stay known to the layout, hidden: a saved state is of all of them.
        for dock in self._docks.values():
            if window.dockWidgetArea(dock) == Qt.DockWidgetArea.NoDockWidgetArea:
                window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
                dock.hide()
        self._share_room()
        # The first time the window has no size yet that could be shared.
        self._resizing.start()

    def _place(self, name: DockName, beside: QDockWidget | None, direction: Qt.Orientation) -> QDockWidget:
        dock = self._docks[name]
        if beside is None:
            self._window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
        else:
            self._window.splitDockWidget(beside, dock, direction)
        dock.show()
        return dock

    def _share_room(self) -> None:
        columns = LAYOUTS[self.current]
        heads = [self._docks[_first(rows.parts[0][0])] for _, rows in columns]
        width, height = self._window.width(), self._window.height()
        waits = self.current == "setup" and not self._has_runs()
        if self.current == "setup":
            self._settings.setValue(WAITS_FOR_RUNS, waits)
        first = ROOM_FOR_NO_RUNS if waits else self._usual_width()
        self._window.resizeDocks(heads, [first, width - first], Qt.Orientation.Horizontal)
        for _, rows in columns:
            if len(rows.parts) > 1:
                docks = [self._docks[_first(part)] for part, _ in rows.parts]
                heights = [height * share // 100 for _, share in rows.parts]
                if rows.parts[-1][0] == "gpus" and not self._has_cards():
                    heights = [height - ROOM_FOR_NO_CARDS, ROOM_FOR_NO_CARDS]
                self._window.resizeDocks(docks, heights, Qt.Orientation.Vertical)

    def _without_flicker(self, arrange: Callable[[], object]) -> None:
        size = self._window.size()
        self._window.setUpdatesEnabled(False)
        try:
            arrange()
            self._take_size(size)
        finally:
            self._window.setUpdatesEnabled(True)
            self._tidying.start()

    def _take_size(self, size: QSize) -> None:
        """While docks come and go, those of two views stand side by side for a moment, which makes a window wider."""
        if self._window.size() != size and not self._window.isMaximized() and not self._window.isFullScreen():
            layout = self._window.layout()
            assert layout is not None
            layout.activate()
            self._window.resize(size)

    def _put_tab_bars_away(self) -> None:
        """Hide the tabs of docks that this view does not show: Qt leaves them where they were, over other docks."""
        shown = {dock.windowTitle() for dock in self._docks.values() if dock.isVisibleTo(self._window)}
        for bar in self._window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly):
            if shown.isdisjoint(bar.tabText(number) for number in range(bar.count())):
                bar.hide()


def _first(part: DockName | tuple[DockName, ...]) -> DockName:
    return part[0] if isinstance(part, tuple) else part
