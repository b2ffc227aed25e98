"""Saved configs and the last one used."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from desktop.core.config_values import read_values
from desktop.core.store import SavedConfig, Store
from desktop.errors import StoreError
from trainer_image.contract import RunConfig

LAST_USED = "(last used)"
"""The name under which the form is kept between two starts of the app; not shown in lists."""


class Library(QObject):
    """The configs that the user keeps by name."""

    configs_changed = Signal()

    def __init__(self, store: Store, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store

    def configs(self) -> list[SavedConfig]:
        """Return the saved configs by name."""
        return [config for config in self._store.configs() if config.name != LAST_USED]

    def read(self, name: str) -> RunConfig:
        """Return a saved config; StoreError where there is none of that name."""
        saved = self._store.config(name)
        if saved is None:
            raise StoreError(f"There is no saved config called {name}.", "`tunedeck config list` shows them.")
        return read_values(saved.values)

    def save(self, name: str, config: RunConfig) -> None:
        self._store.save_config(_checked(name), config)
        self.configs_changed.emit()

    def rename(self, name: str, new_name: str) -> None:
        self._store.rename_config(name, _checked(new_name))
        self.configs_changed.emit()

    def delete(self, name: str) -> RunConfig:
        """Delete a config and return it, so that it can be saved again."""
        config = self.read(name)
        self._store.delete_config(name)
        self.configs_changed.emit()
        return config

    def remember_last(self, config: RunConfig) -> None:
        self._store.save_config(LAST_USED, config)

    def last_used(self) -> RunConfig | None:
        saved = self._store.config(LAST_USED)
        return read_values(saved.values) if saved else None


def _checked(name: str) -> str:
    """Return the name that a config is to have, without the blanks around it."""
    name = name.strip()
    if not name or name == LAST_USED:
        raise StoreError("A config needs a name to be saved under.", "Give it one.")
    return name
