"""The runs that are drawn together: each with its line, its name, a place on the axis, and a way out."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QDoubleSpinBox, QFrame, QHBoxLayout, QScrollArea, QToolButton, QWidget

from desktop.ui.charts.curve_items import DASHES
from desktop.ui.charts.tracks import Track
from desktop.ui.pieces import button, column, elided, label, row
from desktop.ui.theme import Theme

_SAMPLE = QSize(22, 12)
_WIDEST = 168
_UNITS = {"step": "steps", "time": "minutes", "clock": "minutes", "tokens": "tokens"}


class RunLegend(QWidget):
    """One chip a run; shown where there are several."""

    changed = Signal()
    """A run was hidden, shown or moved along the axis."""
    removed = Signal(str)
    """A run is not wanted any more, by its id."""
    ended = Signal()
    """Only the first run is wanted."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._tracks: list[Track] = []
        self._unit = "steps"
        self.chips: list[QToolButton] = []
        self._row = QHBoxLayout()
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(4)
        inside = QWidget()
        inside.setLayout(row(self._row, 1))
        scroll = QScrollArea(widgetResizable=True)
        scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        scroll.setFixedHeight(34)
        self.end = button("Only this run", self.ended.emit, "link")
        layout = row(scroll, self.end)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        theme.theme_changed.connect(self._fill)
        self.hide()

    def show_tracks(self, tracks: Sequence[Track], axis: str) -> None:
        """Show these runs; a single one needs no legend."""
        self._unit = _UNITS[axis]
        self._tracks = list(tracks)
        self.setVisible(len(tracks) > 1)
        self._fill()

    def _fill(self) -> None:
        while item := self._row.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        self.chips = [self._chip(track) for track in self._tracks] if len(self._tracks) > 1 else []
        for chip in self.chips:
            self._row.addWidget(chip)

    def _chip(self, track: Track) -> QToolButton:
        made = QToolButton()
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        made.setIcon(QIcon(self._sample(track)))
        made.setIconSize(_SAMPLE)
        moved = f" {track.shift:+g} {self._unit}" if track.shift else ""
        hidden = "" if track.is_shown else " (hidden)"
        made.setText(elided(made.font(), track.name, _WIDEST) + moved + hidden)
        made.setToolTip(f"{track.name}: hide, move along the axis, or take away")
        made.setAccessibleName(f"{track.name}{moved}{hidden}")
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        made.clicked.connect(lambda: self._open(made, track))
        return made

    def _sample(self, track: Track) -> QPixmap:
        sample = QPixmap(_SAMPLE * 2)
        sample.setDevicePixelRatio(2)
        sample.fill(Qt.GlobalColor.transparent)
        painter = QPainter(sample)
        painter.setOpacity(1 if track.is_shown else 0.35)
        pen = QPen(QColor(track.ink.of(self._theme.colours)), 2.5)
        dash = DASHES[track.ink.dash]
        if dash:
            pen.setDashPattern([part / 2.5 for part in dash])
        painter.setPen(pen)
        middle = _SAMPLE.height() // 2
        painter.drawLine(0, middle, _SAMPLE.width(), middle)
        painter.end()
        return sample

    def _open(self, chip: QToolButton, track: Track) -> None:
        popup = TrackPopup(track, self._unit, self)
        popup.changed.connect(self._fill)
        popup.changed.connect(self.changed)
        popup.removed.connect(lambda: self.removed.emit(track.run_id))
        popup.remove.setEnabled(track is not self._tracks[0])
        popup.move(chip.mapToGlobal(chip.rect().bottomLeft()))
        popup.show()
        popup.shift.setFocus()


class TrackPopup(QFrame):
    """What can be done with one of the runs."""

    changed = Signal()
    removed = Signal()

    def __init__(self, track: Track, unit: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("role", "popup")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._track = track
        self.shift = QDoubleSpinBox()
        self.shift.setRange(-1e12, 1e12)
        self.shift.setDecimals(0 if unit != "minutes" else 1)
        self.shift.setSuffix(f" {unit}")
        self.shift.setValue(track.shift)
        self.shift.setAccessibleName("Move along the axis")
        self.shift.valueChanged.connect(self._shifted)
        self.hide_it = button("Hide" if track.is_shown else "Show", self._toggle)
        self.remove = button("Take away", self._remove)
        layout = column(
            label(track.name, "title"),
            row(label("Move by", "muted"), self.shift),
            row(self.hide_it, self.remove, 1),
        )
        layout.setContentsMargins(12, 8, 12, 12)
        self.setLayout(layout)

    def _shifted(self, shift: float) -> None:
        self._track.shift = shift
        self.changed.emit()

    def _toggle(self) -> None:
        self._track.is_shown = not self._track.is_shown
        self.changed.emit()
        self.close()

    def _remove(self) -> None:
        self.removed.emit()
        self.close()
