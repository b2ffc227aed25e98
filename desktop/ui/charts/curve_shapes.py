"""The shapes that a curve is painted with, in pixels, made to be quick: its line, its points, the ground below it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from pyqtgraph.graphicsItems.ScatterPlotItem import Symbols
from PySide6.QtCore import Qt
from PySide6.QtGui import QPainterPath

from desktop.core.series import Floats
from desktop.ui.charts.pixel_layer import Frame

_ROUND = np.linspace(0, 2 * np.pi, 25)
OUTLINES = {
    name: np.array([[corner.x(), corner.y()] for corner in path.toSubpathPolygons()[0]])
    for name, path in Symbols.items()
    if isinstance(name, str)
} | {"o": np.column_stack([np.cos(_ROUND), np.sin(_ROUND)]) / 2}
"""The corners of every shape, one unit wide; the last is the first again."""
_MASS = 16
"""A line that goes up and down by so many pixels in each pixel across fills what it covers; soft edges cannot be seen
in it, and take twice as long."""
_NEARLY = 1e-6
_TOGETHER = 12
"""So many points are one shape: all in one take longer the more there are beside each other, and so do single ones."""
PIECE = 32
"""So many places of a filled curve are one piece; as a whole the ground of a lively one takes a tenth of a second."""


@dataclass(frozen=True)
class Shapes:
    """What is painted of a curve for one part of the axes."""

    frame: Frame
    line: QPainterPath
    points: list[QPainterPath]
    ground: list[QPainterPath]
    is_mass: bool
    """The line is to be painted with hard edges."""


def line_through(across: Floats, down: Floats, frame: Frame) -> tuple[QPainterPath, bool]:
    """Return a line, and whether it is a mass that needs no soft edges."""
    is_mass = bool(np.nansum(np.abs(np.diff(down))) > _MASS * frame.width)
    if is_mass:  # with hard edges two columns could fall on one pixel, and leave the next one empty
        across = np.floor(across - across[0] + _NEARLY) + np.round(across[0]) + 0.5
    return pg.arrayToQPath(across, down, connect="finite"), is_mass


def lonely(y: Floats) -> NDArray[np.bool_]:
    """Say of each value whether it has one, and neither of its neighbours has."""
    known = np.isfinite(y)
    found = known.copy()
    found[1:] &= ~known[:-1]
    found[:-1] &= ~known[1:]
    return found


def at_each(corners: Floats, across: Floats, down: Floats) -> list[QPainterPath]:
    """Return a shape around each point, some together in a path."""
    is_joined = np.ones((_TOGETHER, len(corners)), dtype=np.int32)
    is_joined[:, -1] = 0
    found = []
    for first in range(0, len(across), _TOGETHER):
        some = slice(first, first + _TOGETHER)
        x, y = across[some, None] + corners[:, 0], down[some, None] + corners[:, 1]
        shape: QPainterPath = pg.arrayToQPath(x.ravel(), y.ravel(), connect=is_joined[: len(x)].ravel())
        shape.setFillRule(Qt.FillRule.WindingFill)
        found.append(shape)
    return found


def ground_below(across: Floats, down: Floats, bottom: float, together: int) -> list[QPainterPath]:
    """Return what lies between a line and its bottom: pieces of so many points, side by side."""
    found = []
    told = np.flatnonzero(np.isfinite(down))
    for part in np.split(told, np.flatnonzero(np.diff(told) > 1) + 1):
        for first in range(0, len(part) - 1, together):
            some = part[first : first + together + 1]
            x, y = across[some], down[some]
            piece: QPainterPath = pg.arrayToQPath(
                np.concatenate([x[:1], x, x[-1:]]), np.pad(y, 1, constant_values=bottom), finiteCheck=False
            )
            found.append(piece)
    return found
