"""What opens beside the main window about datasets, and what a drop onto it does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QTextEdit, QWidget

from desktop.ui.datasets.drop import DropOverlay, DropPlan
from desktop.ui.datasets.library import LibraryDialog
from desktop.ui.datasets.many import ManyFilesDialog
from desktop.ui.datasets.window import DatasetWindow
from desktop.ui.services import Services
from desktop.ui.setup.config_dock import ConfigDock
from desktop.ui.theme import Theme


class DatasetWindows(QObject):
    """One of each; they follow the form of the config dock."""

    setup_requested = Signal()
    """The user wants to go on in the form."""

    def __init__(self, services: Services, dock: ConfigDock, theme: Theme, window: QWidget) -> None:
        super().__init__(window)
        self._services, self._dock, self._window = services, dock, window
        self.data = DatasetWindow(services.data, dock.data, dock.form, theme, window)
        self.library = LibraryDialog(services.datasets, services.choices, dock.data, window)
        self.overlay = DropOverlay(window)
        self.data.start_requested.connect(self._go_to_start)
        self.library.chosen.connect(self._use)
        self.overlay.dropped.connect(self.take_dropped)
        dock.data.failed.connect(services.notices.post_error)
        dock.panel.dataset.look_requested.connect(self.data.open_page)
        # A field that takes the name of a dropped file for text would be in the way of the drop.
        for kind in (QLineEdit, QPlainTextEdit, QTextEdit):
            for editor in window.findChildren(kind):
                editor.setAcceptDrops(False)

    def take_dropped(self, plan: DropPlan) -> None:
        """Put what was dropped into the form."""
        self.setup_requested.emit()
        if plan.model is not None:
            self._dock.take_model(str(plan.model))
        if len(plan.data) == 1:
            self._dock.set_dataset(str(plan.data[0]))
            self._dock.steps.ensureWidgetVisible(self._dock.form.fields["dataset"], 0, 80)
            self._dock.panel.dataset.keep_in_view()
        elif plan.data:
            self.choose_among(plan.data)

    def choose_among(self, paths: Sequence[Path]) -> ManyFilesDialog:
        """Ask what becomes of several files."""
        dialog = ManyFilesDialog(paths, self._services.datasets, self._window)
        dialog.chosen.connect(self._use)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def _use(self, dataset: str) -> None:
        self.setup_requested.emit()
        self._dock.set_dataset(dataset)

    def _go_to_start(self) -> None:
        self.setup_requested.emit()
        self._dock.panel.start.setFocus()
