"""Saved configs and the last one used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shlex import quote

from PySide6.QtCore import QObject, Signal

from desktop.body import EngineName
from desktop.core.config_values import read_values
from desktop.core.dataset_registry import DatasetRegistry
from desktop.core.deleted_configs import DeletedConfigs
from desktop.core.saved_configs import SavedConfig, SavedConfigs, read_file, what_is_kept_aside, write_file
from desktop.core.store import Store
from desktop.errors import StoreError
from trainer_image.contract import RunConfig

__all__ = ["LAST_USED", "Library", "SavedConfig"]

LAST_USED = "(last used)"
"""The name under which the form is kept between two starts of the app; not shown in lists."""


class Library(QObject):
    """The configs that the user keeps by name."""

    configs_changed = Signal()

    def __init__(self, store: Store, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._saved = SavedConfigs(store)
        self._deleted = DeletedConfigs(store)
        self._datasets = DatasetRegistry(store)

    def configs(self, engine: EngineName | None = None) -> list[SavedConfig]:
        """Return the saved configs by name; of one engine, those that were saved with it or with none."""
        found = [config for config in self._saved.all() if config.name != LAST_USED]
        return [config for config in found if engine is None or config.engine in (engine, None)]

    def get(self, name: str) -> SavedConfig:
        """Return a saved config as it was saved; StoreError where there is none of that name."""
        return self._saved.get(name)

    def read(self, name: str) -> RunConfig:
        """Return a saved config as this version understands it; StoreError where it cannot."""
        return read_values(self._saved.get(name).values)

    def kept_aside(self, name: str) -> str:
        """Say in one sentence what of a saved config only a newer version knows; nothing where there is nothing."""
        return what_is_kept_aside(self._saved.get(name).values)

    def save(self, name: str, config: RunConfig, engine: EngineName | None = None) -> SavedConfig | None:
        """Save a config with the engine that it is meant for.

        Return the other one of that name that it takes the place of, if there was one; ``deleted`` has it.
        """
        name = _checked(name)
        before = self._saved.find(name)
        saved = self._saved.save(name, config, engine)
        is_other = before is not None and before.values != saved.values
        if before is not None and is_other:
            self._deleted.keep(before)
        self.configs_changed.emit()
        return before if is_other else None

    def rename(self, name: str, new_name: str) -> None:
        """Give a config another name; StoreError where that is taken."""
        self._saved.rename(name, _checked(new_name))
        self.configs_changed.emit()

    def annotate(self, name: str, notes: str) -> None:
        """Set the notes of a config."""
        self._saved.annotate(name, notes)
        self.configs_changed.emit()

    def duplicate(self, name: str, new_name: str = "") -> str:
        """Save a copy, without a name under the old one and a number; return its name."""
        saved = self._saved.get(name)
        copied = _checked(new_name) if new_name else self._saved.free_name(name)
        if self._saved.find(copied) is not None:
            raise StoreError(f"There is already a config called {copied}.", "Choose another name.")
        self._saved.put(replace(saved, name=copied))
        self.configs_changed.emit()
        return copied

    def delete(self, name: str) -> SavedConfig:
        """Delete a config and return it, so that it can be put back; ``deleted`` has it from now on."""
        saved = self._saved.get(name)
        self._deleted.keep(saved)
        self._saved.delete(name)
        self.configs_changed.emit()
        return saved

    def put_back(self, saved: SavedConfig) -> None:
        """Bring a deleted config back with all that it had; under a number where its name was taken meanwhile."""
        self._saved.put(replace(saved, name=self._saved.free_name(saved.name)))
        self._deleted.forget(saved)
        self.configs_changed.emit()

    def deleted(self) -> list[SavedConfig]:
        """Return the configs that were deleted or saved over, the last one first."""
        return self._deleted.all()

    def restore_deleted(self, name: str, new_name: str = "") -> str:
        """Bring the last config back that went by this name, with all that it had; return the name that it has now."""
        saved = self._deleted.find(name)
        if saved is None:
            raise StoreError(f"No deleted config is called {name}.", "`tunedeck config restore` shows them.")
        wanted = _checked(new_name) if new_name else name
        if self._saved.find(wanted) is not None:
            hint = f"Give it another name: `tunedeck config restore {quote(name)} NEW_NAME`."
            raise StoreError(f"There is already a config called {wanted}.", hint)
        self._saved.put(replace(saved, name=wanted))
        self._deleted.forget(saved)
        self.configs_changed.emit()
        return wanted

    def restore(self, saved: SavedConfig) -> None:
        """Bring a config back as it was, over what was saved under its name since."""
        self._saved.put(saved)
        self._deleted.forget(saved)
        self.configs_changed.emit()

    def export(self, name: str, path: Path) -> None:
        """Write a config into a file that another Tunedeck can import."""
        write_file(self._saved.get(name), path)

    def bring_in(self, path: Path, name: str = "") -> str:
        """Save the config in a file; return the name that it got, which has a number where the name was taken."""
        saved = read_file(path, self._datasets.is_name)
        wanted = self._saved.free_name(_checked(name or saved.name))
        self._saved.put(replace(saved, name=wanted))
        self.configs_changed.emit()
        return wanted

    def remember_last(self, config: RunConfig) -> None:
        """Keep what the form holds for the next start of the app."""
        self._saved.save(LAST_USED, config)

    def last_used(self) -> RunConfig | None:
        """Return what the form held when the last run was started."""
        saved = self._saved.find(LAST_USED)
        return read_values(saved.values) if saved else None


def _checked(name: str) -> str:
    """Return the name that a config is to have, without the blanks around it."""
    name = name.strip()
    if not name or name == LAST_USED:
        raise StoreError("A config needs a name to be saved under.", "Give it one.")
    return name
