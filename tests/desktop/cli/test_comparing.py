"""Words that set runs beside each other, say what they were made of, and label them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from desktop.core.run import RunState
from desktop.engine.launch import LaunchSpec
from tests.desktop.cli.conftest import Terminal
from tests.fakes import FakeTrainer
from trainer_image.contract import RunFolder

Settle = Callable[[FakeTrainer, RunState], None]


@pytest.fixture
def two_runs(make_run: Callable[..., FakeTrainer], settle: Settle) -> None:
    for id, name, steps in (("20260102-030405-ab12", "First", 4), ("20260102-030405-cd34", "Second", 6)):
        settle(make_run(id, name).run(steps), RunState.FINISHED)


@pytest.mark.usefixtures("two_runs")
def test_compare_prints_results_and_settings(terminal: Terminal) -> None:
    told = terminal.type("runs", "compare", "First", "Second", "--json").json
    assert [run["name"] for run in told["runs"]] == ["First", "Second"]
    assert told["settings"] == {}
    assert list(told["results"]["step"].values()) == [4, 6]
    shown = terminal.type("runs", "compare", "First", "Second").out
    assert "Set alike." in shown
    assert "Step" in shown
    assert "MB" in next(line for line in shown.splitlines() if line.startswith("Size on disk"))
    assert told["made_of"] == {}, "both were made of the same"
    assert "at least two" in terminal.refused("runs", "compare", "First", "First")


@pytest.mark.usefixtures("two_runs")
def test_a_passport_for_people_and_programs(terminal: Terminal) -> None:
    told = terminal.type("runs", "passport", "First", "--json").json
    assert told["packages"]["torch"]
    assert told["config"]["method"] == "sft"
    assert "dataset sha256" in terminal.type("runs", "passport", "First").out


@pytest.mark.usefixtures("two_runs")
def test_labels(terminal: Terminal) -> None:
    assert terminal.type("runs", "tag", "First", "best", "captain").out == "First: best, captain.\n"
    terminal.type("runs", "note", "First", "keep this one")
    told = terminal.type("runs", "archive", "First", "--json").json
    assert told == {
        "id": "20260102-030405-ab12",
        "tags": ["best", "captain"],
        "notes": "keep this one",
        "archived": True,
    }
    assert terminal.type("runs", "archive", "First", "--back", "--json").json["archived"] is False


@pytest.mark.usefixtures("two_runs")
def test_reproduce_starts_the_same_again_and_says_what_differs(terminal: Terminal) -> None:
    terminal.engines["docker"].on_start = lambda spec: begin(spec)

    def begin(spec: LaunchSpec) -> None:
        FakeTrainer(RunFolder(spec.folder)).run(4)

    said = terminal.type("runs", "reproduce", "First")
    assert said.code == 0
    assert "Everything is as it was" in said.out
    told = terminal.type("runs", "list", "--json").json["runs"]
    assert told[0]["name"] == "First (again)"


@pytest.mark.usefixtures("two_runs")
def test_a_run_whose_data_has_changed_is_reproduced_only_when_that_is_meant(terminal: Terminal, dataset: Path) -> None:
    terminal.engines["docker"].on_start = lambda spec: FakeTrainer(RunFolder(spec.folder)).run(4)
    dataset.write_text('{"prompt": "Hello", "completion": "Good day"}\n')
    refusal = terminal.refused("runs", "reproduce", "First")
    assert "The dataset captain.jsonl has changed" in refusal
    assert "--anyway" in refusal
    assert len(terminal.type("runs", "list", "--json").json["runs"]) == 2
    said = terminal.type("runs", "reproduce", "First", "--anyway")
    assert said.code == 0
    assert "Data: " in said.out


def test_a_run_whose_image_cannot_be_asked_for_is_not_started(
    terminal: Terminal, make_run: Callable[..., FakeTrainer], settle: Settle
) -> None:
    trainer = make_run("20260102-030405-ab12", "First").run(4).hello(image="sha256:a")
    settle(trainer, RunState.FINISHED)
    assert "No Docker engine answers" in terminal.refused("runs", "reproduce", "First")
    assert len(terminal.type("runs", "list", "--json").json["runs"]) == 1
