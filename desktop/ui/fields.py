"""One knob as a field: label, buddy, editor, unit, help, accessible name, problem and reset, set in one place."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QPlainTextEdit, QToolButton, QWidget

from desktop.ui import words
from desktop.ui.pieces import column, label, row, set_role, tool_button
from trainer_image.contract import Knob

Editor = QCheckBox | QComboBox | QLineEdit | QPlainTextEdit

CHOICE_WORDS = {"sft": "SFT: imitate the answers"}
"""Choices whose own name says little to a beginner."""


class Field(QWidget):
    """One knob of the form; its value is what RunConfig takes, checked or not."""

    value_changed = Signal(str)
    """The knob's name."""

    def __init__(self, knob: Knob, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.knob = knob
        self.is_touched = False
        self.editor = _make_editor(knob)
        self.label = label(knob.label)
        self.reset: QToolButton = tool_button("↺ reset", self._reset, f"Reset {knob.label}")
        self.problem = label("", "problem", wrap=True)
        self.help = label(knob.help, "muted", wrap=True)
        self._compose()
        self._listen()
        self._show_difference()

    def _compose(self) -> None:
        knob = self.knob
        self.label.setBuddy(self.editor)
        unit = f", in {knob.unit}" if knob.unit else ""
        self.editor.setAccessibleName(f"{knob.label}{unit}")
        self.editor.setAccessibleDescription(knob.help)
        self.editor.setObjectName(knob.name)
        self.editor.setToolTip(f"{knob.name}: {_default_words(knob)}")
        self.editor.setAcceptDrops(False)
        self.reset.setMaximumHeight(22)
        keep_room = self.reset.sizePolicy()
        keep_room.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(keep_room)
        self.reset.setToolTip(f"Back to the default: {_default_words(knob)}")
        self.head = row(self.label, 1, self.reset, space=4)
        self.line = row(self.editor, space=8)
        if knob.unit:
            self.line.addWidget(label(knob.unit, "muted"))
        if isinstance(self.editor, QComboBox | QCheckBox) or knob.kind in (int, float):
            self.line.addStretch(1)
        self.setLayout(column(self.head, self.line, self.problem, self.help, 1, space=4))
        self.problem.hide()
        self.setFocusProxy(self.editor)

    def hide_head(self) -> None:
        """Leave out label and reset where the place already says what this is."""
        self.label.hide()
        self.reset.setMaximumHeight(0)
        self.reset.setMaximumWidth(0)

    def _listen(self) -> None:
        editor = self.editor
        if isinstance(editor, QCheckBox):
            editor.toggled.connect(self._has_changed)
        elif isinstance(editor, QComboBox):
            editor.currentIndexChanged.connect(self._has_changed)
        else:
            editor.textChanged.connect(self._has_changed)

    def value(self) -> Any:
        """Return what was entered: typed where it can be, else the text for the check to complain about."""
        editor = self.editor
        if isinstance(editor, QCheckBox):
            return editor.isChecked()
        if isinstance(editor, QComboBox):
            return editor.currentData()
        if isinstance(editor, QPlainTextEdit):
            return tuple(line.strip() for line in editor.toPlainText().splitlines() if line.strip())
        return _read(self.knob, editor.text().strip())

    def set_value(self, value: Any) -> None:
        """Show a value; counts as a change only where it is one."""
        if value == self.value():
            return
        editor = self.editor
        with QSignalBlocker(editor):
            if isinstance(editor, QCheckBox):
                editor.setChecked(bool(value))
            elif isinstance(editor, QComboBox):
                editor.setCurrentIndex(editor.findData(value))
            elif isinstance(editor, QPlainTextEdit):
                editor.setPlainText("\n".join(value))
            else:
                editor.setText(_write(self.knob, value))
        self._has_changed()

    @property
    def is_default(self) -> bool:
        return not self.knob.required and bool(self.value() == self.knob.default)

    def show_problem(self, sentence: str) -> None:
        """Say what is wrong beside the editor, or nothing; what was never filled in is asked for calmly."""
        is_calm = self.knob.required and not self.is_touched
        is_wrong = bool(sentence) and not is_calm
        if self.editor.property("problem") != is_wrong:
            self.editor.setProperty("problem", is_wrong)
            self.editor.style().unpolish(self.editor)
            self.editor.style().polish(self.editor)
        self.problem.setText(f"▲ {sentence}" if is_wrong else "")
        self.problem.setVisible(is_wrong)
        self.help.setVisible(not is_wrong or self.knob.help not in sentence)

    def matches(self, text: str) -> bool:
        """Say whether a search finds this knob, by name, label or help."""
        everything = f"{self.knob.name} {self.knob.label} {self.knob.help} {self.knob.group}".lower()
        return all(word in everything for word in text.lower().split())

    def _has_changed(self) -> None:
        self.is_touched = True
        self._show_difference()
        self.value_changed.emit(self.knob.name)

    def _show_difference(self) -> None:
        differs = not self.is_default and not self.knob.required
        self.reset.setVisible(differs)
        set_role(self.label, "changed" if differs else "title")
        self.label.setAccessibleName(f"{self.knob.label}, changed" if differs else self.knob.label)

    def _reset(self) -> None:
        self.set_value(self.knob.default)
        self.editor.setFocus(Qt.FocusReason.OtherFocusReason)


def _make_editor(knob: Knob) -> Editor:
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
    editor = QLineEdit(_write(knob, knob.default))
    editor.setPlaceholderText(knob.optional_hint)
    if knob.kind in (int, float):
        editor.setMaximumWidth(176)
    return editor


def _make_choice(knob: Knob) -> QComboBox:
    box = QComboBox()
    for choice in knob.choices:
        box.addItem(CHOICE_WORDS.get(choice, choice.replace("_", " ")), choice)
    box.setCurrentIndex(max(0, box.findData(knob.default)))
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    # The wheel scrolls the form; it must not change a knob that the pointer happens to pass.
    box.wheelEvent = lambda event: event.ignore()  # type: ignore[method-assign]
    return box


def _read(knob: Knob, text: str) -> Any:
    if not text and knob.optional:
        return None
    if knob.kind is tuple:
        if text.lower() in ("", "none", "cpu"):
            return ()
        return tuple(_number(part.strip(), knob.item_kind) for part in text.split(","))
    if knob.kind in (int, float):
        return _number(text, knob.kind)
    return text


def _number(text: str, kind: type) -> Any:
    """Return the number that the text is, with or without thousands between commas, else the text itself."""
    try:
        return kind(text.replace(",", "").replace(" ", ""))
    except ValueError:
        return text


def _write(knob: Knob, value: Any) -> str:
    if value is None:
        return ""
    if knob.kind is tuple:
        return ", ".join(map(str, value)) if value else "none"
    if isinstance(value, float):
        short = words.short_number(value).replace(",", "")
        return short if float(short) == value else repr(value)
    return str(value)


def _default_words(knob: Knob) -> str:
    if knob.required:
        return "has no default"
    if knob.default is None:
        return knob.optional_hint or "empty"
    if knob.kind is bool:
        return "on" if knob.default else "off"
    return _write(knob, knob.default) if not isinstance(knob.default, tuple) else "none"
