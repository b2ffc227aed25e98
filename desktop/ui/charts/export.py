"""The charts as a picture or a drawing: what is seen, with the name of the run above it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QBuffer, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QTextDocument
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from desktop.errors import StoreError
from desktop.ui.theme import GRID, Colours, scaled_font

SHARPNESS = 2
"""Pixels of a picture for one of the window."""
_HEAD = 28


def picture(charts: QWidget, title: str, legend: str, colours: Colours) -> QImage:
    """Return the charts as a picture, twice as sharp as on the screen."""
    size = _size(charts)
    image = QImage(size * SHARPNESS, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(SHARPNESS)
    image.setText("Title", title)
    painter = QPainter(image)
    _paint(painter, charts, title, legend, colours)
    painter.end()
    return image


def save_png(path: Path, charts: QWidget, title: str, legend: str, colours: Colours) -> None:
    """Save the charts as a PNG."""
    if not picture(charts, title, legend, colours).save(str(path)):
        raise StoreError(f"{path.name} cannot be written.", "Choose another folder.")


def save_svg(path: Path, charts: QWidget, title: str, legend: str, colours: Colours) -> None:
    """Save the charts as an SVG: lines stay lines, words stay words."""
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    drawing = QSvgGenerator()
    drawing.setOutputDevice(buffer)
    drawing.setTitle(title)
    drawing.setDescription("Curves of a run of Tunedeck")
    size = _size(charts)
    drawing.setSize(size)
    drawing.setViewBox(QRect(QPoint(), size))
    painter = QPainter(drawing)
    _paint(painter, charts, title, legend, colours)
    painter.end()
    try:
        path.write_bytes(buffer.data().data())
    except OSError as error:
        raise StoreError(f"{path.name} cannot be written: {error.strerror}.", "Choose another folder.") from error


def _size(charts: QWidget) -> QSize:
    return charts.size() + QSize(2 * GRID, _HEAD + 2 * GRID)


def _paint(painter: QPainter, charts: QWidget, title: str, legend: str, colours: Colours) -> None:
    size = _size(charts)
    painter.fillRect(QRectF(0, 0, size.width(), size.height()), QColor(colours.surface))
    painter.setFont(scaled_font(charts.font(), 1.15, bold=True))
    painter.setPen(QColor(colours.text))
    head = QRectF(GRID, GRID, size.width() - 2 * GRID, _HEAD)
    painter.drawText(head, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, title)
    words = QTextDocument()
    words.setDefaultFont(charts.font())
    words.setHtml(f'<span style="color: {colours.muted}">{legend}</span>')
    # Beside the title where there is room, else not at all: half a legend says the wrong thing.
    left = size.width() - GRID - words.idealWidth()
    if left > GRID + painter.fontMetrics().horizontalAdvance(title):
        painter.translate(left, GRID + 2)
        words.drawContents(painter)
        painter.translate(-left, -GRID - 2)
    charts.render(painter, QPoint(GRID, GRID + _HEAD), renderFlags=QWidget.RenderFlag.DrawChildren)
