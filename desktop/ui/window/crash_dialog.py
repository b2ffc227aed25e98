"""Our own mistakes: what happened, with versions and traceback to copy into a report."""

from __future__ import annotations

import platform
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType

import PySide6
from PySide6.QtCore import QObject, QThread, Signal
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QPlainTextEdit, QWidget

from desktop.ui.pieces import button, column, label, row
from desktop.ui.theme import scaled_font
from trainer_image.log.redaction import clean


def describe(error: BaseException) -> str:
    """Return versions and traceback as text for a report, without secrets."""
    try:
        own = version("tunedeck")
    except PackageNotFoundError:
        own = "unknown"
    head = [
        f"Tunedeck {own}",
        f"Python {platform.python_version()}, PySide6 {PySide6.__version__}",
        platform.platform(),
        "",
    ]
    return clean("\n".join(head) + "".join(traceback.format_exception(error)))


class CrashDialog(QDialog):
    """Says that it was not the user's fault, and lets the report be copied."""

    def __init__(self, error: BaseException, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Something went wrong in Tunedeck")
        self.resize(720, 440)
        title = label("Something went wrong in Tunedeck")
        title.setFont(scaled_font(title.font(), 1.2, bold=True))
        words = label(
            "This is a mistake in the app, not in your data. Runs that are going on are not touched. "
            "The window may go on working; if it behaves oddly, close and open it again.",
            "muted",
            wrap=True,
        )
        self.report = QPlainTextEdit(describe(error), readOnly=True)
        self.report.setAccessibleName("Report")
        self.report.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.report.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        copy = button("Copy the report", self.copy)
        close = button("Go on", self.accept, "primary")
        layout = column(title, words, self.report, row(copy, 1, close), space=12)
        layout.setContentsMargins(24, 16, 24, 16)
        self.setLayout(layout)

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(self.report.toPlainText())


class CrashReporter(QObject):
    """Shows one crash at a time, whichever thread it comes from."""

    _crashed = Signal(object)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.dialog: CrashDialog | None = None
        self._crashed.connect(self.show_crash)

    def install(self) -> Callable[[], None]:
        """Take over the exception hook; return what gives it back."""
        before = sys.excepthook

        def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
            before(kind, error, trace)
            if isinstance(error, KeyboardInterrupt):
                QApplication.quit()
            else:
                self._crashed.emit(error)

        def restore() -> None:
            sys.excepthook = before

        sys.excepthook = hook
        return restore

    def show_crash(self, error: BaseException) -> None:
        """Show a crash; while one is shown, others are only written to stderr."""
        assert QThread.currentThread() is self.thread()
        if self.dialog is not None:
            return
        self.dialog = CrashDialog(error, self._window)
        self.dialog.finished.connect(self._closed)
        self.dialog.open()

    def _closed(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
            self.dialog = None
