"""Both themes can be read by everybody: WCAG AA, computed over the palette."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.ui.theme import DARK, LIGHT, Colours, Theme, contrast, make_style_sheet

GROUNDS = ("window", "surface", "raised", "selection")


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("ink", ["text", "muted", "accent", "good", "warn", "bad"])
def test_text_has_contrast(colours: Colours, ground: str, ink: str) -> None:
    assert contrast(getattr(colours, ink), getattr(colours, ground)) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_buttons_and_marks_have_contrast(colours: Colours) -> None:
    assert contrast(colours.on_accent, colours.accent) >= 4.5
    assert contrast(colours.edge, colours.surface) >= 3
    for curve in colours.curves:
        assert contrast(curve, colours.surface) >= 3


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_curves_differ(colours: Colours) -> None:
    assert len(set(colours.curves)) == len(colours.curves)
    assert all(one != other for one, other in pairwise(colours.curves))


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_style_sheet_names_only_known_colours(colours: Colours) -> None:
    assert not re.findall(r"@\w+", make_style_sheet(colours))


def test_choice_is_kept(qtbot: QtBot, qapp: QApplication, tmp_path: object) -> None:
    settings = QSettings(f"{tmp_path}/window.ini", QSettings.Format.IniFormat)
    theme = Theme(settings)
    with qtbot.waitSignal(theme.theme_changed):
        theme.choose("dark")
    assert theme.colours is DARK
    assert QApplication.palette().window().color().name() == DARK.window
    assert Theme(settings).choice == "dark"
    theme.choose("light")
    assert QApplication.palette().window().color().name() == LIGHT.window
