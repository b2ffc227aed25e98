"""Saved configs by name, and the last one used."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers.library import LAST_USED, Library
from desktop.core.store import Store
from desktop.errors import StoreError
from trainer_image.contract import RunConfig


@pytest.fixture
def library(store: Store) -> Library:
    return Library(store)


def names(library: Library) -> list[str]:
    return [saved.name for saved in library.configs()]


def test_saving_renaming_and_deleting_say_that_they_happened(library: Library, config: RunConfig, qtbot: QtBot) -> None:
    with qtbot.waitSignal(library.configs_changed):
        library.save("  mine ", config)
    assert names(library) == ["mine"]
    with qtbot.waitSignal(library.configs_changed):
        library.rename("mine", " yours ")
    assert names(library) == ["yours"]
    assert library.read("yours") == config
    with qtbot.waitSignal(library.configs_changed):
        deleted = library.delete("yours")
    assert deleted == config
    assert names(library) == []
    library.save("yours", deleted)
    assert library.read("yours") == config


@pytest.mark.parametrize("name", ["", "   ", LAST_USED, f" {LAST_USED} "])
def test_names_that_are_none(library: Library, config: RunConfig, name: str) -> None:
    library.save("mine", config)
    with pytest.raises(StoreError, match="needs a name"):
        library.save(name, config)
    with pytest.raises(StoreError, match="needs a name"):
        library.rename("mine", name)
    assert names(library) == ["mine"]


def test_a_config_that_is_not_there(library: Library) -> None:
    for ask in (library.read, library.delete):
        with pytest.raises(StoreError, match="no saved config called nothing"):
            ask("nothing")


def test_the_last_one_used_is_remembered_and_not_listed(
    library: Library, make_config: Callable[..., RunConfig]
) -> None:
    assert library.last_used() is None
    library.remember_last(make_config(seed=1))
    library.remember_last(make_config(seed=2))
    last = library.last_used()
    assert last is not None
    assert last.seed == 2
    assert names(library) == []
