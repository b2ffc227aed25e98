"""The library of datasets as a living object: works with an end, versions, changes, runs that use them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers.datasets import Change, Datasets, HubDataset, HubPreview, Prepared, Work
from desktop.core.dataset.report import ScanOptions
from desktop.core.dataset.scan import scan
from desktop.core.dataset_making.plans import Dedupe, Merge, Sample, Split
from desktop.core.datasets import DatasetVersion
from desktop.core.folders import read_dataset
from desktop.core.run import RunState
from desktop.errors import AppError, ConfigError, StoreError
from tests.dataset_hub import COMMIT, DatasetHub, FakeDataset
from tests.desktop.controllers.conftest import App
from trainer_image.contract import RunConfig

ROWS = [{"prompt": f"Question {n}?", "completion": f"Answer {n}."} for n in range(20)]


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    return path


@pytest.fixture
def library(app: App) -> Iterator[Datasets]:
    made = Datasets(app.home, app.store, app.jobs)
    yield made
    made.close()


@pytest.fixture
def ended(qtbot: QtBot) -> Callable[[Work], Any]:
    """Wait for a work; return what came of it, or raise its AppError."""

    def wait(work: Work) -> Any:
        outcome: list[Any] = []
        work.finished.connect(outcome.append)
        work.failed.connect(outcome.append)
        qtbot.waitUntil(lambda: bool(outcome))
        assert work.is_over
        if isinstance(outcome[0], AppError):
            raise outcome[0]
        return outcome[0]

    return wait


Ended = Callable[[Work], Any]


def test_a_file_gets_a_name_and_says_how_far_it_is(
    library: Datasets, rows_file: Path, ended: Ended, qtbot: QtBot
) -> None:
    added: list[str] = []
    library.version_added.connect(added.append)
    with qtbot.waitSignal(library.datasets_changed):
        version = cast(DatasetVersion, ended(library.add_file("captain", rows_file)))
    assert (version.label, version.rows, version.shape) == ("captain@1", 20, "prompt_completion")
    assert added == ["captain@1"]
    assert ended(library.add_file("captain", rows_file, report=scan(rows_file))) == version
    assert added == ["captain@1"]
    assert library.check_name("captain") == "There is already a dataset called captain."
    assert library.free_name(str(rows_file)) == "rows"


def test_what_stands_in_the_way_is_told(library: Datasets, rows_file: Path, ended: Ended, tmp_path: Path) -> None:
    rows_file.write_text(rows_file.read_text("utf-8") + "{broken\n", "utf-8")
    with pytest.raises(AppError, match="1 row of 21 cannot be used"):
        ended(library.add_file("captain", rows_file))
    version = ended(library.add_file("captain", rows_file, bad_rows="leave_out"))
    assert (version.rows, version.rows_left_out) == (20, 1)
    with pytest.raises(AppError, match="There is no file"):
        ended(library.add_file("other", tmp_path / "none.jsonl"))
    with pytest.raises(StoreError, match="There is no dataset called other"):
        library.make("other", Dedupe())


def test_new_versions_are_made_and_the_old_file_stays(library: Datasets, rows_file: Path, ended: Ended) -> None:
    before = rows_file.read_bytes()
    ended(library.add_file("captain", rows_file))
    rest, held_back = ended(library.make("captain", Split(share=0.2)))
    assert (rest.label, rest.rows, held_back.label, held_back.rows) == ("captain@2", 16, "captain held back@1", 4)
    assert rest.origin.words == "captain@1 without the 20% held back (seed 3407)"
    assert held_back.origin.words == "20% of captain@1, held back (seed 3407)"
    (few,) = ended(library.make("captain@1", Sample(rows=5)))
    assert (few.label, few.rows, few.origin.words) == ("captain@3", 5, "5 rows of captain@1, by chance (seed 3407)")
    (both,) = ended(library.merge(Merge({"captain@1": 2.0, "captain held back": 1.0}, into="both")))
    assert (both.label, both.rows) == ("both@1", 44)
    (single,) = ended(library.make("both", Dedupe()))
    assert (single.label, single.rows) == ("both@2", 20)
    assert single.origin.words == "both@1 without copies"
    assert rows_file.read_bytes() == before
    assert {path.parent for path in (rest.path, held_back.path, few.path, both.path)} == {library._home.datasets}


def test_a_work_that_is_stopped_leaves_nothing(library: Datasets, rows_file: Path, ended: Ended) -> None:
    ended(library.add_file("captain", rows_file))
    work = library.make("captain", Sample(share=0.5))
    work.cancel()
    with pytest.raises(AppError) as stopped:
        ended(work)
    assert stopped.value.code == "cancelled"
    assert list(library._home.datasets.iterdir()) == []
    assert library.find("captain").number == 1


def test_a_changed_file_is_noticed_and_taken_in(library: Datasets, rows_file: Path, ended: Ended) -> None:
    ended(library.add_file("captain", rows_file))
    os.utime(rows_file, ns=(1, 1))
    assert cast(Change, ended(library.check("captain"))).state == "same"
    assert library.find("captain").state() == "as_registered"
    rows_file.write_text(json.dumps(ROWS[0]) + "\n", "utf-8")
    change = cast(Change, ended(library.check("captain")))
    assert (change.state, change.sentence) == ("changed", "The file of captain@1 has changed since it was registered.")
    with pytest.raises(ConfigError, match="its rows are not there any more"):
        ended(library.make("captain", Sample(rows=1)))
    assert cast(DatasetVersion, ended(library.renew("captain"))).label == "captain@2"
    rows_file.unlink()
    assert cast(Change, ended(library.check("captain"))).state == "gone"


def test_a_config_names_a_dataset(
    app: App, library: Datasets, ended: Ended, config: RunConfig, tmp_path: Path, qtbot: QtBot
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("act;reply\nDo this;Done\n", "utf-8")
    options = ScanOptions(mapping={"prompt": "act", "completion": "reply"})
    version = ended(library.add_file("orders", table, options))
    prepared = cast(Prepared, ended(library.prepare(config.model_copy(update={"dataset": "orders"}))))
    assert (prepared.version, prepared.warning) == (version, "")
    run_id = app.runs.start(prepared.config, dataset=prepared.version)
    run = app.run(run_id)
    assert (run.config.dataset, run.config.columns) == (str(table), ("prompt=act", "completion=reply"))
    assert run.name.endswith("orders")
    ref = read_dataset(run.files)
    assert ref is not None
    assert (ref.name, ref.number, ref.sha256) == ("orders", 1, version.sha256)
    assert [(use.kind, use.id, use.is_live) for use in library.uses("orders")] == [("run", run_id, True)]
    with pytest.raises(ConfigError, match="trains on orders"):
        library.delete("orders")
    assert cast(Prepared, ended(library.prepare(config))).version is None
    qtbot.waitUntil(lambda: app.run(run_id).state is not RunState.WAITING)


def test_a_run_looks_its_dataset_up_by_itself(
    app: App, library: Datasets, ended: Ended, rows_file: Path, config: RunConfig
) -> None:
    ended(library.add_file("captain", rows_file))
    named = config.model_copy(update={"dataset": "captain@1"})
    run = app.run(app.runs.start(named))
    assert run.config.dataset == str(rows_file)
    assert read_dataset(run.files) is not None
    os.utime(rows_file, ns=(1, 1))
    with pytest.raises(ConfigError, match="has changed since it was registered"):
        app.runs.start(named.model_copy(update={"seed": 2}))


def test_a_start_with_a_changed_file_makes_a_version_and_says_so(
    library: Datasets, rows_file: Path, ended: Ended, config: RunConfig
) -> None:
    old = ended(library.add_file("captain", rows_file))
    rows_file.write_text(json.dumps(ROWS[0]) + "\n", "utf-8")
    prepared = cast(Prepared, ended(library.prepare(config.model_copy(update={"dataset": "captain"}))))
    assert prepared.version is not None
    assert prepared.version.label == "captain@2"
    assert "it is captain@2 now, its rows that can be used were 20 and are 1" in prepared.warning
    with pytest.raises(ConfigError, match=r"The file of captain@1 has changed since.* Use captain@2\."):
        ended(library.prepare(config.model_copy(update={"dataset": old.label})))
    rows_file.write_text("{broken\n", "utf-8")
    with pytest.raises(AppError):
        ended(library.prepare(config.model_copy(update={"dataset": "captain"})))
    assert library.find("captain").number == 2


def test_our_files_go_with_a_dataset_and_the_users_stay(library: Datasets, rows_file: Path, ended: Ended) -> None:
    ended(library.add_file("captain", rows_file))
    (few,) = ended(library.make("captain", Sample(rows=5)))
    assert few.path.is_file()
    library.rename("captain", "mate")
    assert library.find("mate@2").path == few.path
    gone = library.delete("mate")
    assert [version.label for version in gone.versions] == ["mate@2", "mate@1"]
    assert not few.path.exists()
    assert rows_file.is_file()
    assert library.all() == []


def test_a_split_of_the_hub_becomes_a_dataset(
    library: Datasets, ended: Ended, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub = DatasetHub()
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    lines = [json.dumps(row) for row in ROWS]
    parts = {f"data/train-0000{n}-of-00002.jsonl": "\n".join(lines[n::2]).encode() for n in range(2)}
    hub.add(FakeDataset("maker/sums", {**parts, "data/test-00000-of-00001.jsonl": lines[0].encode()}))
    try:
        found = cast(HubDataset, ended(library.look_at_hub("maker/sums")))
        assert cast(HubPreview, ended(library.preview_hub(found, "default", "train", 2))).rows == (ROWS[0], ROWS[2])
        version = cast(DatasetVersion, ended(library.add_hub("sums", found, "default", "train")))
        test = cast(DatasetVersion, ended(library.add_hub("sums test", found, "default", "test")))
        assert [hit.repo for hit in ended(library.search_hub("sums"))] == ["maker/sums"]
    finally:
        hub.close()
    assert (version.rows, test.rows) == (20, 1)
    assert version.origin.words == f"from the Hub: maker/sums, default, train at {COMMIT[:8]}"
    assert [json.loads(line) for line in version.path.read_bytes().splitlines()] == ROWS[0::2] + ROWS[1::2]
    assert version.path.parent == test.path.parent == library._home.datasets


def test_going_offline_stops_what_comes_from_the_hub_and_nothing_else(
    library: Datasets, rows_file: Path, ended: Ended, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub = DatasetHub()
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    hub.add(FakeDataset("maker/sums", {"data/train-00000-of-00001.jsonl": rows_file.read_bytes()}))
    try:
        found = cast(HubDataset, ended(library.look_at_hub("maker/sums")))
        fetching = library.add_hub("sums", found, "default", "train")
        adding = library.add_file("captain", rows_file)
        library.follow_offline(True)
        with pytest.raises(AppError) as caught:
            ended(fetching)
        assert caught.value.code == "cancelled"
        if not adding.is_over:
            ended(adding)
        assert [one.name for one in library.all()] == ["captain"]
        library.follow_offline(False)
        assert cast(DatasetVersion, ended(library.add_hub("sums", found, "default", "train"))).rows == 20
    finally:
        hub.close()


def test_offline_asks_nothing_of_the_hub(app: App) -> None:
    def refuse(what: str) -> None:
        raise ConfigError(f"{what} needs the network.", "", "offline")

    library = Datasets(app.home, app.store, app.jobs, need_network=refuse)
    for ask in (lambda: library.search_hub("x"), lambda: library.look_at_hub("a/b")):
        with pytest.raises(ConfigError, match="Asking the Hub needs the network"):
            ask()
