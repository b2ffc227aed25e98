"""Configs kept by name: through their life, through files, and from every version that there was."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from desktop.core.config_values import read_values
from desktop.core.saved_configs import (
    KIND,
    SavedConfig,
    SavedConfigs,
    read_file,
    unknown_knobs,
    what_is_kept_aside,
    write_file,
)
from desktop.core.store import Store, migrate
from desktop.errors import StoreError
from trainer_image.contract import CONTRACT, RunConfig
from trainer_image.contract.config import RETIRED

OF_CONTRACT = Path(__file__).parent / "configs_of_contracts"
"""One file for each contract: configs that it wrote, with each of its knobs away from the default in one of them."""

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def saved(store: Store) -> SavedConfigs:
    return SavedConfigs(store)


def test_a_config_is_kept_with_all_that_belongs_to_it(saved: SavedConfigs, config: RunConfig) -> None:
    saved.save("mine", config, "process")
    saved.annotate("mine", " for the ship's log \n")
    found = saved.get("mine")
    assert read_values(found.values) == config
    assert (found.engine, found.notes, found.contract) == ("process", "for the ship's log", CONTRACT)
    assert found.saved.tzinfo is not None
    assert saved.find("other") is None
    with pytest.raises(StoreError, match="no saved config called other"):
        saved.get("other")


def test_saving_again_keeps_notes_and_engine(saved: SavedConfigs, make_config: Callable[..., RunConfig]) -> None:
    saved.save("a", make_config(seed=1), "docker")
    saved.annotate("a", "note")
    saved.save("a", make_config(seed=7))
    found = saved.get("a")
    assert (found.values["seed"], found.notes, found.engine) == (7, "note", "docker")


def test_renaming_and_deleting(saved: SavedConfigs, config: RunConfig) -> None:
    saved.save("old", config)
    saved.save("taken", config)
    saved.rename("old", "new")
    assert [one.name for one in saved.all()] == ["new", "taken"]
    with pytest.raises(StoreError, match="no saved config called old"):
        saved.rename("old", "newer")
    with pytest.raises(StoreError, match="already a config called taken"):
        saved.rename("new", "taken")
    saved.rename("new", "new")
    saved.delete("new")
    saved.delete("new")
    assert [one.name for one in saved.all()] == ["taken"]


def test_a_free_name_has_a_number(saved: SavedConfigs, config: RunConfig) -> None:
    assert saved.free_name("mine") == "mine"
    for _ in range(3):
        saved.save(saved.free_name("mine"), config)
    assert [one.name for one in saved.all()] == ["mine", "mine 2", "mine 3"]


def newer(config: RunConfig) -> SavedConfig:
    values = {**config.model_dump(mode="json"), "knob_of_tomorrow": [1, {"a": None}], "another": True}
    return replace(SavedConfig("theirs", values, CONTRACT + 1, MOMENT), notes="from a newer one")


def test_knobs_of_a_newer_version_are_said_and_never_lost(
    saved: SavedConfigs, make_config: Callable[..., RunConfig], tmp_path: Path
) -> None:
    theirs = newer(make_config(seed=1))
    saved.put(theirs)
    assert saved.get("theirs") == theirs
    assert read_values(theirs.values) == make_config(seed=1)
    assert "no knobs called knob_of_tomorrow and another" in what_is_kept_aside(theirs.values)
    assert what_is_kept_aside(make_config().model_dump()) == ""
    saved.save("theirs", make_config(seed=2))
    after = saved.get("theirs")
    assert unknown_knobs(after.values) == unknown_knobs(theirs.values)
    assert (after.values["seed"], after.contract) == (2, CONTRACT + 1)
    write_file(after, tmp_path / "theirs.json")
    assert read_file(tmp_path / "theirs.json").values == after.values


def test_an_exported_config_is_read_as_it_was(saved: SavedConfigs, config: RunConfig, tmp_path: Path) -> None:
    saved.save("mine", config, "process")
    saved.annotate("mine", "Größe: ½")
    path = tmp_path / "mine.json"
    write_file(saved.get("mine"), path)
    content = json.loads(path.read_text("utf-8"))
    assert (content["kind"], content["contract"], content["name"]) == (KIND, CONTRACT, "mine")
    again = read_file(path)
    assert replace(again, saved=MOMENT) == replace(saved.get("mine"), saved=MOMENT)


def test_plain_knobs_are_a_config_too(tmp_path: Path, model_folder: Path, dataset: Path) -> None:
    path = tmp_path / "captain.json"
    path.write_text(json.dumps({"model": model_folder.name, "dataset": dataset.name, "seed": 5}))
    found = read_file(path)
    assert (found.name, found.values["model"], found.values["seed"]) == ("captain", str(model_folder), 5)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"kind": KIND}, "lost its config"),
        ({"kind": KIND, "contract": "2", "config": {}}, "lost its config"),
        ({"kind": KIND, "contract": 2, "config": {"model": "m"}}, "Dataset is missing"),
        ({"model": "/m", "dataset": "/d", "lora_r": 0}, "LoRA rank"),
    ],
)
def test_a_file_that_is_no_config(tmp_path: Path, content: object, words: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(content))
    with pytest.raises(StoreError, match=words):
        read_file(path)


def test_a_file_that_cannot_be_written(saved: SavedConfigs, config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        write_file(saved.save("mine", config), tmp_path / "nowhere" / "mine.json")


# From every version that there was


def test_there_is_a_config_of_every_contract() -> None:
    assert sorted(path.name for path in OF_CONTRACT.iterdir()) == [f"{n}.json" for n in range(1, CONTRACT + 1)]


@pytest.mark.parametrize("contract", range(1, CONTRACT + 1))
def test_a_config_of_every_contract_keeps_every_value(contract: int) -> None:
    for values in json.loads((OF_CONTRACT / f"{contract}.json").read_text()):
        dumped = read_values(values).model_dump(mode="json")
        assert {name: dumped[name] for name in values if name not in RETIRED} == _without_retired(values)


def _without_retired(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in RETIRED}


def test_the_newest_contract_has_every_knob_away_from_its_default() -> None:
    """A knob that comes or goes raises the number: an image of before would refuse what has it."""
    configs = json.loads((OF_CONTRACT / f"{CONTRACT}.json").read_text())
    assert set(configs[0]) == set(RunConfig.model_fields)
    plain = RunConfig(model="/m", dataset="/d.jsonl").model_dump(mode="json")
    for name in set(plain) - {"model", "dataset"}:
        assert any(values[name] != plain[name] for values in configs), name


@pytest.mark.parametrize("revision", ["1", "2", "head"])
@pytest.mark.parametrize("contract", range(1, CONTRACT + 1))
def test_a_database_of_every_version_keeps_its_configs(tmp_path: Path, revision: str, contract: int) -> None:
    path = tmp_path / "tunedeck.sqlite3"
    migrate(path, revision)
    every = json.loads((OF_CONTRACT / f"{contract}.json").read_text())
    connection = sqlite3.connect(path)
    for number, values in enumerate(every):
        row = (f"config {number:03}", json.dumps(values), contract, "2026-01-02 03:04:05.000000")
        connection.execute('insert into configs (name, "values", contract, saved) values (?, ?, ?, ?)', row)
    connection.commit()
    connection.close()
    store = Store(path)
    saved = SavedConfigs(store)
    assert [(one.values, one.contract, one.notes, one.engine) for one in saved.all()] == [
        (values, contract, "", None) for values in every
    ]
    first = read_values(saved.get("config 000").values)
    saved.save("config 000", first, "docker")
    assert read_values(saved.get("config 000").values) == first
    store.close()
