"""The words of ``tunedeck data`` about the library, and ``train`` on a dataset by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dataset_hub import COMMIT, DatasetHub, FakeDataset
from tests.desktop.cli.conftest import Terminal

ROWS = [{"prompt": f"Question {n}?", "completion": f"Answer {n}."} for n in range(20)]


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text("act;reply\nDo this;Done\nDo that;Done too\n", "utf-8")
    return path


def test_a_dataset_from_its_first_file_to_its_removal(terminal: Terminal, rows_file: Path) -> None:
    assert "No dataset is registered yet" in terminal.type("data", "list").out
    assert terminal.type("data", "list", "--json").json == {"datasets": []}
    said = terminal.type("data", "add", "captain", str(rows_file))
    assert (said.code, said.out) == (0, "captain@1: 20 rows, prompt_completion, from the file rows.jsonl\n")
    assert terminal.type("data", "note", "captain", "from the ship").code == 0
    rows_file.write_text(json.dumps(ROWS[0]) + "\n", "utf-8")
    assert "its file may have changed" in terminal.type("data", "list").out
    shown = terminal.type("data", "show", "captain")
    assert "The file of captain@1 has changed since it was registered. `tunedeck data add captain FILE`" in shown.out
    assert "notes: from the ship" in shown.out
    added = terminal.type("data", "add", "captain", str(rows_file), "--json").json
    assert (added["name"], added["number"], added["rows"], added["file"]) == ("captain", 2, 1, str(rows_file))
    assert added["source"] == {"kind": "file", "path": str(rows_file)}
    assert terminal.type("data", "rename", "captain", "mate").code == 0
    told = terminal.type("data", "show", "mate", "--json").json
    assert (told["version"], told["file_state"], told["notes"], told["uses"]) == (2, "same", "from the ship", [])
    assert [version["number"] for version in told["versions"]] == [2, 1]
    assert terminal.type("data", "remove", "mate@1", "--json").json == {"removed": ["mate@1"], "uses": []}
    assert terminal.type("data", "remove", "mate").out == "Removed mate@2.\n"
    assert "There is no dataset called mate" in terminal.refused("data", "show", "mate")
    assert rows_file.is_file()


def test_versions_are_made_of_others(terminal: Terminal, rows_file: Path, table: Path) -> None:
    terminal.type("data", "add", "captain", str(rows_file))
    rest, held = terminal.type("data", "split", "captain", "--share", "10%", "--held-back", "test", "--json").json[
        "versions"
    ]
    assert (rest["name"], rest["number"], rest["rows"], held["name"], held["rows"]) == ("captain", 2, 18, "test", 2)
    (few,) = terminal.type("data", "sample", "captain@1", "--rows", "3", "--seed", "1", "--json").json["versions"]
    assert few["source"]["of"] == ["captain@1"]
    said = terminal.type("data", "merge", "both", "captain@1=0.5", "test=2", "--in-order")
    assert said.out.startswith(
        "both@1: 14 rows, prompt_completion, 0.5 x captain@1 and 2 x test@1, one behind the other"
    )
    assert terminal.type("data", "dedupe", "both").out.startswith("both@2: ")
    assert "has no copies" in terminal.refused("data", "dedupe", "captain")
    assert "is no weight" in terminal.refused("data", "merge", "other", "captain=much")
    assert "named twice" in terminal.refused("data", "merge", "other", "captain", "captain=2")
    assert terminal.type("data", "sample", "captain").code == 2
    assert terminal.type("data", "split", "captain", "--share", "3").code == 2


def test_a_split_says_what_it_kept_together(terminal: Terminal, tmp_path: Path) -> None:
    rows = [f'{{"question": "How deep is {number}?", "answer": "Deep."}}\n' for number in range(10)]
    file = tmp_path / "sea.jsonl"
    file.write_text("".join([*rows, rows[3], rows[3]]), "utf-8")
    terminal.type("data", "add", "sea", str(file))
    said = terminal.type("data", "split", "sea", "--share", "0.3").out.splitlines()
    assert said[-1] == "2 exact copies are on the same side as the first."
    (rest, _) = terminal.type("data", "split", "sea@1", "--share", "0.3", "--json").json["versions"]
    assert (rest["source"]["settings"]["copies"], rest["source"]["settings"]["near_copies"]) == (2, 0)


def test_what_was_said_of_a_file_is_used_by_check(terminal: Terminal, table: Path) -> None:
    assert "Say which column is which" in terminal.refused("data", "add", "orders", str(table))
    mapping = ("--map", "prompt=act", "--map", "completion=reply", "--delimiter", ";")
    assert terminal.type("data", "add", "orders", str(table), *mapping).code == 0
    assert "columns: prompt is act, completion is reply" in terminal.type("data", "show", "orders").out
    table.write_text(table.read_text("utf-8") + "Do more;Done three\n", "utf-8")
    again = terminal.type("data", "add", "orders", str(table), "--json").json
    assert (again["number"], again["mapping"], again["rows"]) == (2, {"prompt": "act", "completion": "reply"}, 3)
    checked = terminal.type("data", "check", "orders", "--json").json
    assert (checked["file"], checked["shape"], checked["rows"]) == (str(table), "prompt_completion", 3)


def test_bad_rows_are_chosen_about_once(terminal: Terminal, rows_file: Path) -> None:
    rows_file.write_text(rows_file.read_text("utf-8") + "{broken\n", "utf-8")
    assert "1 row of 21 cannot be used. Line 21" in terminal.refused("data", "add", "captain", str(rows_file))
    said = terminal.type("data", "add", "captain", str(rows_file), "--bad-rows", "leave_out")
    assert said.out == "captain@1: 20 rows, 1 left out, prompt_completion, from the file rows.jsonl\n"


@pytest.fixture
def named_config(tmp_path: Path, model_folder: Path) -> Callable[[str], Path]:
    def write(dataset: str) -> Path:
        path = tmp_path / "named.json"
        path.write_text(json.dumps({"model": str(model_folder), "dataset": dataset}))
        return path

    return write


def test_train_takes_a_name_and_the_run_shows_the_version(
    terminal: Terminal, table: Path, named_config: Callable[[str], Path]
) -> None:
    mapping = ("--map", "prompt=act", "--map", "completion=reply", "--bad-rows", "leave_out")
    sha256 = terminal.type("data", "add", "orders", str(table), *mapping, "--json").json["sha256"]
    started = terminal.type("train", str(named_config("orders")), "--detach", "--json").json
    config = json.loads((Path(started["folder"]) / "config.json").read_text())
    assert (config["dataset"], config["bad_rows"]) == (str(table), "leave_out")
    assert config["columns"] == ["prompt=act", "completion=reply"]
    shown = terminal.type("runs", "show", started["id"], "--json").json
    assert shown["dataset_version"] == {"name": "orders", "number": 1, "sha256": sha256}
    assert f"orders@1 (SHA-256 {sha256[:12]})" in terminal.type("runs", "show", started["id"]).out
    uses = terminal.type("data", "show", "orders@1", "--json").json["uses"]
    assert [(use["kind"], use["id"], use["is_live"]) for use in uses] == [("run", started["id"], True)]
    assert "trains on orders" in terminal.refused("data", "remove", "orders")


def test_a_run_of_a_plain_file_has_no_version(terminal: Terminal, config_file: Path) -> None:
    started = terminal.type("train", str(config_file), "--detach", "--json").json
    assert terminal.type("runs", "show", started["id"], "--json").json["dataset_version"] is None


def test_a_changed_file_is_a_new_version_and_said(
    terminal: Terminal, rows_file: Path, named_config: Callable[[str], Path]
) -> None:
    terminal.type("data", "add", "captain", str(rows_file))
    rows_file.write_text("".join(json.dumps(row) + "\n" for row in ROWS[:7]), "utf-8")
    started = terminal.type("train", str(named_config("captain")), "--detach", "--json")
    assert "tunedeck: rows.jsonl has changed since it was registered as captain@1: it is captain@2 now" in started.err
    shown = terminal.type("runs", "show", started.json["id"], "--json").json
    assert shown["dataset_version"]["number"] == 2
    pinned = named_config("captain@1")
    assert "its rows are not there any more. Use captain@2." in terminal.refused("train", str(pinned), "--detach")
    assert "captain has no version 9" in terminal.refused("train", str(named_config("captain@9")), "--detach")


def test_a_saved_config_keeps_the_name(
    terminal: Terminal, rows_file: Path, named_config: Callable[[str], Path]
) -> None:
    terminal.type("data", "add", "captain", str(rows_file))
    assert terminal.type("config", "save", "daily", str(named_config("captain"))).code == 0
    assert json.loads(terminal.type("config", "show", "daily", "--json").out)["dataset"] == "captain"
    assert "used by the config daily" in terminal.type("data", "show", "captain").out
    started = terminal.type("train", "daily", "--detach", "--json").json
    assert terminal.type("runs", "show", started["id"], "--json").json["dataset_version"]["name"] == "captain"


def test_the_hub_is_looked_at_and_fetched_from(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub = DatasetHub()
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    rows = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    hub.add(FakeDataset("maker/sums", {"train.jsonl": rows, "test.jsonl": rows[:100]}, description="Sums."))
    try:
        looked = terminal.type("data", "hub", "maker/sums", "--json").json
        assert (looked["commit"], looked["shape"], looked["rows"][0]) == (COMMIT, "prompt_completion", ROWS[0])
        assert [split["name"] for split in looked["configs"][0]["splits"]] == ["train", "test"]
        assert "--config default --split train: 1 file" in terminal.type("data", "hub", "maker/sums").out
        found = terminal.type("data", "search", "sums", "--json").json["datasets"]
        assert [hit["repo"] for hit in found] == ["maker/sums"]
        added = terminal.type("data", "hub", "maker/sums", "sums", "--split", "train", "--json").json
        assert (added["rows"], added["source"]["repo"], added["source"]["revision"]) == (20, "maker/sums", COMMIT)
        assert "has no split best. It has train, test." in terminal.refused(
            "data", "hub", "maker/sums", "sums", "--split", "best"
        )
        assert "There is no dataset maker/none on the Hub" in terminal.refused("data", "hub", "maker/none")
    finally:
        hub.close()
