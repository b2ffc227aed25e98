"""The horizontal axis that charts share."""

from __future__ import annotations

import math

from PySide6.QtCore import QObject, QTimer, Signal

FOLLOW_MS = 30
"""So much later the other charts follow the one that is zoomed."""
TURN_MS = 8
"""So much later than one the next of them follows: all at once would take longer than a frame."""
_LEAST_PART = 1e-7


class XAxis(QObject):
    """What part of the horizontal axis is shown, in all charts that share it."""

    moved = Signal()
    """The user sees another part of it."""
    turn_came = Signal(object)
    """The chart that is to follow now."""

    def __init__(self) -> None:
        super().__init__()
        self._whole: dict[object, tuple[float, float]] = {}
        self._shown: tuple[float, float] | None = None
        self._following: dict[object, None] = {}
        """Charts that wait for their turn, the first of them first."""
        self._turn = QTimer(self, singleShot=True)
        self._turn.timeout.connect(self._next_turn)

    @property
    def is_zoomed(self) -> bool:
        return self._shown is not None

    @property
    def whole(self) -> tuple[float, float]:
        """From the first point of any chart to the last."""
        if not self._whole:
            return 0.0, 1.0
        left, right = min(edge for edge, _ in self._whole.values()), max(edge for _, edge in self._whole.values())
        return (left, right) if right > left else (left - 0.5, right + 0.5)

    @property
    def shown(self) -> tuple[float, float]:
        return self._shown or self.whole

    def set_whole(self, chart: object, left: float, right: float) -> None:
        """Tell from where to where a chart has points; it does not move what the user has zoomed into."""
        self._whole[chart] = (left, right)

    def forget(self, chart: object) -> None:
        self._whole.pop(chart, None)
        self._following.pop(chart, None)

    def follow(self, chart: object) -> None:
        """Let a chart draw itself when its turn comes, a moment later; one that waits already keeps its place."""
        self._following.setdefault(chart)
        if not self._turn.isActive():
            self._turn.start(FOLLOW_MS)

    def has_drawn(self, chart: object) -> None:
        """A chart does not wait any more."""
        self._following.pop(chart, None)

    def _next_turn(self) -> None:
        if not self._following:
            return
        chart = next(iter(self._following))
        del self._following[chart]
        if self._following:
            self._turn.start(TURN_MS)
        self.turn_came.emit(chart)

    def clear(self) -> None:
        """Forget every chart: others will tell where they have points."""
        self._whole.clear()

    def show(self, left: float, right: float) -> None:
        """Show a part; more than the whole is the whole, and no part lies beyond it."""
        first, last = self.whole
        if not (math.isfinite(left) and math.isfinite(right)) or right - left < _LEAST_PART * (last - first):
            return
        if right - left >= last - first:
            self.show_all()
            return
        push = max(0.0, first - left) - max(0.0, right - last)
        self._shown = (left + push, right + push)
        self.moved.emit()

    def show_all(self) -> None:
        self._shown = None
        self.moved.emit()
