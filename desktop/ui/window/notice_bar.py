"""A quiet bar at the foot of the window: one sentence, what to do, and at most one thing to press."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QLabel, QSizePolicy, QStatusBar, QWidget

from desktop.controllers.notices import Notice, Notices
from desktop.ui.pieces import ElidedLabel, button, label, row, tool_button
from desktop.ui.shapes import Shape, shape_pixmap
from desktop.ui.theme import GRID, Theme

INFO_MS = 20_000
"""An info goes by itself after so long; warnings and errors wait to be read."""
ROOM_FOR_THE_REST = 120
"""The shape, the button that dismisses, and what is between the parts."""
SHAPES: dict[str, Shape] = {"info": "dot", "warning": "bang", "error": "bang"}


@dataclass(frozen=True)
class _Shown:
    notice: Notice
    action: str = ""
    act: Callable[[], object] = field(default=lambda: None)


class NoticeBar(QStatusBar):
    """Shows the newest notice; those before it come back when it is dismissed."""

    action_pressed = Signal(object)
    """The Notice whose button was pressed."""

    def __init__(self, notices: Notices, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._waiting: list[_Shown] = []
        self.name_action: Callable[[Notice], str] = lambda _: "Show"
        """What the button of a notice about a run says."""
        self.setSizeGripEnabled(False)
        self.shape = QLabel()
        self.sentence = ElidedLabel("", "title")
        self.sentence.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.hint = ElidedLabel("", "muted")
        self.more = label("", "muted")
        self.action = button("", self._press, "link")
        dismiss = tool_button("✕", self.dismiss, "Dismiss this notice")
        self._words = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._words.setContentsMargins(0, 0, 0, 0)
        for part in (self.sentence, self.hint):
            self._words.addWidget(part)
        content = QWidget()
        line = row(self.shape, self._words, self.more, self.action, dismiss)
        line.setStretch(1, 1)
        line.setContentsMargins(16, 4, 8, 4)
        content.setLayout(line)
        self.addWidget(content, 1)
        self._leaving = QTimer(self, singleShot=True, interval=INFO_MS)
        self._leaving.timeout.connect(self.dismiss)
        notices.posted.connect(self.show_notice)
        theme.theme_changed.connect(self._show)
        self.hide()

    def show_notice(self, notice: Notice, action: str = "", act: Callable[[], object] | None = None) -> None:
        """Show a notice; without a button of its own, one about a run can be followed to it."""
        same = [shown for shown in self._waiting if shown.notice == notice]
        for shown in same:
            self._waiting.remove(shown)
        if not action and notice.run_id:
            action, act = self.name_action(notice), lambda: self.action_pressed.emit(notice)
        self._waiting.append(_Shown(notice, action, act or (lambda: None)))
        self._show()

    def show_words(self, sentence: str, action: str = "", act: Callable[[], object] | None = None) -> None:
        """Say that something was done, with the way back."""
        self.show_notice(Notice("info", sentence), action, act)

    def forget(self, run_id: str, sentence: str) -> None:
        """Take away what was said of a run with this sentence in it: it holds no longer."""
        kept = [one for one in self._waiting if one.notice.run_id != run_id or sentence not in one.notice.sentence]
        if len(kept) < len(self._waiting):
            self._waiting = kept
            self._show()

    def dismiss(self) -> None:
        if self._waiting:
            self._waiting.pop()
        self._show()

    def _press(self) -> None:
        if self._waiting:
            shown = self._waiting.pop()
            self._show()
            shown.act()

    def _show(self) -> None:
        self._leaving.stop()
        self.setVisible(bool(self._waiting))
        if not self._waiting:
            return
        shown, colours = self._waiting[-1], self._theme.colours
        level = shown.notice.level
        colour = {"info": colours.accent, "warning": colours.warn, "error": colours.bad}[level]
        self.shape.setPixmap(shape_pixmap(SHAPES[level], colour))
        self.shape.setAccessibleName(level)
        self.sentence.set_whole_text(shown.notice.sentence)
        self.hint.set_whole_text(shown.notice.hint)
        self.hint.setVisible(bool(shown.notice.hint))
        self.more.setText(f"and {len(self._waiting) - 1} more" if len(self._waiting) > 1 else "")
        self.action.setText(shown.action)
        self.action.setVisible(bool(shown.action))
        self._arrange()
        if level == "info":
            self._leaving.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """Put the hint below a sentence that leaves it no room; neither of them ever makes the window wider."""
        room = self.width() - ROOM_FOR_THE_REST - self.more.sizeHint().width() - self.action.sizeHint().width()
        is_long = self.sentence.sizeHint().width() + self.hint.sizeHint().width() > room
        below = is_long and bool(self.hint.whole_text())
        self._words.setDirection(QBoxLayout.Direction.TopToBottom if below else QBoxLayout.Direction.LeftToRight)
        self._words.setSpacing(0 if below else GRID)
