"""The horizontal axis that charts share, and axes whose numbers people can read."""

from __future__ import annotations

import math
from typing import Any, Literal

import pyqtgraph as pg
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QPainter

NumberKind = Literal["number", "minutes"]
_MINUTES = (1 / 60, 1 / 12, 1 / 6, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14400)
_LEAST_PART = 1e-7
_LEAST_GAP = 64.0
"""Pixels between two numbers on a horizontal axis."""


class XAxis(QObject):
    """What part of the horizontal axis is shown, in all charts that share it."""

    moved = Signal()
    """The user sees another part of it."""

    def __init__(self) -> None:
        super().__init__()
        self._whole: dict[object, tuple[float, float]] = {}
        self._shown: tuple[float, float] | None = None

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


class NumberAxis(pg.AxisItem):  # type: ignore[misc]
    """An axis with few, round numbers; as decades where its values are logarithms, as durations where minutes."""

    def __init__(self, side: str, *, is_log: bool = False) -> None:
        super().__init__(side)
        self.is_log = is_log
        self.kind: NumberKind = "number"
        self._reckoned: tuple[object, Any] = (None, None)
        """What an axis that looks the same is made of: that takes longer than drawing it."""
        self.enableAutoSIPrefix(False)

    def paint(self, painter: QPainter, *_: object) -> None:
        """Draw at once; pyqtgraph would record it first, which takes longer than the drawing while one zooms."""
        known, specs = self._reckoned
        if (now := self._whole_look(painter)) != known:
            specs = self.generateDrawSpecs(painter)
            self._reckoned = now, specs
        if specs is not None:
            self.drawPicture(painter, *specs)

    def _whole_look(self, painter: QPainter) -> object:
        """Return everything that decides how the axis is drawn: two that are equal are drawn alike."""
        view = self.linkedView()
        around = view.mapRectToItem(self, view.boundingRect()).getRect() if view is not None else None
        inks = self.pen().color().rgba(), self.textPen().color().rgba()
        place = self.geometry().getRect(), around, painter.device().logicalDpiX()
        return tuple(self.range), place, inks, self.kind, self.is_log, self.style["showValues"], self.grid

    def tickValues(self, least: float, most: float, size: float) -> list[tuple[float, list[float]]]:
        """Return where numbers stand."""
        if self.is_log:
            return _decades(least, most)
        if self.kind == "minutes":
            wanted = (most - least) * _LEAST_GAP / max(size, 1.0)
            spacing = next((known for known in _MINUTES if known >= wanted), 14400 * math.ceil(wanted / 14400))
            first = math.ceil(least / spacing)
            return [(spacing, [n * spacing for n in range(first, math.floor(most / spacing) + 1)])]
        levels: list[tuple[float, list[float]]] = super().tickValues(least, most, size)
        return levels[:1] if self.orientation in ("left", "right") and size < 90 else levels[:2]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        if self.is_log:
            return [short(10**value) for value in values]
        if self.kind == "minutes":
            return [_duration(value, spacing) for value in values]
        size = max((abs(value) for value in values), default=0)
        if size >= 10_000 or (size and size < 0.001):
            return [short(value) for value in values]
        digits = max(0, -math.floor(math.log10(spacing) + 1e-9)) if spacing > 0 else 0
        return [f"{value:.{digits}f}" for value in values]


def _decades(least: float, most: float) -> list[tuple[float, list[float]]]:
    """Return the powers of ten; twice and five times each unless they are many, every tenth where there is but one."""
    span = most - least
    parts: tuple[float, ...] = (1, 2, 5) if span > 0.6 else tuple(n / 4 for n in range(4, 40))
    if span > 7:
        parts = (1,)
    powers = range(math.floor(least), math.ceil(most) + 1)
    found = [power + math.log10(part) for power in powers for part in parts]
    inside = [place for place in found if least <= place <= most]
    every = max(1, len(inside) // 8) if span <= 0.6 else 1
    return [(1.0, inside[::every])]


def short(value: float) -> str:
    """Return 1.2M for 1200000, 15k for 15000, 2e-4 for 0.0002."""
    size = abs(value)
    for unit, sign in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= unit and (unit > 1e3 or size >= 1e4):
            return f"{value / unit:.4g}{sign}"
    if value and size < 0.001:
        digits, _, power = f"{value:.2e}".partition("e")
        return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"
    return f"{value:.4g}"


def _duration(minutes: float, spacing: float) -> str:
    seconds = round(minutes * 60)
    hours, rest = divmod(abs(seconds), 3600)
    sign = "-" if seconds < 0 else ""
    if seconds == 0:
        return "0"
    if spacing < 1:
        return f"{sign}{hours * 60 + rest // 60}:{rest % 60:02}" if abs(seconds) >= 60 else f"{seconds} s"
    if hours >= 48 and spacing >= 360:
        return f"{sign}{hours / 24:.4g} d"
    if hours:
        return f"{sign}{hours} h" if rest < 60 else f"{sign}{hours}:{rest // 60:02} h"
    return f"{sign}{rest // 60} min"
