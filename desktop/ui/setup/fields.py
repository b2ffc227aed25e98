"""One knob as a field: label, buddy, editor, unit, help, accessible name, problem and reset, set in one place."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QToolButton, QWidget

from desktop.ui.pieces import column, label, row, set_role, tool_button
from desktop.ui.setup.editors import (
    Editor,
    OwnEditor,
    default_words,
    fill_editor,
    make_editor,
    read_editor,
    value_words,
)
from trainer_image.contract import Knob

_UNREAD = object()


class Field(QWidget):
    """One knob of the form; its value is what RunConfig takes, checked or not."""

    value_changed = Signal(str)
    """The knob's name."""

    def __init__(self, knob: Knob, editor: Editor | None = None) -> None:
        super().__init__()
        self.knob = knob
        self.is_touched = False
        self.usual: Any = knob.default
        """What the knob is when nobody turns it: its default, or what a preset has chosen."""
        self._usual_from = ""
        self._read: Any = _UNREAD
        self._is_wrong = False
        self.is_asked_for_calmly = knob.required
        """While nobody has filled it in, that it is missing is no complaint."""
        self.editor = editor or make_editor(knob)
        self.label = label(knob.label)
        self.reset: QToolButton = tool_button("↺ reset", self._reset, f"Reset {knob.label}")
        self.problem = label("", "problem", wrap=True)
        self.help = label(knob.help, "muted", wrap=True)
        self._help_is_wanted = True
        self._help = knob.help
        self._idle_because = ""
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
        self.editor.setToolTip(f"{knob.name}: {default_words(knob)}")
        self.editor.setAcceptDrops(False)
        self.reset.setMaximumHeight(22)
        keep_room = self.reset.sizePolicy()
        keep_room.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(keep_room)
        self.head = row(self.label, 1, self.reset, space=4)
        self.line = row(self.editor, space=8)
        if knob.unit:
            self.line.addWidget(label(knob.unit, "muted"))
        if isinstance(self.editor, QComboBox | QCheckBox) or knob.kind in (int, float):
            self.line.addStretch(1)
        self.body = column(self.head, self.line, self.problem, self.help, 1, space=4)
        self.setLayout(self.body)
        self.problem.hide()
        self.setFocusProxy(self.editor)

    def hide_head(self) -> None:
        """Leave out label and reset where the place already says what this is."""
        self.label.hide()
        self.reset.setMaximumHeight(0)
        self.reset.setMaximumWidth(0)

    def hide_help(self) -> None:
        """Leave out the help where the place already says it."""
        self._help_is_wanted = False
        self.help.hide()

    def say_help(self, text: str) -> None:
        """Show another help than the knob's own: of the value that is chosen."""
        self._help = text
        self._show_help()

    def say_idle(self, why: str) -> None:
        """Grey the knob out and say why it has no effect now; with no reason, give it back."""
        if why != self._idle_because:
            self._idle_because = why
            self.editor.setEnabled(not why)
            self._show_help()

    def _show_help(self) -> None:
        text = f"No effect now. {self._idle_because}" if self._idle_because else self._help
        if text != self.help.text():
            self.help.setText(text)
            self.editor.setAccessibleDescription(text)

    def _listen(self) -> None:
        editor = self.editor
        if isinstance(editor, OwnEditor):
            editor.changed.connect(self._has_changed)
        elif isinstance(editor, QCheckBox):
            editor.toggled.connect(self._has_changed)
        elif isinstance(editor, QComboBox):
            editor.currentIndexChanged.connect(self._has_changed)
        else:
            editor.textChanged.connect(self._has_changed)

    def value(self) -> Any:
        """Return what was entered: typed where it can be, else the text for the check to complain about."""
        if isinstance(self.editor, OwnEditor):
            return self.editor.value()
        # Every turn of one knob asks for all of them several times.
        if self._read is _UNREAD:
            self._read = read_editor(self.knob, self.editor)
        return self._read

    def set_value(self, value: Any) -> None:
        """Show a value; counts as a change only where it is one."""
        if value == self.value():
            return
        with QSignalBlocker(self.editor):
            fill_editor(self.knob, self.editor, value)
        self._has_changed()

    def set_usual(self, value: Any, preset: str = "") -> None:
        """Say what the knob is when nobody turns it, and which preset has chosen that."""
        if (value, preset) != (self.usual, self._usual_from):
            self.usual, self._usual_from = value, preset
            self._show_difference()

    @property
    def differs(self) -> bool:
        """Say whether the knob is turned."""
        return not self.knob.required and bool(self.value() != self.usual)

    def show_problem(self, sentence: str) -> None:
        """Say what is wrong beside the editor, or nothing; what was never filled in is asked for calmly."""
        if not sentence and not self._is_wrong:
            return
        is_calm = self.is_asked_for_calmly and not self.is_touched
        is_wrong = self._is_wrong = bool(sentence) and not is_calm
        if self.editor.property("problem") != is_wrong:
            self.editor.setProperty("problem", is_wrong)
            self.editor.style().unpolish(self.editor)
            self.editor.style().polish(self.editor)
        self.problem.setText(f"▲ {sentence}" if is_wrong else "")
        self.problem.setVisible(is_wrong)
        self.help.setVisible(self._help_is_wanted and (not is_wrong or self.help.text() not in sentence))

    def matches(self, text: str) -> bool:
        """Say whether a search finds this knob, by name, label or help."""
        everything = f"{self.knob.name} {self.knob.label} {self.knob.help} {self.knob.group}".lower()
        return all(word in everything for word in text.lower().split())

    def _has_changed(self) -> None:
        self._read = _UNREAD
        self.is_touched = True
        self._show_difference()
        self.value_changed.emit(self.knob.name)

    def _show_difference(self) -> None:
        differs = self.differs
        self.reset.setVisible(differs)
        whose = f"what {self._usual_from} chose" if self._usual_from else "the default"
        self.reset.setToolTip(f"Back to {whose}: {value_words(self.knob, self.usual)}")
        set_role(self.label, "changed" if differs else "title")
        self.label.setAccessibleName(f"{self.knob.label}, changed" if differs else self.knob.label)

    def _reset(self) -> None:
        self.set_value(self.usual)
        self.editor.setFocus(Qt.FocusReason.OtherFocusReason)
