"""A dataset of the library by its name, for words that are mostly asked about files: it takes a database to load."""

from __future__ import annotations

from desktop.core.dataset_registry import DatasetRegistry
from desktop.core.datasets import DatasetVersion
from desktop.core.store import Store
from desktop.paths import Home


def version_named(name: str, home: Home) -> DatasetVersion | None:
    """Return the version that a name means, or None where it is the name of no dataset."""
    store = Store(home.database)
    try:
        registry = DatasetRegistry(store)
        return registry.find(name) if registry.is_name(name) else None
    finally:
        store.close()
