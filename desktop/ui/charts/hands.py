"""What is done to a chart with the mouse and the keys: pointed at, pressed, double-clicked."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QLabel

from desktop.ui.charts.plot import ChartPlot

_ALL = (Qt.Key.Key_Home, Qt.Key.Key_0)
_MOVING = (
    *(Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus),
    *(Qt.Key.Key_Left, Qt.Key.Key_Right),
)


class ChartHands(QObject):
    """Says what was meant, in the units of the axis."""

    hovered = Signal(object)
    """The x under the pointer, or None when it has left."""
    point_pressed = Signal(float)
    mark_pressed = Signal(str, float)
    """A mark or a point, by the name of its curve and its x."""
    pin_pressed = Signal(int)
    title_double_clicked = Signal()
    all_wanted = Signal()
    key_pressed = Signal(int)
    """A key that zooms or pushes."""

    def __init__(self, plot: ChartPlot, title: QLabel, *, log_x: bool) -> None:
        super().__init__(plot)
        self._plot = plot
        self._title = title
        self._log_x = log_x
        self.pointer: QPoint | None = None
        """Where the pointer is on the screen, while it is over the plot."""
        self._over: QPointF | None = None
        """The same in the scene; None when it has left."""
        # The axis of a run that goes on moves under a pointer that stands still.
        self._slipped = QTimer(self, singleShot=True, interval=0)
        self._slipped.timeout.connect(self._look_below)
        self._pressed_x = 0.0
        # The first half of a double click is no click.
        self._pressing = QTimer(self, singleShot=True)
        self._pressing.timeout.connect(lambda: self.point_pressed.emit(self._pressed_x))
        self._viewport: QObject = plot.viewport()
        for watched in (plot, self._viewport, title):
            watched.installEventFilter(self)
        plot.scene().sigMouseMoved.connect(self._moved)
        plot.view.pressed.connect(self._pressed)
        plot.view.sigXRangeChanged.connect(self._axis_moved)

    def _x_at(self, place: Any) -> float:
        x = float(self._plot.view.mapSceneToView(place).x())
        return 10**x if self._log_x else x

    def _moved(self, place: Any) -> None:
        if self._plot.view.sceneBoundingRect().contains(place):
            self.pointer = self._plot.viewport().mapToGlobal(self._plot.mapFromScene(place))
            self._over = QPointF(place)
            self.hovered.emit(self._x_at(place))
        else:
            self._leave()

    def _leave(self) -> None:
        self._over = None
        self.hovered.emit(None)

    def _axis_moved(self, *_: object) -> None:
        if self._over is not None:
            self._slipped.start()

    def _look_below(self) -> None:
        if self._over is not None:
            self.hovered.emit(self._x_at(self._over))

    def _pressed(self, place: QPointF) -> None:
        layer = self._plot.layer
        pin = layer.pin_at(place)
        if pin >= 0:
            self.pin_pressed.emit(pin)
            return
        if (found := layer.row_at(place)) is not None:
            self.mark_pressed.emit(found[0].name, found[1])
            return
        if (point := self._plot.curves.point_at(place)) is not None:
            self.mark_pressed.emit(point[0].name, point[1])
            return
        self._pressed_x = self._x_at(place)
        self._pressing.start(QApplication.doubleClickInterval())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave and watched is self._plot:
            self._leave()
        elif event.type() == QEvent.Type.MouseButtonDblClick and watched is self._title:
            self.title_double_clicked.emit()
        elif event.type() == QEvent.Type.MouseButtonDblClick and watched is self._viewport:
            self._pressing.stop()
            self.all_wanted.emit()
            return True
        elif event.type() == QEvent.Type.KeyPress and watched is self._plot and isinstance(event, QKeyEvent):
            return self._key_pressed(event.key())
        return super().eventFilter(watched, event)

    def _key_pressed(self, key: int) -> bool:
        if key in _ALL:
            self.all_wanted.emit()
        elif key in _MOVING:
            self.key_pressed.emit(key)
        return key in (*_ALL, *_MOVING)
