"""The configs kept by name: a row to pick and save, and below it, on request, the list of all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QInputDialog, QWidget

from desktop.body import EngineName
from desktop.errors import AppError
from desktop.ui.pieces import action_button, boxed, column, label, row
from desktop.ui.services import Services
from desktop.ui.setup.config_manager import ConfigManager
from desktop.ui.window.actions import Actions
from desktop.ui.window.notice_bar import NoticeBar
from trainer_image.contract import RunConfig

FILES = "Configs (*.json);;All files (*)"


class SavedConfigs(QWidget):
    """Shows the saved configs; the form is its owner's."""

    config_picked = Signal(object)
    """A RunConfig."""
    engine_picked = Signal(str)
    """The engine that the picked config was saved with."""

    def __init__(
        self,
        services: Services,
        actions: Actions,
        bar: NoticeBar,
        current: Callable[[], RunConfig | None],
        engine: Callable[[], EngineName],
    ) -> None:
        super().__init__()
        self._library = services.library
        self._notices = services.notices
        self._bar = bar
        self._current = current
        self._engine = engine
        self._actions = actions
        self.picker = QComboBox()
        self.picker.setAccessibleName("Saved config")
        self.picker.setMinimumWidth(120)
        self.picker.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.picker.setMinimumContentsLength(16)
        self.manager = ConfigManager(self._library, actions, self._try)
        self._card = boxed(column(self.manager), "card", 12)
        self._card.hide()
        title = label("Config", "muted")
        title.setBuddy(self.picker)
        buttons = [action_button(actions[name]) for name in ("save_config", "manage_configs")]
        self.setLayout(column(row(title, self.picker, *buttons, 1), self._card, space=8))
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        self.picker.activated.connect(lambda _: self._use(self.name))
        self.manager.config_wanted.connect(self._use)
        self._library.configs_changed.connect(self.refresh)
        actions = self._actions
        actions["save_config"].triggered.connect(self.save)
        actions["rename_config"].triggered.connect(self.rename)
        actions["duplicate_config"].triggered.connect(self.duplicate)
        actions["delete_config"].triggered.connect(self.delete)
        actions["export_config"].triggered.connect(self.export)
        actions["import_config"].triggered.connect(self.bring_in)
        actions["manage_configs"].toggled.connect(self._show_manager)

    @property
    def name(self) -> str:
        """The saved config that is picked, or nothing."""
        return str(self.picker.currentData() or "")

    @property
    def target(self) -> str:
        """The config that the actions are about: the one chosen in the list while it is shown, else the picked one."""
        return self.manager.name if self._card.isVisibleTo(self) else self.name

    def refresh(self, chosen: str = "") -> None:
        """Read the names again and keep the picked one."""
        chosen = chosen or self.name
        with QSignalBlocker(self.picker):
            self.picker.clear()
            self.picker.addItem("not saved", "")
            for config in self._library.configs():
                self.picker.addItem(config.name, config.name)
            self.picker.setCurrentIndex(max(0, self.picker.findData(chosen)))
        self.manager.refresh()
        self._enable()

    def forget(self) -> None:
        """The form no longer shows the picked config."""
        self.picker.setCurrentIndex(0)
        self._enable()

    def save(self) -> None:
        """Ask for a name and save what the form shows; the notice has the way back from an older one of that name."""
        config = self._current()
        if config is None:
            self._notices.post("warning", "This config cannot be saved yet.", "Mend what is marked in the form first.")
            return
        name, is_sure = QInputDialog.getText(self, "Save config", "Name of the config:", text=self.name)
        name = name.strip()
        if not is_sure:
            return
        before = next((saved for saved in self._library.configs() if saved.name == name), None)
        self._try(lambda: self._library.save(name, config, self._engine()))
        self.refresh(name)
        if before is not None:
            self._bar.show_words(f"Saved over the older {name}.", "Undo", lambda: self._library.restore(before))

    def rename(self) -> None:
        """Ask for another name."""
        old, was_picked = self.target, self.target == self.name
        name, is_sure = QInputDialog.getText(self, "Rename config", "New name:", text=old)
        name = name.strip()
        if is_sure and name and name != old:
            self.manager.keep_notes()
            self._try(lambda: self._library.rename(old, name))
            self.refresh(name if was_picked else "")
            self.manager.refresh(name)

    def duplicate(self) -> None:
        """Save a copy under a name of its own."""
        self.manager.keep_notes()
        self._try(lambda: self.manager.refresh(self._library.duplicate(self.target)))

    def delete(self) -> None:
        """Delete at once; the notice has the way back."""
        name = self.target
        self.manager.keep_notes()
        self.manager.forget()
        try:
            saved = self._library.delete(name)
        except AppError as error:
            self._notices.post_error(error)
            return
        self._bar.show_words(f"Deleted the config {name}.", "Undo", lambda: self._library.put_back(saved))

    def export(self) -> None:
        """Ask for a file and write the config into it."""
        name = self.target
        self.manager.keep_notes()
        file, _ = QFileDialog.getSaveFileName(self, "Export config", str(Path.home() / f"{name}.json"), FILES)
        if file:
            self._try(lambda: self._library.export(name, Path(file)))

    def bring_in(self) -> None:
        """Ask for a file and save the config in it."""
        file, _ = QFileDialog.getOpenFileName(self, "Import config", str(Path.home()), FILES)
        if file:
            self._try(lambda: self._take_in(Path(file)))

    def _take_in(self, path: Path) -> None:
        name = self._library.bring_in(path)
        self._actions["manage_configs"].setChecked(True)
        self.manager.refresh(name)
        self._bar.show_words(f"Saved as {name}. {self._library.kept_aside(name)}".strip())

    def _use(self, name: str) -> None:
        """Give the form a config, and say what of it only a newer version knows."""
        if name:
            self._try(lambda: self._give(name))
        self._enable()

    def _give(self, name: str) -> None:
        config, saved = self._library.read(name), self._library.get(name)
        with QSignalBlocker(self.picker):
            self.picker.setCurrentIndex(max(0, self.picker.findData(name)))
        self.config_picked.emit(config)
        if saved.engine is not None:
            self.engine_picked.emit(saved.engine)
        if sentence := self._library.kept_aside(name):
            self._notices.post("warning", sentence)

    def _show_manager(self, is_wanted: bool) -> None:
        self.manager.keep_notes()
        self._card.setVisible(is_wanted)
        self._actions["manage_configs"].setText("Hide saved configs" if is_wanted else "Saved configs")
        if is_wanted:
            self.manager.refresh(self.name)
            self.manager.list.setFocus()
        self._enable()

    def _enable(self) -> None:
        for name in ("rename_config", "duplicate_config", "export_config", "delete_config"):
            self._actions[name].setEnabled(bool(self.target))

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except AppError as error:
            self._notices.post_error(error)
