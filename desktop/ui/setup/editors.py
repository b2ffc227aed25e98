"""The plain editors of the form, made from what a knob says of itself, and how their text is read and written."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QPlainTextEdit, QWidget

from desktop.ui import words
from trainer_image.contract import Knob


class OwnEditor(QWidget):
    """An editor of several widgets, which knows itself how its value is shown."""

    changed = Signal()

    def value(self) -> Any:
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        """Show a value without saying that it has changed."""
        raise NotImplementedError


Editor = QCheckBox | QComboBox | QLineEdit | QPlainTextEdit | OwnEditor

CHOICE_WORDS: dict[tuple[str, str], str] = {
    ("loss_on", "answers"): "all answers",
    ("loss_on", "everything"): "questions and answers",
    ("chat_template", "own"): "the model's own",
    ("chat_template", "chatml"): "ChatML, as Qwen and SmolLM",
    ("chat_template", "llama3"): "Llama 3",
    ("chat_template", "gemma"): "Gemma",
    ("chat_template", "mistral"): "Mistral",
    ("chat_template", "alpaca"): "Alpaca: instruction and response",
    ("chat_template", "plain"): "plain: User and Assistant",
    ("bad_rows", "stop"): "stop before training",
    ("bad_rows", "leave_out"): "leave them out",
    ("lr_scheduler_type", "linear"): "linear: falls evenly to zero",
    ("lr_scheduler_type", "cosine_with_min_lr"): "cosine, not to zero",
    ("lr_scheduler_type", "constant_with_warmup"): "constant after the warm-up",
    ("loss_type", "sigmoid"): "sigmoid: plain DPO",
    ("loss_type", "ipo"): "IPO",
    ("loss_type", "robust"): "robust: bears wrong labels",
    ("loss_type", "simpo"): "SimPO: no reference model",
    ("loss_type", "cpo"): "CPO: no reference model",
    ("grpo_loss", "dapo"): "DAPO",
    ("grpo_loss", "grpo"): "GRPO as first published",
    ("grpo_loss", "bnpo"): "BNPO",
    ("grpo_loss", "dr_grpo"): "Dr. GRPO",
    ("placement", "auto"): "choose for me",
    ("placement", "one"): "one card",
    ("placement", "data_parallel"): "every card, a copy each",
    ("placement", "split"): "one model over the cards",
}
"""Choices whose own name says little; the others are shown by it."""


def make_editor(knob: Knob) -> Editor:
    """Return the editor that suits a knob, at its default."""
    if knob.kind is bool:
        box = QCheckBox("on")
        box.setChecked(bool(knob.default))
        return box
    if knob.choices:
        return _make_choice(knob)
    if knob.kind is tuple and knob.item_kind is str:
        lines = QPlainTextEdit("\n".join(knob.default or ()))
        lines.setFixedHeight(88)
        lines.setTabChangesFocus(True)
        lines.setPlaceholderText("One a line")
        return lines
    editor = QLineEdit(write_value(knob, knob.default))
    editor.setPlaceholderText(knob.optional_hint)
    if knob.kind in (int, float):
        editor.setMaximumWidth(192)
    return editor


def _make_choice(knob: Knob) -> QComboBox:
    box = QComboBox()
    for choice in knob.choices:
        box.addItem(CHOICE_WORDS.get((knob.name, choice), choice.replace("_", " ")), choice)
        box.setItemData(box.count() - 1, choice, Qt.ItemDataRole.ToolTipRole)
    box.setCurrentIndex(max(0, box.findData(knob.default)))
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    # The wheel scrolls the form; it must not change a knob that the pointer happens to pass.
    box.wheelEvent = lambda event: event.ignore()  # type: ignore[method-assign]
    return box


def read_editor(knob: Knob, editor: Editor) -> Any:
    """Return what was entered: typed where it can be, else the text for the check to complain about."""
    if isinstance(editor, OwnEditor):
        return editor.value()
    if isinstance(editor, QCheckBox):
        return editor.isChecked()
    if isinstance(editor, QComboBox):
        return editor.currentData()
    if isinstance(editor, QPlainTextEdit):
        return tuple(line.strip() for line in editor.toPlainText().splitlines() if line.strip())
    return _read_text(knob, editor.text().strip())


def fill_editor(knob: Knob, editor: Editor, value: Any) -> None:
    """Show a value."""
    if isinstance(editor, OwnEditor):
        editor.set_value(value)
    elif isinstance(editor, QCheckBox):
        editor.setChecked(bool(value))
    elif isinstance(editor, QComboBox):
        editor.setCurrentIndex(editor.findData(value))
    elif isinstance(editor, QPlainTextEdit):
        editor.setPlainText("\n".join(value))
    else:
        editor.setText(write_value(knob, value))


def _read_text(knob: Knob, text: str) -> Any:
    if not text and knob.optional:
        return None
    if knob.kind is tuple:
        if text.lower() in ("", "none", "cpu"):
            return ()
        return tuple(read_number(part.strip(), knob.item_kind) for part in text.split(","))
    if knob.kind in (int, float):
        return read_number(text, knob.kind)
    return text


def read_number(text: str, kind: type) -> Any:
    """Return the number that the text is, with or without thousands between commas, else the text itself."""
    try:
        return kind(text.replace(",", "").replace(" ", ""))
    except ValueError:
        return text


def write_value(knob: Knob, value: Any) -> str:
    """Return a value as it stands in a line."""
    if value is None:
        return ""
    if knob.kind is tuple:
        return ", ".join(map(str, value)) if value else "none"
    return write_number(value) if isinstance(value, float) else str(value)


def write_number(value: float) -> str:
    """Return a number in as few letters as say it exactly."""
    short = words.short_number(value).replace(",", "")
    return short if float(short) == value else repr(value)


def default_words(knob: Knob) -> str:
    """Return what a knob is when nobody turns it."""
    return "has no default" if knob.required else value_words(knob, knob.default)


def value_words(knob: Knob, value: Any) -> str:
    """Return what a knob is at a value."""
    if value is None:
        return knob.optional_hint or "empty"
    if knob.kind is bool:
        return "on" if value else "off"
    if knob.choices and knob.kind is str:
        return CHOICE_WORDS.get((knob.name, value), str(value).replace("_", " "))
    return write_value(knob, value)
