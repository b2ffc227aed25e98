"""The library of datasets in the catalogue: names, versions, what uses them, and how a config finds them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from desktop.core import dataset_choice, folders
from desktop.core.dataset.report import ScanOptions
from desktop.core.dataset.scan import scan
from desktop.core.dataset_intake import register, take_in
from desktop.core.dataset_registry import DatasetRegistry
from desktop.core.datasets import BadRows, DatasetVersion, Origin
from desktop.core.run import Run, RunState
from desktop.core.saved_configs import SavedConfigs
from desktop.core.store import Store
from desktop.errors import AppError, ConfigError, StoreError
from desktop.paths import Home
from tests.fakes import START
from trainer_image.contract import DatasetRef, RunConfig
from trainer_image.formats import ReadOptions

Add = Callable[..., DatasetVersion]


@pytest.fixture
def registry(store: Store) -> DatasetRegistry:
    return DatasetRegistry(store)


@pytest.fixture
def add(registry: DatasetRegistry) -> Add:
    def register_file(
        name: str, path: Path, options: ScanOptions | None = None, bad_rows: BadRows = "stop"
    ) -> DatasetVersion:
        intake = take_in(path, options or ScanOptions(), bad_rows)
        return register(registry, name, intake, Origin("file", path=str(path)))[0]

    return register_file


def test_a_dataset_is_found_by_name_and_by_version(registry: DatasetRegistry, add: Add, dataset: Path) -> None:
    add("captain", dataset)
    dataset.write_text('{"prompt": "Hello", "completion": "Ahoy"}\n{"prompt": "Bye", "completion": "Arr"}\n')
    second = add("captain", dataset)
    assert second.label == "captain@2"
    assert registry.find("captain") == registry.find("captain@2") == second
    first = registry.find(" captain@1 ")
    assert (first.rows, first.shape, first.path, first.origin.words) == (
        1,
        "prompt_completion",
        dataset,
        "from the file captain.jsonl",
    )
    (known,) = registry.all()
    assert [version.number for version in known.versions] == [2, 1]
    assert registry.is_name("captain@7")
    assert not registry.is_name("someone")
    with pytest.raises(StoreError, match=r"captain has no version 7\. Its versions are 1, 2"):
        registry.find("captain@7")
    with pytest.raises(StoreError, match="There is no dataset called someone"):
        registry.find("someone")
    with pytest.raises(StoreError, match="names no dataset"):
        registry.find("captain@newest")


def test_the_same_file_read_the_same_way_is_no_new_version(registry: DatasetRegistry, add: Add, dataset: Path) -> None:
    first = add("captain", dataset)
    os.utime(dataset, ns=(1, 1))
    again = add("captain", dataset)
    assert (again.number, again.modified_ns) == (1, 1)
    assert again.sha256 == first.sha256
    assert add("captain", dataset, ScanOptions(mapping={"prompt": "prompt"})).number == 2


def test_what_was_said_of_a_file_is_kept(registry: DatasetRegistry, add: Add, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("act;reply\nDo this;Done\nDo that;\n", "utf-8")
    read = ReadOptions(delimiter=";", has_header=True, encoding="utf-8")
    add("table", table, ScanOptions(read, {"prompt": "act", "completion": "reply"}, "prompt_completion"), "leave_out")
    kept = registry.find("table")
    assert (kept.reading, kept.asked_shape, kept.bad_rows) == (read, "prompt_completion", "leave_out")
    assert kept.mapping == {"prompt": "act", "completion": "reply"}
    assert (kept.rows, kept.rows_total, kept.rows_left_out) == (1, 2, 1)
    assert scan(kept.path, kept.options()).rows == 1


def test_bad_rows_stop_it_unless_they_may_be_left_out(add: Add, dataset: Path) -> None:
    dataset.write_text(dataset.read_text() + "{broken\n")
    with pytest.raises(AppError, match=r"1 row of 2 cannot be used\. Line 2: .* .--bad-rows leave_out"):
        add("captain", dataset)
    assert add("captain", dataset, bad_rows="leave_out").rows == 1


@pytest.mark.parametrize("text", ["", "act,reply\na,b\n", "\0\1\2"])
def test_a_file_that_cannot_be_used_gets_no_name(
    registry: DatasetRegistry, add: Add, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    with pytest.raises(AppError):
        add("rows", path)
    with pytest.raises(AppError, match="There is no file"):
        add("rows", tmp_path / "none.jsonl")
    assert registry.all() == []


def test_a_report_that_still_holds_is_taken(registry: DatasetRegistry, dataset: Path) -> None:
    report = scan(dataset)
    assert take_in(dataset, ScanOptions(), "stop", report).report is report
    dataset.write_text(dataset.read_text() * 2)
    assert take_in(dataset, ScanOptions(), "stop", report).report.rows == 2


@pytest.mark.parametrize("name", ["", "  ", "a@2", "a/b", "a\\b", "a\nb", "x" * 81])
def test_a_name_that_will_not_do_is_said(registry: DatasetRegistry, add: Add, dataset: Path, name: str) -> None:
    assert registry.why_not(name)
    with pytest.raises(AppError):
        add(name, dataset)


def test_names_to_offer_are_free(registry: DatasetRegistry, add: Add, dataset: Path) -> None:
    assert registry.free_name("/data/captain.jsonl") == "captain"
    add("captain", dataset)
    assert registry.free_name("/data/captain.jsonl.gz") == "captain 2"
    assert registry.free_name("org/captain") == "captain 2"
    assert registry.free_name("/data/@.csv") == "dataset"
    assert registry.why_not(registry.free_name("x" * 300)) == ""


def test_a_new_name_goes_to_versions_and_saved_configs(
    registry: DatasetRegistry, store: Store, add: Add, dataset: Path, config: RunConfig
) -> None:
    add("captain", dataset)
    SavedConfigs(store).save("daily", config.model_copy(update={"dataset": "captain@1"}))
    SavedConfigs(store).save("other", config.model_copy(update={"dataset": "captains"}))
    registry.set_notes("captain", "from the ship")
    registry.rename("captain", "sea captain")
    assert registry.find("sea captain@1").dataset == "sea captain"
    kept = registry.get("sea captain")
    assert kept is not None
    assert kept.notes == "from the ship"
    saved = {one.name: one.values["dataset"] for one in SavedConfigs(store).all()}
    assert saved == {"daily": "sea captain@1", "other": "captains"}
    add("captain", dataset)
    with pytest.raises(StoreError, match="already a dataset called captain"):
        registry.rename("sea captain", "captain")


def test_what_uses_a_dataset_is_known(
    registry: DatasetRegistry, store: Store, home: Home, add: Add, dataset: Path, config: RunConfig
) -> None:
    version = add("captain", dataset)
    SavedConfigs(store).save("newest", config.model_copy(update={"dataset": "captain"}))
    SavedConfigs(store).save("a file", config)
    run = Run("1", "First", "docker", home.runs / "1", config, START, RunState.RUNNING, started=START)
    folders.write_run(run, gpus=(), dataset=dataset_choice.ref_of(version))
    store.save_run(run)
    assert [(use.kind, use.id, use.version, use.is_live) for use in registry.uses("captain")] == [
        ("config", "newest", None, False),
        ("run", "1", 1, True),
    ]
    registry.rename("captain", "mate")
    assert [use.id for use in registry.uses("mate@1")] == ["newest", "1"]
    assert folders.read_dataset(run.files) == DatasetRef(name="captain", number=1, sha256=version.sha256)


def test_one_version_or_all_of_them_are_forgotten(registry: DatasetRegistry, add: Add, dataset: Path) -> None:
    add("captain", dataset)
    dataset.write_text(dataset.read_text() * 2)
    add("captain", dataset)
    assert [one.number for one in registry.delete("captain@2").versions] == [2]
    assert registry.find("captain").number == 1
    registry.delete("captain")
    assert registry.all() == []
    assert add("captain", dataset).number == 1


# How a config finds its dataset


def test_a_config_with_a_name_becomes_one_with_the_file(
    registry: DatasetRegistry, add: Add, tmp_path: Path, config: RunConfig
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("act\treply\nDo this\tDone\n", "utf-8")
    mapping = {"prompt": "act", "completion": "reply"}
    version = add("table", table, ScanOptions(ReadOptions(delimiter="\t"), mapping), "leave_out")
    asked = config.model_copy(update={"dataset": "table"})
    resolved, found = dataset_choice.resolved_at_once(registry, asked)
    assert found == version
    assert (resolved.dataset, resolved.bad_rows) == (str(table), "leave_out")
    assert resolved.columns == ("prompt=act", "completion=reply")
    assert resolved.read_as == ("delimiter=tab",)
    assert dataset_choice.options_of(resolved) == version.options()
    assert dataset_choice.resolved_at_once(registry, config) == (config, None)
    with pytest.raises(ConfigError, match="How the file of table is read is kept with the dataset"):
        dataset_choice.resolved_at_once(registry, asked.model_copy(update={"columns": ("prompt=reply",)}))


def test_a_file_that_may_have_changed_is_not_trained_on_at_once(
    registry: DatasetRegistry, add: Add, dataset: Path, config: RunConfig
) -> None:
    version = add("captain", dataset)
    asked = config.model_copy(update={"dataset": "captain"})
    os.utime(dataset, ns=(1, 1))
    assert version.state() == "touched"
    assert dataset_choice.compare(version) == ("same", 1)
    with pytest.raises(ConfigError) as refused:
        dataset_choice.resolved_at_once(registry, asked)
    assert refused.value.code == "dataset_changed"
    dataset.write_text(dataset.read_text().replace("Ahoy", "Arrr"))
    assert dataset_choice.compare(version)[0] == "changed"
    dataset.unlink()
    assert dataset_choice.compare(version)[0] == "gone"
    with pytest.raises(ConfigError, match="is not there any more"):
        dataset_choice.resolved_at_once(registry, asked)
