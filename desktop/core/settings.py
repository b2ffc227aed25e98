"""Choices for the whole app, in the database, so that the window and the command line agree on them."""

from __future__ import annotations

from typing import Any

from desktop.core.store import Store
from desktop.core.tables import SettingRow

OFFLINE = "offline"


class SettingsTable:
    """Reads and writes single choices; never a secret."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, name: str, default: Any = None) -> Any:
        """Return what was chosen, or ``default`` where nothing was."""
        with self._store.session() as session:
            row = session.get(SettingRow, name)
            return default if row is None else row.value

    def write(self, name: str, value: Any) -> None:
        """Keep a choice: anything that JSON can hold."""
        with self._store.session() as session:
            session.merge(SettingRow(name=name, value=value))

    @property
    def is_offline(self) -> bool:
        """Say whether nothing may use the network: no run, no chat, no look at the Hub, no build."""
        return self.read(OFFLINE) is True
