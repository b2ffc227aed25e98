"""Light and dark: the palette, the small style sheet, and who may choose between them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import pyqtgraph as pg
from PySide6.QtCore import QObject, QSettings, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

ThemeChoice = Literal["system", "light", "dark"]
HERE = Path(__file__).parent
GRID = 8
"""Every distance is a multiple of this, or half of it."""


@dataclass(frozen=True)
class Colours:
    """Every colour of one theme; pairs that carry text keep 4.5 to 1, marks keep 3 to 1 (tested)."""

    name: Literal["light", "dark"]
    window: str
    surface: str
    raised: str
    border: str
    edge: str
    """The outline of what can be typed into or pressed."""
    text: str
    muted: str
    accent: str
    on_accent: str
    selection: str
    good: str
    warn: str
    bad: str
    curves: tuple[str, ...]
    """Okabe-Ito, those of them that stand out from this theme's surface."""
    faint_curve: str


LIGHT = Colours(
    name="light",
    window="#eef0f4",
    surface="#ffffff",
    raised="#f5f6f9",
    border="#dde1e8",
    edge="#848c99",
    text="#1a1e26",
    muted="#565e6c",
    accent="#3a55d0",
    on_accent="#ffffff",
    selection="#e0e6fb",
    good="#14713a",
    warn="#8a5300",
    bad="#b8232f",
    curves=("#0072b2", "#d55e00", "#009e73", "#b3578a", "#946a00", "#3b95d0", "#4d5361"),
    faint_curve="#a9cbe2",
)
DARK = Colours(
    name="dark",
    window="#121419",
    surface="#1a1d24",
    raised="#22262f",
    border="#2c313c",
    edge="#707988",
    text="#e7e9ee",
    muted="#a0a8b6",
    accent="#93a8ff",
    on_accent="#10131c",
    selection="#2c3560",
    good="#5cc98a",
    warn="#e6b450",
    bad="#ff8a85",
    curves=("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#e4733d", "#c9ced8"),
    faint_curve="#2c4d63",
)


def contrast(one: str, other: str) -> float:
    """Return the WCAG contrast of two colours, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mixed(one: str, other: str, share: float) -> str:
    """Return a colour between two, with this share of the other."""
    parts = zip(QColor(one).getRgb(), QColor(other).getRgb(), strict=True)  # type: ignore[call-overload]
    red, green, blue, _ = (round(mine * (1 - share) + theirs * share) for mine, theirs in parts)
    return QColor(red, green, blue).name()


def _luminance(colour: str) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)

    red, green, blue, _ = cast("tuple[float, ...]", QColor(colour).getRgbF())
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)


class Theme(QObject):
    """The colours in use; follows the system until the user chooses."""

    theme_changed = Signal()

    def __init__(self, settings: QSettings, parent: QObject | None = None, *, has_sheet: bool = True) -> None:
        super().__init__(parent)
        self._settings = settings
        self._has_sheet = has_sheet
        chosen = str(settings.value("theme", "system"))
        self.choice: ThemeChoice = cast(ThemeChoice, chosen) if chosen in ("light", "dark") else "system"
        self.colours = LIGHT
        QApplication.setStyle("Fusion")
        QApplication.styleHints().colorSchemeChanged.connect(self._apply)
        self._apply()

    def choose(self, choice: ThemeChoice) -> None:
        """Use a theme from now on, also after the next start."""
        self.choice = choice
        self._settings.setValue("theme", choice)
        self._apply()

    def put_sheet_on(self) -> None:
        """Use the style sheet from now on: under one, each widget is styled anew at every level it is built into."""
        self._has_sheet = True
        self._put_sheet_on()

    def _apply(self) -> None:
        dark = QApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        if self.choice != "system":
            dark = self.choice == "dark"
        self.colours = DARK if dark else LIGHT
        QApplication.setPalette(make_palette(self.colours))
        if self._has_sheet:
            self._put_sheet_on()
        pg.setConfigOptions(background=self.colours.surface, foreground=self.colours.muted, antialias=False)
        self.theme_changed.emit()

    def _put_sheet_on(self) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        sheet = make_style_sheet(self.colours)
        if app.styleSheet() != sheet:
            app.setStyleSheet(sheet)


def make_palette(colours: Colours) -> QPalette:
    """Return the palette that Fusion draws with."""
    palette = QPalette()
    role = QPalette.ColorRole
    for name, colour in (
        (role.Window, colours.window),
        (role.WindowText, colours.text),
        (role.Base, colours.surface),
        (role.AlternateBase, colours.raised),
        (role.Text, colours.text),
        (role.PlaceholderText, colours.muted),
        (role.Button, colours.raised),
        (role.ButtonText, colours.text),
        (role.ToolTipBase, colours.raised),
        (role.ToolTipText, colours.text),
        (role.Highlight, colours.accent),
        (role.HighlightedText, colours.on_accent),
        (role.Accent, colours.accent),
        (role.Link, colours.accent),
        (role.BrightText, colours.bad),
        (role.Mid, colours.border),
        (role.Dark, colours.edge),
        (role.Light, colours.surface),
        (role.Midlight, colours.border),
        (role.Shadow, colours.edge),
    ):
        palette.setColor(name, QColor(colour))
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, QColor(colours.edge))
    return palette


def make_style_sheet(colours: Colours) -> str:
    """Return the style sheet: ``style.qss`` with this theme's colours in the place of their @names."""
    sheet = (HERE / "style.qss").read_text("utf-8")
    values = {name: value for name, value in vars(colours).items() if isinstance(value, str) and name != "name"}
    values["chevron"] = (HERE / f"chevron_{colours.name}.svg").as_posix()
    values["close"] = (HERE / f"close_{colours.name}.svg").as_posix()
    values["float"] = (HERE / f"float_{colours.name}.svg").as_posix()
    values["tick"] = (HERE / f"tick_{colours.name}.svg").as_posix()
    for name in sorted(values, key=len, reverse=True):
        sheet = sheet.replace(f"@{name}", values[name])
    return sheet


def table_font(font: QFont) -> QFont:
    """Return the font with digits of one width, so that changing numbers do not dance."""
    copy = QFont(font)
    copy.setFeature(QFont.Tag("tnum"), 1)
    return copy


def scaled_font(font: QFont, factor: float, *, bold: bool = False) -> QFont:
    """Return the font larger or smaller than the text around it."""
    copy = table_font(font)
    copy.setPointSizeF(font.pointSizeF() * factor)
    if bold:
        copy.setWeight(QFont.Weight.DemiBold)
    return copy
