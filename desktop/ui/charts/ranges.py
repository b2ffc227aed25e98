"""What part of the axes a chart shows: as high as its curves, and where the keys move it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import Qt

from desktop.ui.charts.x_axis import XAxis

_KEY_ZOOM = 1.5
_KEY_PUSH = 0.2


def height_for(bounds: Sequence[tuple[float, float]], *, is_log: bool, foot: float) -> tuple[float, float]:
    """Return the range that holds all these, with some air; ``foot`` is the share that is kept free below for marks."""
    lows = [low for low, _ in bounds if math.isfinite(low)]
    highs = [high for _, high in bounds if math.isfinite(high)]
    if not lows:
        return (-1.0, 1.0) if is_log else (-0.5, 0.5)
    low, high = min(lows), max(highs)
    span = high - low or (0.2 if is_log else abs(high) * 0.2 or 1.0)
    if high == low:
        low, high = low - span / 2, high + span / 2
    return low - span * (0.05 + foot), high + span * 0.06


def wanted_by_key(key: int, axis: XAxis) -> tuple[float, float] | None:
    """Return what a key wants to see of the axis, or None where it is no such key."""
    left, right = axis.shown
    middle, half = (left + right) / 2, (right - left) / 2
    match key:
        case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
            return middle - half / _KEY_ZOOM, middle + half / _KEY_ZOOM
        case Qt.Key.Key_Minus:
            return middle - half * _KEY_ZOOM, middle + half * _KEY_ZOOM
        case Qt.Key.Key_Left if axis.is_zoomed:
            return left - 2 * half * _KEY_PUSH, right - 2 * half * _KEY_PUSH
        case Qt.Key.Key_Right if axis.is_zoomed:
            return left + 2 * half * _KEY_PUSH, right + 2 * half * _KEY_PUSH
    return None
