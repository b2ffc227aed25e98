"""The configs that were deleted or saved over, so that a slip of the hand costs nothing; the newest of them only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from desktop.core.saved_configs import SavedConfig
from desktop.core.settings import SettingsTable
from desktop.core.store import Store

SETTING = "configs/deleted"
KEPT = 50
"""So many are kept; the oldest go first."""


class DeletedConfigs:
    """Kept beside the saved ones in the same database, the last one deleted first."""

    def __init__(self, store: Store) -> None:
        self._settings = SettingsTable(store)

    def all(self) -> list[SavedConfig]:
        """Return what can be brought back."""
        return [_read(kept) for kept in self._settings.read(SETTING, [])]

    def keep(self, saved: SavedConfig) -> None:
        """Keep a config that is about to go."""
        self._write([saved, *(kept for kept in self.all() if kept != saved)])

    def find(self, name: str) -> SavedConfig | None:
        """Return the last config of this name that went."""
        return next((kept for kept in self.all() if kept.name == name), None)

    def forget(self, saved: SavedConfig) -> None:
        """Let go of a config that is back."""
        before = self.all()
        if saved in before:
            self._write([kept for kept in before if kept != saved])

    def _write(self, kept: list[SavedConfig]) -> None:
        self._settings.write(SETTING, [_plain(saved) for saved in kept[:KEPT]])


def _plain(saved: SavedConfig) -> dict[str, Any]:
    return {**saved.__dict__, "values": dict(saved.values), "saved": saved.saved.isoformat()}


def _read(kept: Mapping[str, Any]) -> SavedConfig:
    return SavedConfig(**{**kept, "saved": datetime.fromisoformat(kept["saved"])})
