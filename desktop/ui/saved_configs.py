"""The row that keeps configs by name: pick, save, rename, delete and undo."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QInputDialog, QMenu, QToolButton, QWidget

from desktop.errors import AppError
from desktop.ui.actions import Actions
from desktop.ui.notice_bar import NoticeBar
from desktop.ui.pieces import action_button, label, row
from desktop.ui.services import Services
from trainer_image.contract import RunConfig


class SavedConfigs(QWidget):
    """Shows the saved configs; the form is its owner's."""

    config_picked = Signal(object)
    """A RunConfig."""

    def __init__(
        self, services: Services, actions: Actions, bar: NoticeBar, current: Callable[[], RunConfig | None]
    ) -> None:
        super().__init__()
        self._library = services.library
        self._notices = services.notices
        self._bar = bar
        self._current = current
        self._actions = actions
        self.picker = QComboBox()
        self.picker.setAccessibleName("Saved config")
        self.picker.setMinimumWidth(120)
        self.picker.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.picker.setMinimumContentsLength(16)
        more = QToolButton()
        more.setText("⋯")
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        more.setAccessibleName("More for this config")
        more.setToolTip("Rename or delete this config")
        menu = QMenu(more)
        menu.addActions([actions["rename_config"], actions["delete_config"]])
        more.setMenu(menu)
        title = label("Config", "muted")
        title.setBuddy(self.picker)
        self.setLayout(row(title, self.picker, action_button(actions["save_config"]), more, 1))
        self.picker.activated.connect(self._pick)
        self._library.configs_changed.connect(self.refresh)
        actions["save_config"].triggered.connect(self.save)
        actions["rename_config"].triggered.connect(self.rename)
        actions["delete_config"].triggered.connect(self.delete)
        self.refresh()

    @property
    def name(self) -> str:
        """The saved config that is picked, or nothing."""
        return str(self.picker.currentData() or "")

    def refresh(self, chosen: str = "") -> None:
        """Read the names again and keep the picked one."""
        chosen = chosen or self.name
        with QSignalBlocker(self.picker):
            self.picker.clear()
            self.picker.addItem("not saved", "")
            for config in self._library.configs():
                self.picker.addItem(config.name, config.name)
            self.picker.setCurrentIndex(max(0, self.picker.findData(chosen)))
        self._enable()

    def forget(self) -> None:
        """The form no longer shows the picked config."""
        self.picker.setCurrentIndex(0)
        self._enable()

    def save(self) -> None:
        """Ask for a name and save what the form shows."""
        config = self._current()
        if config is None:
            self._notices.post("warning", "This config cannot be saved yet.", "Mend what is marked in the form first.")
            return
        name, is_sure = QInputDialog.getText(self, "Save config", "Name of the config:", text=self.name)
        if is_sure:
            self._try(lambda: self._library.save(name, config))
            self.refresh(name.strip())

    def rename(self) -> None:
        old = self.name
        name, is_sure = QInputDialog.getText(self, "Rename config", "New name:", text=old)
        if is_sure and name.strip() and name.strip() != old:
            self._try(lambda: self._library.rename(old, name))
            self.refresh(name.strip())

    def delete(self) -> None:
        """Delete at once; the notice has the way back."""
        name = self.name
        try:
            config = self._library.delete(name)
        except AppError as error:
            self._notices.post_error(error)
            return
        self._bar.show_words(f"Deleted the config {name}.", "Undo", lambda: self._library.save(name, config))

    def _pick(self) -> None:
        self._enable()
        if self.name:
            self._try(lambda: self.config_picked.emit(self._library.read(self.name)))

    def _enable(self) -> None:
        self._actions["rename_config"].setEnabled(bool(self.name))
        self._actions["delete_config"].setEnabled(bool(self.name))

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except AppError as error:
            self._notices.post_error(error)
