"""This machine: everything that a run needs, examined, each with its fix; and the trainer image."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QFrame, QGridLayout, QLabel, QScrollArea, QTabWidget, QWidget

from desktop.controllers.hardware import Check, Hardware
from desktop.controllers.images import BuildStep, Images
from desktop.controllers.setup import Setup
from desktop.errors import AppError
from desktop.ui.machine.image_page import ImagePage
from desktop.ui.pieces import button, column, label, row
from desktop.ui.shapes import CHECK_SHAPES, CHECK_WORDS, check_colour, shape_pixmap
from desktop.ui.theme import Theme, scaled_font

TITLES = {
    "engine": "Docker",
    "engine_version": "Docker's version",
    "image": "Trainer image",
    "gpus": "Graphics cards",
    "driver": "NVIDIA's driver",
    "gpu_containers": "Cards for containers",
    "gpus_inside": "Cards in a container",
    "p2p": "Between the cards",
    "process_engine": "Without a container",
    "shared_memory": "Shared memory",
    "home": "Your files",
    "disk": "Disk for runs",
    "engine_disk": "Disk for images",
    "clock": "Clock",
}
ACTIONS = {"build_image": "Build it", "make_environment": "Make it"}


class DoctorDialog(QDialog):
    """Asks for an examination when it opens, and again on request or when something was mended."""

    def __init__(
        self,
        hardware: Hardware,
        images: Images,
        setup: Setup,
        theme: Theme,
        parent: QWidget | None = None,
        about: str = "",
    ) -> None:
        super().__init__(parent)
        self._hardware = hardware
        self._images = images
        self._setup = setup
        self._theme = theme
        self._about = about
        self._checks: list[Check] = []
        self._titles: dict[str, QLabel] = {}
        self.setWindowTitle("This machine")
        self.resize(820, 620)
        title = label("This machine")
        title.setFont(scaled_font(title.font(), 1.3, bold=True))
        self.state = label("", "muted")
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(16)
        self.grid.setVerticalSpacing(12)
        self.grid.setColumnStretch(2, 1)
        inside = QWidget()
        inside.setLayout(column(self.grid, 1))
        self.scroll_area = QScrollArea(widgetResizable=True)
        self.scroll_area.setWidget(inside)
        self.again = button("Examine again", self.examine)
        copy = button("Copy everything", self._copy_all)
        self.image_page = ImagePage(images)
        self.pages = QTabWidget()
        self.pages.setObjectName("pages")
        self.pages.setDocumentMode(True)
        self.pages.setAccessibleName("Pages")
        health = QWidget()
        health_layout = column(self.scroll_area, row(self.again, copy, 1), space=16)
        health_layout.setContentsMargins(0, 12, 0, 0)
        health.setLayout(health_layout)
        self.pages.addTab(health, "Health")
        self.pages.addTab(self.image_page, "Trainer image")
        close = button("Close", self.accept, "primary")
        layout = column(row(title, 1, self.state), self.pages, row(1, close), space=16)
        layout.setContentsMargins(24, 16, 24, 16)
        self.setLayout(layout)
        hardware.checked.connect(self.show_checks)
        setup.progressed.connect(self._show_step)
        # Not a lambda: Qt lets go of a method when its dialog is gone.
        setup.changed.connect(self.examine)
        self.examine()

    def examine(self) -> None:
        """Ask for everything anew; what is known stays until the answer comes."""
        self.state.setText("Examining…")
        self.again.setEnabled(False)
        self._hardware.examine()

    def show_checks(self, checks: list[Check]) -> None:
        """Show the result, one check a row."""
        self._checks = checks
        self.again.setEnabled(True)
        wrong = sum(check.state == "fail" for check in checks)
        self.state.setText(f"{wrong} broken" if wrong else "Nothing is broken.")
        self._titles.clear()
        while item := self.grid.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        for number, check in enumerate(checks):
            self._add(number * 2, check)
        # The rows have their places only after Qt has laid them out.
        QTimer.singleShot(0, self, self._go_to_what_was_asked)

    def _add(self, at: int, check: Check) -> None:
        shape = QLabel()
        shape.setPixmap(shape_pixmap(CHECK_SHAPES[check.state], check_colour(check.state, self._theme.colours)))
        state = label(CHECK_WORDS[check.state], "muted")
        parts: list[QWidget] = [label(check.detail, wrap=True, selectable=True)]
        top = Qt.AlignmentFlag.AlignTop
        sign = QWidget()
        sign.setLayout(row(shape, state, 1))
        self.grid.addWidget(sign, at, 0, top)
        name = self._titles[check.name] = label(TITLES.get(check.name, check.name), "title")
        self.grid.addWidget(name, at, 1, top)
        words = column(*parts, space=4)
        words.setContentsMargins(0, 0, 12, 0)
        if check.fix and check.state != "ok":
            words.addWidget(label(check.fix, "muted", wrap=True, selectable=True))
        if check.command and check.state != "ok":
            command = label(check.command, "muted", wrap=True, selectable=True)
            command.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
            title = TITLES.get(check.name, check.name)
            copy = button(
                "Copy", lambda: QGuiApplication.clipboard().setText(check.command), "link", f"Copy the command: {title}"
            )
            line = row(command, copy)
            line.setStretch(0, 1)
            line.setAlignment(copy, top)
            words.addLayout(line)
        if check.action:
            act = button(ACTIONS[check.action], lambda: self._act(check), name=f"{ACTIONS[check.action]}: {check.name}")
            words.addLayout(row(act, 1))
        told = QWidget()
        told.setLayout(words)
        self.grid.addWidget(told, at, 2)
        divider = QFrame()
        divider.setProperty("role", "line")
        divider.setFixedHeight(1)
        self.grid.addWidget(divider, at + 1, 0, 1, 3)

    def _act(self, check: Check) -> None:
        """Do what the app itself can do; how it goes is told at the top, of the image on its own page."""
        if check.action == "build_image":
            self.pages.setCurrentWidget(self.image_page)
            self._images.build()
        else:
            self.state.setText("Making the trainer's environment…")
            self._setup.build("process", self._show_problem)

    def _show_step(self, _engine: str, step: BuildStep) -> None:
        self.state.setText(step.sentence)

    def _show_problem(self, error: AppError) -> None:
        self.state.setText(f"{error.sentence} {error.hint}".strip())

    def _go_to_what_was_asked(self) -> None:
        """A click on the strip leads to the line that it was about."""
        if self._about in self._titles:
            self.scroll_area.ensureWidgetVisible(self._titles[self._about], 0, 60)
            self._about = ""

    def _copy_all(self) -> None:
        lines = [f"{c.name}: {CHECK_WORDS[c.state]}. {c.detail} {c.fix}".strip() for c in self._checks]
        QGuiApplication.clipboard().setText("\n".join(lines))
