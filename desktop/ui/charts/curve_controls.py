"""How the curves are to be seen: smoothing, axes, which charts, and what leaves the window as a file."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QSettings, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QCheckBox, QComboBox, QMenu, QSlider, QToolButton, QWidget

from desktop.core.feeds import AxisKind, Look
from desktop.ui.charts.metric_words import title_of
from desktop.ui.pieces import label, row
from desktop.ui.theme import table_font

AXES: tuple[tuple[AxisKind, str, str], ...] = (
    ("step", "by step", "Steps of the optimizer"),
    ("time", "by time", "Time of training, without the pauses"),
    ("clock", "by clock", "Time since the run began, pauses included"),
    ("tokens", "by tokens", "Tokens that the run has read"),
)


class CurveControls(QWidget):
    """One line above the charts; what is set here is remembered."""

    look_changed = Signal()
    """The numbers are to be worked out anew."""
    scale_changed = Signal()
    """They are to be drawn on other axes."""
    charts_chosen = Signal()
    """Other charts are to be seen."""
    all_wanted = Signal()
    export_wanted = Signal(str)
    """png, svg, csv or copy."""

    def __init__(self, settings: QSettings) -> None:
        super().__init__()
        self._settings = settings
        self._names: list[str] = []
        self.hidden = self._remembered("curves/hidden")
        """Charts that the user has put away, by the name of their number."""
        self.added = self._remembered("curves/added")
        """Charts that are shown although they are not among the first."""
        self._make_axis()
        self._make_smoothing()
        self.log = self._check("Log axis", "curves/log")
        self.log.setToolTip("Powers of ten on the vertical axis")
        self.log.toggled.connect(lambda _: self.scale_changed.emit())
        self.charts = self._menu_button("Charts", "Which charts are shown")
        self.export = self._menu_button("Export", "Save or copy the curves")
        self._make_menus()
        buddy = label("Smoothing", "muted")
        buddy.setBuddy(self.smoothing)
        parts = (buddy, self.smoothing, self.percent, self.log, self.axis, self.charts, self.export)
        self.setLayout(row(*parts, space=8))

    def _make_axis(self) -> None:
        self.axis = QComboBox()
        self.axis.setAccessibleName("Horizontal axis")
        for index, (name, text, tip) in enumerate(AXES):
            self.axis.addItem(text, name)
            self.axis.setItemData(index, tip, Qt.ItemDataRole.ToolTipRole)
        self.axis.setCurrentIndex(max(0, self.axis.findData(self._settings.value("curves/axis", "step"))))
        self.axis.setToolTip(AXES[self.axis.currentIndex()][2])
        self.axis.currentIndexChanged.connect(self._axis_changed)

    def _make_smoothing(self) -> None:
        self.smoothing = QSlider(Qt.Orientation.Horizontal)
        self.smoothing.setRange(0, 99)
        kept = self._settings.value("curves/smoothing", None)
        self.smoothing.setValue(85 if kept is None else int(str(kept)))
        self.smoothing.setFixedWidth(72)
        self.smoothing.setAccessibleName("Smoothing of the curves, in percent")
        self.percent = label("", "muted")
        self.percent.setFont(table_font(self.percent.font()))
        self.percent.setFixedWidth(self.percent.fontMetrics().horizontalAdvance("auto 0.99"))
        self.automatic = QAction("Smooth by the length of the run", self, checkable=True)
        self.automatic.setToolTip("Weakly where there are few steps, more strongly where there are many.")
        self.automatic.setChecked(kept is None)
        self._show_percent()
        self.automatic.toggled.connect(self._automatic_toggled)
        self.smoothing.valueChanged.connect(self._smoothing_changed)

    def _make_menus(self) -> None:
        self.by_distance = self._option("Smooth by distance instead of by count", "curves/by_distance")
        self.by_distance.setToolTip("After a gap the past counts for less: nothing is smeared over it.")
        self.by_distance.toggled.connect(lambda _: self.look_changed.emit())
        self.fits = self._option("Let single peaks leave the picture", "curves/fits")
        self.fits.setToolTip("The height follows the smoothed line, not the highest peak.")
        self.fits.toggled.connect(lambda _: self.scale_changed.emit())
        for kind, text in (
            ("png", "Picture (PNG)…"),
            ("svg", "Drawing (SVG)…"),
            ("csv", "Numbers (CSV)…"),
            ("copy", "Copy as picture"),
        ):
            self.export.menu().addAction(text).triggered.connect(
                lambda _=False, kind=kind: self.export_wanted.emit(kind)
            )
        self.charts.menu().aboutToShow.connect(self._fill_charts)
        self._fill_charts()

    def _menu_button(self, text: str, name: str) -> QToolButton:
        made = QToolButton()
        made.setText(f"{text} ▾")
        made.setAccessibleName(name)
        made.setToolTip(name)
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(made)
        menu.setToolTipsVisible(True)
        made.setMenu(menu)
        return made

    def _check(self, text: str, key: str) -> QCheckBox:
        made = QCheckBox(text)
        made.setChecked(str(self._settings.value(key, "false")) == "true")
        made.toggled.connect(lambda is_on: self._settings.setValue(key, "true" if is_on else "false"))
        return made

    def _option(self, text: str, key: str) -> QAction:
        made = QAction(text, self, checkable=True)
        made.setChecked(str(self._settings.value(key, "false")) == "true")
        made.toggled.connect(lambda is_on: self._settings.setValue(key, "true" if is_on else "false"))
        return made

    def _remembered(self, key: str) -> set[str]:
        return set(filter(None, str(self._settings.value(key, "")).split("\n")))

    @property
    def look(self) -> Look:
        """How the numbers are to be worked out."""
        weight = None if self.automatic.isChecked() else self.smoothing.value() / 100
        return Look(self.axis.currentData(), weight, self.by_distance.isChecked())

    def show_automatic(self, weight: float) -> None:
        """Say how strongly is smoothed where the length of the run decides."""
        if self.automatic.isChecked() and round(100 * weight) != self.smoothing.value():
            with QSignalBlocker(self.smoothing):
                self.smoothing.setValue(round(100 * weight))
            self._show_percent()

    def show_names(self, names: Iterable[str]) -> None:
        """Offer these charts."""
        self._names = list(names)

    def _fill_charts(self) -> None:
        menu = self.charts.menu()
        menu.clear()
        menu.addAction("Show everything (Home)", self.all_wanted.emit)
        menu.addAction(self.fits)
        menu.addAction(self.automatic)
        menu.addAction(self.by_distance)
        menu.addSeparator()
        for name in self._names:
            action = menu.addAction(title_of(name))
            action.setCheckable(True)
            action.setChecked(self.is_shown(name))
            action.triggered.connect(lambda is_on, name=name: self.choose(name, is_on))
        menu.addSeparator()
        menu.addAction("As it was meant", self._forget_choice)

    def is_shown(self, name: str) -> bool:
        """Say whether a chart is to be shown: chosen, or among the first and not put away."""
        return name in self.added or (name in self._first and name not in self.hidden)

    _first: frozenset[str] = frozenset()

    def set_first(self, names: Iterable[str]) -> None:
        """Say which charts are shown unless they are put away."""
        self._first = frozenset(names)

    def choose(self, name: str, is_on: bool) -> None:
        """Show a chart, or put it away."""
        (self.hidden.discard if is_on else self.hidden.add)(name)
        (self.added.add if is_on and name not in self._first else self.added.discard)(name)
        self._keep_choice()

    def _forget_choice(self) -> None:
        self.hidden.clear()
        self.added.clear()
        self._keep_choice()

    def _keep_choice(self) -> None:
        self._settings.setValue("curves/hidden", "\n".join(sorted(self.hidden)))
        self._settings.setValue("curves/added", "\n".join(sorted(self.added)))
        self.charts_chosen.emit()

    def _axis_changed(self, index: int) -> None:
        self._settings.setValue("curves/axis", self.axis.currentData())
        self.axis.setToolTip(AXES[index][2])
        self.look_changed.emit()
        self.all_wanted.emit()

    def _smoothing_changed(self, percent: int) -> None:
        self._settings.setValue("curves/smoothing", percent)
        with QSignalBlocker(self.automatic):
            self.automatic.setChecked(False)
        self._show_percent()
        self.look_changed.emit()

    def _automatic_toggled(self, is_automatic: bool) -> None:
        if is_automatic:
            self._settings.remove("curves/smoothing")
        else:
            self._settings.setValue("curves/smoothing", self.smoothing.value())
        self._show_percent()
        self.look_changed.emit()

    def _show_percent(self) -> None:
        is_automatic = self.automatic.isChecked()
        self.percent.setText(f"{'auto ' if is_automatic else ''}{self.smoothing.value() / 100:.2f}")
        why = "; chosen by the number of steps, until you move it" if is_automatic else ""
        self.smoothing.setToolTip(f"How much of the past the smoothed line keeps; 0 is the curve itself{why}")
