"""Choices for the whole app as a living object: who shows them hears of every change, another process's too."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.core.settings import OFFLINE, SettingsTable
from desktop.core.store import Store
from desktop.errors import ConfigError

LOOK_MS = 2000
"""How often a window looks whether the command line has chosen something else."""


class Settings(QObject):
    """The choices that hold for window and command line alike."""

    offline_changed = Signal(bool)

    def __init__(self, store: Store, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._table = SettingsTable(store)
        self._was_offline = self._table.is_offline
        self._looking = QTimer(self, interval=LOOK_MS)
        self._looking.timeout.connect(self.look)

    @property
    def is_offline(self) -> bool:
        """Say whether nothing may use the network, as the database has it now."""
        return self._table.is_offline

    def set_offline(self, is_offline: bool) -> None:
        """Switch the network off or on for everything that starts from now on."""
        self._table.write(OFFLINE, is_offline)
        self.look()

    def need_network(self, what: str) -> None:
        """Refuse ``what``, such as "Building the trainer image", with a sentence where Tunedeck is offline."""
        if self.is_offline:
            raise ConfigError(
                f"{what} needs the network, and Tunedeck is offline.",
                "Switch Offline off at the top right of the window, or by `tunedeck offline off`.",
                code="offline",
            )

    def read(self, name: str, default: Any = None) -> Any:
        """Return a choice by its name."""
        return self._table.read(name, default)

    def write(self, name: str, value: Any) -> None:
        """Keep a choice by its name; never a secret."""
        self._table.write(name, value)

    def watch(self) -> None:
        """Look from time to time whether another process has chosen something else."""
        self._looking.start()

    def look(self) -> None:
        """Tell when the choice is another than at the last look."""
        is_offline = self.is_offline
        if is_offline != self._was_offline:
            self._was_offline = is_offline
            self.offline_changed.emit(is_offline)
