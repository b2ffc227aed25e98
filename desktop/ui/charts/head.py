"""The line above a chart: what it shows, and every value under the crosshair with the sign of its curve."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QHBoxLayout, QLabel

from desktop.ui.charts.curve_items import SIGNS, Curve
from desktop.ui.pieces import ElidedLabel, label, row
from desktop.ui.theme import GRID, table_font


class ChartHead:
    """Title and values; where there is no room for the names of the curves their signs stand alone."""

    def __init__(self, title: str, *, is_small: bool) -> None:
        self.title: QLabel = ElidedLabel(title, "title") if is_small else label(title, "title")
        self.values = label("", "muted")
        self.values.setTextFormat(Qt.TextFormat.RichText)
        self.values.setFont(table_font(self.values.font()))
        self.values.setMinimumWidth(1)  # on a narrow dock its end is cut off, not the controls beside it
        self.line: QHBoxLayout = row(self.title, self.values) if is_small else row(self.title, self.values, 1)

    def set_title(self, title: str, tip: str) -> None:
        """Call the chart so; ``tip`` says what it means, at the title: over the plot it would hide the crosshair."""
        if isinstance(self.title, ElidedLabel):
            self.title.set_whole_text(title)
            self.title.set_tip(tip)
        else:
            self.title.setText(title)
            self.title.setToolTip(tip)

    def say(self, choices: Sequence[list[str]], width: int) -> None:
        """Say the values in the first of these ways that there is room for; ``width`` is that of the chart."""
        texts = list(dict.fromkeys("&nbsp;&nbsp; ".join(filter(None, parts)) for parts in choices))
        text = next((text for text in texts[:-1] if self._has_room_for(text, width)), texts[-1])
        tip = texts[0] if len(texts) > 1 and text is texts[-1] else ""
        if text != self.values.text():
            self.values.setText(text)
        if tip != self.values.toolTip():
            self.values.setToolTip(tip)

    def _has_room_for(self, text: str, width: int) -> bool:
        document = QTextDocument()
        document.setDefaultFont(self.values.font())
        document.setHtml(text)
        taken = self.line.sizeHint().width() - self.values.sizeHint().width() + GRID
        return document.idealWidth() <= width - taken


def value_words(curve: Curve, colour: str, value: str, *, is_named: bool, is_only: bool, is_small: bool) -> str:
    """Return one value as HTML: the curve's colour and shape go before it, so that the line is the legend too."""
    if is_only:
        return value
    if is_named:
        return f"{sign(curve, colour)} {curve.words} <b>{value}</b>"
    return value if is_small and curve.look in ("line", "faint") else f"{sign(curve, colour)} {value}"


def sign(curve: Curve, colour: str) -> str:
    """Return the curve's shape in its colour, as HTML."""
    return f'<span style="color: {colour}">{SIGNS[curve.look]}</span>'
