"""The chat template of the chosen model: what is said of it, and the menu that offers a named one where it has none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtWidgets import QMenu, QPushButton

from desktop.controllers.models import ModelReport, Remark
from desktop.ui.pieces import button
from desktop.ui.setup.editors import CHOICE_WORDS
from trainer_image.chat_templates import OWN, TEMPLATES

KNOB = "chat_template"


def template_remark(report: ModelReport, chosen: str) -> Remark | None:
    """Say what a chosen template means for this model; None where there is nothing to say."""
    name = CHOICE_WORDS.get((KNOB, chosen), chosen)
    if report.has_chat_template is None or (report.has_chat_template and chosen == OWN):
        return None
    if report.has_chat_template:
        sentence = f"It has a chat template of its own, but the run writes another: {name}."
        return Remark("warn", sentence, "own_template")
    if chosen == OWN:
        return Remark("warn", "No chat template is chosen for it.", "template")
    return Remark("ok", f"It learns to answer in a chat template: {name}.", "template")


def template_button(choose: Callable[[str], object]) -> QPushButton:
    """Return a button whose menu offers every template by its name, and none."""
    made = button("Choose a template", lambda: None, name="Choose a chat template for this model")
    menu = QMenu(made)
    for name in TEMPLATES:
        menu.addAction(CHOICE_WORDS.get((KNOB, name), name), partial(choose, name))
    menu.addAction("none: join the turns as plain text", partial(choose, OWN))
    made.setMenu(menu)
    return made
