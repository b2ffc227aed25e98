"""Saved configs by name, and the last one used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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
    assert names(library) == []
    library.put_back(deleted)
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


def test_a_copy_has_a_name_of_its_own(library: Library, config: RunConfig, qtbot: QtBot) -> None:
    library.save("mine", config, "process")
    library.annotate("mine", "note")
    with qtbot.waitSignal(library.configs_changed):
        assert library.duplicate("mine") == "mine 2"
    assert library.duplicate("mine", " third ") == "third"
    assert [(one.notes, one.engine) for one in library.configs()] == [("note", "process")] * 3
    with pytest.raises(StoreError, match="already a config called third"):
        library.duplicate("mine", "third")


def test_what_was_deleted_comes_back_whole_and_takes_nobodys_place(
    library: Library, make_config: Callable[..., RunConfig]
) -> None:
    library.save("mine", make_config(seed=1), "process")
    library.annotate("mine", "note")
    deleted = library.delete("mine")
    library.save("mine", make_config(seed=2))
    library.put_back(deleted)
    assert [(one.name, one.values["seed"], one.notes) for one in library.configs()] == [
        ("mine", 2, ""),
        ("mine 2", 1, "note"),
    ]
    library.restore(deleted)
    assert library.read("mine").seed == 1


def test_configs_of_one_engine_are_those_saved_with_it_or_with_none(library: Library, config: RunConfig) -> None:
    library.save("a", config, "docker")
    library.save("b", config, "process")
    library.save("c", config)
    assert [one.name for one in library.configs("docker")] == ["a", "c"]
    assert [one.name for one in library.configs("process")] == ["b", "c"]


def test_out_into_a_file_and_in_again(library: Library, config: RunConfig, tmp_path: Path) -> None:
    library.save("mine", config, "process")
    library.export("mine", tmp_path / "mine.json")
    assert library.bring_in(tmp_path / "mine.json") == "mine 2"
    assert library.bring_in(tmp_path / "mine.json", "theirs") == "theirs"
    assert [library.read(name) for name in names(library)] == [config] * 3
    with pytest.raises(StoreError, match="needs a name"):
        library.bring_in(tmp_path / "mine.json", LAST_USED)
