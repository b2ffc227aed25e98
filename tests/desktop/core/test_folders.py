"""Run folders: written before a start, read back at any time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop.core import folders
from desktop.core.progress import Progress, advance
from desktop.core.run import Failure, Run, RunState, decide_state, with_progress
from desktop.errors import StoreError
from desktop.paths import Home
from tests.fakes import START, FakeTrainer, events_of
from trainer_image.contract import (
    CONTRACT,
    Failed,
    Launch,
    PauseRequest,
    RunConfig,
    RunFolder,
    StopRequest,
)


@pytest.fixture
def run(home: Home, config: RunConfig) -> Run:
    return Run("r1", "First", "process", home.runs / "r1", config, START, RunState.STARTING)


def test_a_run_is_named_after_model_and_dataset(config: RunConfig) -> None:
    assert folders.name_for(config) == "tiny-model · captain"
    assert folders.free_name("tiny-model · captain", ["another"]) == "tiny-model · captain"
    taken = ["tiny-model · captain", "tiny-model · captain 2 (1 of 2: reward model)"]
    assert folders.free_name("tiny-model · captain", taken) == "tiny-model · captain 3"


# Writing and reading


def test_a_written_run_is_read_back(run: Run) -> None:
    folders.write_run(run, gpus=(1, 3))
    launch = folders.read_launch(run.files)
    assert (launch.engine, launch.gpus, launch.name, launch.created) == ("process", [1, 3], "First", START)
    assert (launch.contract, launch.after_seq, launch.requests_offset) == (CONTRACT, -1, 0)
    read = folders.read_run(run.folder)
    assert read is not None
    assert (read.id, read.name, read.engine, read.config) == ("r1", "First", "process", run.config)
    assert (read.created, read.started) == (START, launch.started)
    assert read.size_bytes > 0


def test_the_config_in_the_folder_is_what_the_trainer_reads(run: Run) -> None:
    folders.write_run(run, gpus=())
    assert RunConfig.model_validate_json(run.files.config.read_bytes()) == run.config


def test_a_second_start_leaves_the_first_behind(run: Run) -> None:
    folders.write_run(run, gpus=())
    trainer = FakeTrainer(run.files).begin().step(1)
    folders.append_request(run.files, PauseRequest())
    trainer.pause(1)
    again = with_progress(run, advance(Progress(), folders.read_events(run.files)))
    launch = folders.write_launch(again, (0,))
    assert launch == folders.read_launch(run.files)
    assert launch.after_seq == events_of(trainer)[-1].seq
    assert launch.requests_offset == run.files.requests.stat().st_size
    assert launch.created == START


def test_only_a_stop_of_the_latest_try_counts(run: Run) -> None:
    folders.write_run(run, gpus=())
    first = folders.read_launch(run.files)
    assert not folders.stop_was_asked(run.files, first)
    folders.append_request(run.files, PauseRequest())
    assert not folders.stop_was_asked(run.files, first)
    folders.append_request(run.files, StopRequest())
    assert folders.stop_was_asked(run.files, first)
    second = folders.write_launch(run, ())
    assert not folders.stop_was_asked(run.files, second)
    folders.append_request(run.files, StopRequest())
    assert folders.stop_was_asked(run.files, second)


def test_a_new_name_is_kept_and_the_rest_stays(run: Run) -> None:
    folders.write_run(run, gpus=(2,))
    before = folders.read_launch(run.files)
    folders.write_name(replace(run, name="Ünïque 名前"))
    assert folders.read_launch(run.files) == before.model_copy(update={"name": "Ünïque 名前"})
    assert not list(run.folder.glob(".*"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_any_name_survives_a_rebuild(run: Run, name: str) -> None:
    if not run.folder.exists():
        folders.write_run(run, gpus=())
    folders.write_name(replace(run, name=name))
    read = folders.read_run(run.folder)
    assert read is not None
    assert read.name == name


def test_a_folder_without_a_launch_is_a_run_all_the_same(run: Run) -> None:
    folders.write_run(run, gpus=())
    run.files.launch.write_text("{half")
    read = folders.read_run(run.folder)
    assert read is not None
    assert read.name == "tiny-model · captain"
    assert folders.read_launch(run.files).after_seq == -1


def test_an_engine_of_tomorrow_is_read_as_docker(run: Run) -> None:
    folders.write_run(run, gpus=())
    launch = Launch(engine="runpod", created=START, started=START)
    run.files.launch.write_text(launch.model_dump_json())
    read = folders.read_run(run.folder)
    assert read is not None
    assert read.engine == "docker"


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"model": "m"}', "\0\0\0"])
def test_a_folder_that_is_no_run(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    assert folders.read_run(tmp_path) is None


def test_why_nothing_started_lies_in_the_folder(run: Run) -> None:
    folders.write_run(run, gpus=())
    folders.write_failure(run, "No engine.", "Start it.")
    (event,) = folders.read_events(run.files)
    assert isinstance(event, Failed)
    assert (event.code, event.sentence, event.hint) == ("not_started", "No engine.", "Start it.")
    progress = advance(Progress(), folders.read_events(run.files))
    assert decide_state(progress, None, launched_after=folders.read_launch(run.files).after_seq)[0] is RunState.FAILED


def test_a_failure_after_half_a_line_is_not_lost(run: Run) -> None:
    """A trainer that was killed while it wrote leaves half a line; the app's own word has to stand on a new one."""
    folders.write_run(run, gpus=())
    trainer = FakeTrainer(run.files).begin()
    with run.files.events.open("ab") as file:
        file.write(b'{"kind":"step","st')
    folders.write_failure(
        with_progress(run, advance(Progress(), folders.read_events(run.files))), "No engine.", "Start it."
    )
    end = advance(Progress(), folders.read_events(run.files)).end
    assert isinstance(end, Failed)
    assert end.seq > events_of(trainer)[-2].seq


def test_a_folder_that_cannot_be_written(run: Run, config: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    blocked = replace(run, folder=tmp_path / "file" / "r1")
    with pytest.raises(StoreError, match="cannot be written"):
        folders.write_run(blocked, gpus=())
    with pytest.raises(StoreError, match="cannot be written"):
        folders.append_request(blocked.files, StopRequest())


def test_the_size_counts_every_file(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    before = folders.size_of(tmp_path)
    (tmp_path / "a" / "b" / "weights").write_bytes(b"\0" * 12_345)
    assert folders.size_of(tmp_path) - before >= 12_345
    assert folders.size_of(tmp_path / "nowhere") == 0


def test_half_written_checkpoints_are_not_there(tmp_path: Path) -> None:
    trainer = FakeTrainer(RunFolder(tmp_path)).begin()
    for step in (10, 2, 30):
        trainer.checkpoint(step, is_complete=step != 30)
    (trainer.folder.checkpoints / "checkpoint-x").mkdir()
    (trainer.folder.checkpoints / "checkpoint-x" / "COMPLETE").touch()
    assert [step for step, _ in trainer.folder.complete_checkpoints()] == [2, 10]


# Runs that wait


def test_a_run_that_waits_is_read_back_as_one(run: Run) -> None:
    waiting = replace(run, after="r0", state=RunState.WAITING)
    folders.write_run(waiting, gpus=())
    read = folders.read_run(run.folder)
    assert read is not None
    assert (read.state, read.after, read.started) == (RunState.WAITING, "r0", None)
    FakeTrainer(run.files).begin()
    read = folders.read_run(run.folder)
    assert read is not None
    assert (read.state, read.after) == (RunState.STARTING, "r0")


def test_a_run_given_up_says_why_from_its_folder(run: Run) -> None:
    folders.write_run(replace(run, after="r0"), gpus=())
    why = Failure("not_started", "First has failed.", "Resume it.")
    folders.write_cancellation(run, why)
    progress = advance(Progress(), folders.read_events(run.files))
    assert decide_state(progress, None) == (RunState.CANCELLED, why)


def test_a_run_cancelled_while_it_waits_needs_no_reason(run: Run) -> None:
    folders.write_run(replace(run, after="r0"), gpus=())
    folders.write_cancellation(run)
    progress = advance(Progress(), folders.read_events(run.files))
    assert decide_state(progress, None) == (RunState.CANCELLED, None)
