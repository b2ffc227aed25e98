"""``train`` and ``runs``: what people read, and what programs may rely on."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from desktop.core import folders
from desktop.core.run import RunState
from desktop.engine.launch import LaunchSpec
from desktop.errors import EngineError
from tests.desktop.cli.conftest import Terminal
from tests.fakes import FakeTrainer, events_of
from trainer_image.contract import CheckpointRequest, PauseRequest, RunConfig, RunFolder, StopRequest, read_event

MakeRun = Callable[..., FakeTrainer]
Settle = Callable[[FakeTrainer, RunState], None]

SUMMARY = {
    "id",
    "name",
    "state",
    "engine",
    "method",
    "model",
    "dataset",
    "step",
    "total_steps",
    "loss",
    "started",
    "ended",
    "folder",
    "size_bytes",
}
DETAILS = SUMMARY | {
    "after",
    "adapter",
    "batch",
    "best_step",
    "checkpoints",
    "config",
    "container",
    "dataset_version",
    "evaluation",
    "failure",
    "gpus",
    "metrics",
    "out_of_memory",
    "phases",
    "placement",
    "rounds",
    "suggestion",
}


# list and show


def test_no_runs(terminal: Terminal) -> None:
    assert terminal.type("runs", "list", "--json").json == {"runs": []}
    assert "tunedeck demo" in terminal.type("runs", "list").out


def test_a_finished_run_is_listed_and_shown(
    terminal: Terminal, make_run: MakeRun, settle: Settle, config: RunConfig
) -> None:
    trainer = make_run().run(4)
    settle(trainer, RunState.FINISHED)
    (listed,) = terminal.type("runs", "list", "--json").json["runs"]
    assert set(listed) == SUMMARY
    assert (listed["name"], listed["state"], listed["step"], listed["total_steps"]) == ("First", "finished", 4, 4)
    assert (listed["loss"], listed["method"], listed["engine"]) == (0.75, "sft", "docker")
    assert listed["folder"] == str(trainer.folder.path)
    for moment in (listed["started"], listed["ended"]):
        assert datetime.fromisoformat(moment).utcoffset() is not None
    shown = terminal.type("runs", "show", "First", "--json").json
    assert set(shown) == DETAILS
    assert {name: shown[name] for name in SUMMARY} == listed
    assert shown["config"] == config.model_dump(mode="json")
    assert shown["gpus"] == [{"index": 0, "name": "NVIDIA H200", "total_bytes": 140 * 1024**3}]
    assert shown["adapter"] == str(trainer.folder.adapter)
    assert shown["container"] is None
    assert shown["failure"] is None
    assert shown["checkpoints"] == [
        {"step": step, "folder": str(trainer.folder.checkpoint(step)), "complete": True} for step in (2, 4)
    ]
    assert [phase["name"] for phase in shown["phases"]] == ["import", "load", "data", "save"]
    assert "First" in terminal.type("runs", "list").out
    assert "learning_rate = 0.0002" in terminal.type("runs", "show", "last").out


def test_a_failed_run_says_why_with_the_logs_tail(terminal: Terminal, make_run: MakeRun, settle: Settle) -> None:
    trainer = make_run().begin().step(1).print("loading\nboom\n").fail()
    settle(trainer, RunState.FAILED)
    for _ in range(2):
        failure = terminal.type("runs", "show", "last", "--json").json["failure"]
        assert failure == {
            "code": "out_of_memory",
            "sentence": "The memory is full.",
            "hint": "Lower Rows at once.",
            "log_tail": "loading\nboom",
        }
    assert "The memory is full. Lower Rows at once." in terminal.type("runs", "show", "last").out


def test_a_running_run_names_its_container(terminal: Terminal, make_run: MakeRun) -> None:
    trainer = make_run().begin().step(1)
    run_id = trainer.folder.path.name
    terminal.engines["docker"].start(_spec(trainer.folder))
    shown = terminal.type("runs", "show", run_id, "--json").json
    assert (shown["state"], shown["container"]) == ("running", f"body-of-{run_id}")
    assert (shown["adapter"], shown["ended"]) == (None, None)


def test_a_run_whose_body_is_gone_is_told_interrupted(terminal: Terminal, make_run: MakeRun) -> None:
    make_run().begin().step(1)
    shown = terminal.type("runs", "show", "last", "--json").json
    assert shown["state"] == "interrupted"
    assert shown["failure"]["code"] == "interrupted"


def test_a_silent_engine_makes_no_run_dead(terminal: Terminal, make_run: MakeRun) -> None:
    make_run().begin().step(1)
    terminal.engines["docker"].refusals["find"] = EngineError("No Docker engine answers.")
    assert terminal.type("runs", "list", "--json").json["runs"][0]["state"] == "running"


def _spec(folder: RunFolder) -> LaunchSpec:
    return LaunchSpec(folder.path.name, "train", folder.path, "trainer_image.train", (str(folder.path),))


# train


def trains(steps: int, *, fails: bool = False) -> Callable[[LaunchSpec], None]:
    """Return what a body does that trains to its end at once."""

    def body(spec: LaunchSpec) -> None:
        trainer = FakeTrainer(RunFolder(spec.folder), total_steps=steps)
        if fails:
            trainer.begin().step(1).fail()
        else:
            trainer.run(steps)

    return body


def test_train_follows_to_the_end_in_json(terminal: Terminal, config_file: Path) -> None:
    terminal.engines["docker"].on_start = trains(4)
    said = terminal.type("train", str(config_file), "--name", "First", "--json")
    assert said.code == 0
    first, *events = said.lines
    assert first["kind"] == "started"
    folder = RunFolder(Path(first["folder"]))
    assert folder.path.name == first["id"]
    for event in said.lines:
        assert {"kind", "seq", "time"} <= set(event)
    assert [read_event(json.dumps(event)) for event in events] == events_of(FakeTrainer(folder))
    steps = [event for event in events if event["kind"] == "step"]
    assert [step["step"] for step in steps] == [1, 2, 3, 4]
    assert {"loss", "learning_rate", "grad_norm", "tokens", "tokens_per_s", "step_s"} <= set(steps[0])
    assert events[-1]["kind"] == "finished"
    assert "NaN" not in said.out


def test_train_for_people(terminal: Terminal, config_file: Path) -> None:
    terminal.engines["docker"].on_start = trains(4)
    said = terminal.type("train", str(config_file), "--name", "First")
    assert (said.code, said.out) == (0, "")
    assert "First (" in said.err
    assert "190 rows, 4 steps of 8 rows" in said.err
    assert "Finished after 4 steps" in said.err


@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_a_run_that_fails_is_1_with_its_sentence(terminal: Terminal, config_file: Path, extra: tuple[str, ...]) -> None:
    terminal.engines["docker"].on_start = trains(4, fails=True)
    said = terminal.type("train", str(config_file), *extra)
    assert said.code == 1
    assert "The memory is full. Lower Rows at once." in said.err


def test_train_takes_saved_configs_settings_and_the_other_engine(terminal: Terminal, config_file: Path) -> None:
    terminal.type("config", "save", "mine", str(config_file))
    terminal.engines["process"].on_start = trains(2)
    said = terminal.type("train", "mine", "--set", "max_steps=2", "--engine", "process", "--json")
    assert said.code == 0
    shown = terminal.type("runs", "show", "last", "--json").json
    assert (shown["engine"], shown["config"]["max_steps"]) == ("process", 2)
    assert terminal.engines["docker"].asked("start") == []


def test_train_says_what_is_missing(terminal: Terminal, config_file: Path, dataset: Path) -> None:
    assert "no GPU 9" in terminal.refused("train", str(config_file), "--set", "gpus=9")
    dataset.unlink()
    assert "no dataset file" in terminal.refused("train", str(config_file))
    assert terminal.type("runs", "list", "--json").json == {"runs": []}


def test_an_engine_that_is_not_there(terminal: Terminal, config_file: Path) -> None:
    terminal.engines["docker"].refusals["start"] = EngineError("No Docker engine answers.", "Start it.", "x")
    said = terminal.type("train", str(config_file))
    assert said.code == 1
    assert "No Docker engine answers. Start it." in said.err


def test_detach_returns_once_the_body_is_there(terminal: Terminal, config_file: Path) -> None:
    """Not before: what is not started when the program ends is never started."""
    builder = terminal.builders["docker"]
    builder.ready = False
    builder.gate.clear()
    threading.Timer(0.3, builder.gate.set).start()  # many looks of the engine later
    said = terminal.type("train", str(config_file), "--detach", "--json")
    assert said.code == 0
    assert set(said.json) == {"id", "folder", "state"}
    assert said.json["state"] == "starting"
    assert terminal.engines["docker"].asked("start") == [(said.json["id"],)]
    assert terminal.engines["docker"].bodies[said.json["id"]].state == "running"


def test_a_detached_start_that_fails_says_so(terminal: Terminal, config_file: Path) -> None:
    terminal.engines["docker"].refusals["start"] = EngineError("The disk is full.", "Free some.", "disk_full")
    said = terminal.type("train", str(config_file), "--detach")
    assert (said.code, said.out) == (1, "")
    assert said.err == "tunedeck: The disk is full. Free some.\n"


def test_a_mistake_of_ours_does_not_hang(terminal: Terminal, config_file: Path) -> None:
    terminal.builders["docker"].ready = False
    terminal.builders["docker"].error = ZeroDivisionError("oh")
    with pytest.raises(ZeroDivisionError):
        terminal.type("train", str(config_file))


# follow, pause, resume, cancel, checkpoint, delete, rebuild


def test_follow_shows_every_event_once(terminal: Terminal, make_run: MakeRun) -> None:
    trainer = make_run().begin().step(1).step(2)
    terminal.engines["docker"].start(_spec(trainer.folder))

    def train_on() -> None:
        trainer.step(3).step(4).finish(4)

    threading.Timer(0.2, train_on).start()
    said = terminal.type("runs", "follow", "last", "--json")
    assert said.code == 0
    assert [event["seq"] for event in said.lines[1:]] == [event.seq for event in events_of(trainer)]


def test_follow_shows_what_lies_in_the_folder_already_once(
    terminal: Terminal, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the app's last poll and the reading of the folder a trainer goes on writing."""
    trainer = make_run().begin().step(1)
    terminal.engines["docker"].start(_spec(trainer.folder))
    read = folders.read_events

    def write_then_read(files: RunFolder) -> object:
        trainer.step(2).finish(2)
        return read(files)

    monkeypatch.setattr(folders, "read_events", write_then_read)
    said = terminal.type("runs", "follow", "last", "--json")
    assert [event["seq"] for event in said.lines[1:]] == [event.seq for event in events_of(trainer)]


def test_a_clock_that_was_set_is_said_and_makes_no_run_longer(
    terminal: Terminal, make_run: MakeRun, settle: Settle
) -> None:
    trainer = make_run()
    trainer.begin().step(1).set_clock(3600).set_clock(-7200).step(2).finish(2)
    settle(trainer, RunState.FINISHED)
    said = terminal.type("runs", "follow", "last").err
    assert "the clock of this machine was set 3,600 s forward; the run goes on" in said
    assert "the clock of this machine was set 7,200 s back; the run goes on" in said


def test_following_what_has_ended(terminal: Terminal, make_run: MakeRun, settle: Settle) -> None:
    trainer = make_run().begin().step(1).fail()
    settle(trainer, RunState.FAILED)
    said = terminal.type("runs", "follow", "last")
    assert said.code == 1
    assert "The memory is full." in said.err
    trainer = make_run("20260102-030406-cd34", "Second").begin().step(1).pause(1)
    settle(trainer, RunState.PAUSED)
    said = terminal.type("runs", "follow", "Second")
    assert said.code == 0
    assert "tunedeck runs resume 20260102-030406-cd34" in said.err


@pytest.mark.parametrize(
    ("word", "request_kind"),
    [("pause", PauseRequest), ("cancel", StopRequest), ("checkpoint", CheckpointRequest)],
)
def test_wishes_reach_the_folder(terminal: Terminal, make_run: MakeRun, word: str, request_kind: type) -> None:
    trainer = make_run().begin().step(1)
    run_id = trainer.folder.path.name
    terminal.engines["docker"].start(_spec(trainer.folder))
    assert terminal.type("runs", word, "last", "--json").json == {"id": run_id, "state": "running"}
    assert [type(request) for request in trainer.requests()] == [request_kind]
    assert "First will" in terminal.type("runs", word, "last").out


def test_a_second_cancel_kills(terminal: Terminal, make_run: MakeRun) -> None:
    trainer = make_run().begin().step(1)
    engine = terminal.engines["docker"]
    engine.start(_spec(trainer.folder))
    terminal.type("runs", "cancel", "last")
    assert engine.asked("signal") == []
    terminal.type("runs", "cancel", "last")
    assert engine.asked("signal") == [(trainer.folder.path.name, "kill")]
    assert terminal.type("runs", "show", "last", "--json").json["state"] == "cancelled"


@pytest.mark.parametrize("word", ["pause", "cancel", "checkpoint"])
def test_wishes_to_what_has_ended_are_refused(terminal: Terminal, make_run: MakeRun, settle: Settle, word: str) -> None:
    settle(make_run().run(2), RunState.FINISHED)
    assert "First is finished, not running" in terminal.refused("runs", word, "last")


@pytest.mark.parametrize("extra", [(), ("--detach",)])
def test_resume_starts_the_body_of_an_interrupted_run(
    terminal: Terminal, make_run: MakeRun, extra: tuple[str, ...]
) -> None:
    trainer = make_run().begin().step(1).step(2).checkpoint(2)
    last = events_of(trainer)[-1].seq
    run_id = trainer.folder.path.name

    def go_on(spec: LaunchSpec) -> None:
        trainer.begin(resumed_from=2).step(3).step(4).finish(4)

    terminal.engines["docker"].on_start = go_on
    said = terminal.type("runs", "resume", "last", *extra)
    assert said.code == 0
    assert terminal.engines["docker"].asked("start") == [(run_id,)]
    assert folders.read_launch(trainer.folder).after_seq == last
    shown = terminal.type("runs", "show", "last", "--json").json
    assert (shown["state"], shown["step"]) == ("finished", 4)


def test_resuming_what_is_done_is_refused(terminal: Terminal, make_run: MakeRun, settle: Settle) -> None:
    settle(make_run().run(2), RunState.FINISHED)
    assert "nothing to resume" in terminal.refused("runs", "resume", "last")


def test_delete_takes_the_folder(terminal: Terminal, make_run: MakeRun, settle: Settle) -> None:
    trainer = make_run().run(2)
    settle(trainer, RunState.FINISHED)
    run_id = trainer.folder.path.name
    assert terminal.type("runs", "delete", "First", "--json").json == {"deleted": run_id}
    assert not trainer.folder.path.exists()
    assert terminal.engines["docker"].asked("remove") == [(run_id,)]
    assert terminal.type("runs", "list", "--json").json == {"runs": []}


def test_an_empty_word_deletes_nothing(terminal: Terminal, make_run: MakeRun, settle: Settle) -> None:
    trainer = make_run().run(2)
    settle(trainer, RunState.FINISHED)
    terminal.refused("runs", "delete", "")
    assert trainer.folder.path.exists()


def test_rebuild_reads_the_folders_back(terminal: Terminal, make_run: MakeRun, settle: Settle) -> None:
    settle(make_run().run(4), RunState.FINISHED)
    before = terminal.type("runs", "show", "last", "--json").json
    terminal.home.database.write_bytes(b"nonsense" * 1000)
    for path in terminal.home.path.glob("tunedeck.sqlite3-*"):
        path.unlink()
    said = terminal.type("runs", "rebuild", "--json").json
    assert said["found"] == 1
    assert Path(said["moved"]).read_bytes().startswith(b"nonsense")
    after = terminal.type("runs", "show", "last", "--json").json
    for name in ("id", "name", "state", "step", "loss", "config", "adapter", "checkpoints", "phases", "ended"):
        assert after[name] == before[name], name
    assert terminal.type("runs", "rebuild", "--json").json == {"found": 0, "moved": None}


def test_rebuild_of_a_new_home(terminal: Terminal, tmp_path: Path) -> None:
    said = terminal.type("runs", "rebuild", "--json", "--home", str(tmp_path / "new"))
    assert said.json == {"found": 0, "moved": None}
