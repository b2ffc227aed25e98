"""A quiet bar at the foot of the window: one sentence, what to do, and at most one thing to press.

Its place is kept free while there is nothing to say, so that nothing in the window moves when it comes or goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QLabel, QSizePolicy, QStatusBar

from desktop.controllers.notices import Notice, Notices
from desktop.ui.pieces import ElidedLabel, boxed, button, label, row, tool_button
from desktop.ui.shapes import Shape, shape_pixmap
from desktop.ui.theme import GRID, Theme

INFO_MS = 20_000
"""An info goes by itself after so long; warnings, errors and how a run ended wait to be read."""
LEAST_AROUND = 10
"""Above and below two lines of words together."""
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
    closed = Signal(object)
    """The Notice that somebody has pressed or dismissed."""

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
        line = row(self.shape, self._words, self.more, self.action, dismiss)
        line.setStretch(1, 1)
        line.setContentsMargins(16, 0, 8, 0)
        self.content = boxed(line, "notice")
        self.addWidget(self.content, 1)
        self._leaving = QTimer(self, singleShot=True, interval=INFO_MS)
        self._leaving.timeout.connect(self._drop)
        notices.posted.connect(self.show_notice)
        theme.theme_changed.connect(self._show)
        self._keep_room()
        self._show()

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

    def forget_end(self, run_id: str) -> None:
        """Take away how a run ended: somebody has seen it."""
        kept = [one for one in self._waiting if one.notice.run_id != run_id or not one.notice.is_end]
        if len(kept) < len(self._waiting):
            self._waiting = kept
            self._show()

    def dismiss(self) -> None:
        if (shown := self._drop()) is not None:
            self.closed.emit(shown.notice)

    def _press(self) -> None:
        if (shown := self._drop()) is not None:
            self.closed.emit(shown.notice)
            shown.act()

    def _drop(self) -> _Shown | None:
        shown = self._waiting.pop() if self._waiting else None
        self._show()
        return shown

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing to tell."""
        return not self._waiting

    def _show(self) -> None:
        self._leaving.stop()
        self.content.setVisible(bool(self._waiting))
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
        if level == "info" and not shown.notice.is_end:
            self._leaving.start()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._keep_room()

    def _keep_room(self) -> None:
        """Two lines find room: a long sentence, and its hint below it."""
        self.setFixedHeight(max(2 * self.fontMetrics().lineSpacing() + LEAST_AROUND, self.content.sizeHint().height()))

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
