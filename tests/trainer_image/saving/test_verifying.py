"""Checkpoints that were cut, changed or mixed up are not believed; the one before is."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer_image.contract import COMPLETE, RunFolder, Warned, read_event
from trainer_image.reporter import Reporter
from trainer_image.saving import checkpoints
from trainer_image.saving.verifying import keep_whole_checkpoints, what_is_wrong

TENSORS = bytes(range(256)) * 8


def write_safetensors(path: Path) -> None:
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "a": {"dtype": "F32", "shape": [256], "data_offsets": [0, 1024]},
            "b": {"dtype": "F32", "shape": [256], "data_offsets": [1024, 2048]},
        }
    ).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + TENSORS)


def write_checkpoint(folder: RunFolder, step: int, stage: int = 1, own_step: int | None = None) -> Path:
    """Write what TRL writes, and make it whole as a run does."""
    made = own_step or step
    aside = checkpoints.writing_place(folder) / f"checkpoint-{made}"
    aside.mkdir(parents=True)
    write_safetensors(aside / "adapter_model.safetensors")
    for name in ("optimizer.pt", "rng_state.pth", "training_args.bin"):
        with zipfile.ZipFile(aside / name, "w") as archive:
            archive.writestr("archive/data/0", TENSORS)
    (aside / "trainer_state.json").write_text(json.dumps({"global_step": made}))
    checkpoints.complete(folder, made, checkpoints.Note(step=step, stage=stage))
    return folder.checkpoint(step)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0b100
    path.write_bytes(bytes(data))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def note(path: Path, **changes: object) -> None:
    said = json.loads((path / COMPLETE).read_text())
    (path / COMPLETE).write_text(json.dumps({**said, **changes}))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "weights cut": (lambda path: cut(path / "adapter_model.safetensors"), "adapter_model.safetensors is cut short"),
    "weights longer": (
        lambda path: append(path / "adapter_model.safetensors"),
        "longer than its tensors",
    ),
    "header flipped": (lambda path: flip(path / "adapter_model.safetensors", 7), "is cut short"),
    "header damaged": (lambda path: flip(path / "adapter_model.safetensors", 8), "damaged header"),
    "a bit of the weights": (lambda path: flip(path / "adapter_model.safetensors", -1), "not what was written"),
    "optimizer cut": (lambda path: cut(path / "optimizer.pt"), "optimizer.pt is cut short"),
    "a bit of the optimizer": (lambda path: flip(path / "optimizer.pt", 200), "optimizer.pt is damaged in"),
    "dice empty": (lambda path: (path / "rng_state.pth").write_bytes(b""), "rng_state.pth is cut short"),
    "file gone": (lambda path: (path / "optimizer.pt").unlink(), "optimizer.pt is missing"),
    "state gone": (lambda path: (path / "trainer_state.json").unlink(), "trainer_state.json is missing"),
    "state cut": (lambda path: (path / "trainer_state.json").write_text('{"glob'), "trainer_state.json is damaged"),
    "another step": (
        lambda path: (path / "trainer_state.json").write_text('{"global_step": 3}'),
        "trainer_state.json is of step 3",
    ),
    "another folder": (lambda path: note(path, step=3), "it says that it is of step 3"),
    "marker empty": (lambda path: (path / COMPLETE).write_text(""), "COMPLETE cannot be read"),
}


def test_a_whole_checkpoint_is_believed(folder: RunFolder) -> None:
    assert what_is_wrong(write_checkpoint(folder, 4), 4) is None


def test_a_later_stage_counts_its_own_steps(folder: RunFolder) -> None:
    assert what_is_wrong(write_checkpoint(folder, 9, stage=2, own_step=3), 9) is None


def look_through(folder: RunFolder, times: int = 1) -> None:
    reporter = Reporter(folder)
    for _ in range(times):
        keep_whole_checkpoints(reporter)
    reporter.close()


@pytest.mark.parametrize("name", DAMAGES)
def test_the_run_goes_on_from_the_one_before_and_says_why(folder: RunFolder, name: str) -> None:
    damage, words = DAMAGES[name]
    write_checkpoint(folder, 2)
    write_checkpoint(folder, 4)
    damage(write_checkpoint(folder, 6))
    look_through(folder)
    assert [step for step, _ in folder.complete_checkpoints()] == [2, 4]
    assert (folder.checkpoints / "damaged-checkpoint-6").is_dir()
    (event,) = map(read_event, folder.events.read_bytes().splitlines())
    assert isinstance(event, Warned)
    assert "The checkpoint of step 6 cannot be used" in event.sentence
    assert words in event.sentence
    assert "goes on from step 4" in event.sentence


def test_the_best_one_is_looked_through_too(folder: RunFolder) -> None:
    cut(write_checkpoint(folder, 2) / "adapter_model.safetensors")
    cut(write_checkpoint(folder, 4) / "adapter_model.safetensors")
    note(write_checkpoint(folder, 6), best={"value": 1.0, "step": 2, "without_progress": 2})
    look_through(folder)
    assert [step for step, _ in folder.complete_checkpoints()] == [4, 6]
    (event,) = map(read_event, folder.events.read_bytes().splitlines())
    assert isinstance(event, Warned)
    assert "step 2, the best one so far, cannot be used" in event.sentence


def test_the_best_one_is_left_alone_where_it_cannot_become_the_result(folder: RunFolder) -> None:
    folder.config.write_text(json.dumps({"model": "m", "dataset": "d", "load_best_model_at_end": False}))
    cut(write_checkpoint(folder, 2) / "adapter_model.safetensors")
    note(write_checkpoint(folder, 4), best={"value": 1.0, "step": 2, "without_progress": 2})
    look_through(folder)
    assert [step for step, _ in folder.complete_checkpoints()] == [2, 4]


def test_without_a_whole_one_the_run_begins_anew(folder: RunFolder) -> None:
    for step in (2, 4):
        cut(write_checkpoint(folder, step) / "optimizer.pt")
    look_through(folder, times=2)
    events = [read_event(line) for line in folder.events.read_bytes().splitlines()]
    assert [event.sentence.endswith("begins anew.") for event in events if isinstance(event, Warned)] == [True, True]
    assert folder.complete_checkpoints() == []


def test_one_of_an_older_trainer_is_checked_as_far_as_it_goes(folder: RunFolder) -> None:
    path = write_checkpoint(folder, 2)
    note(path, sha256={})
    assert what_is_wrong(path, 2) is None
    cut(path / "adapter_model.safetensors")
    assert what_is_wrong(path, 2) == "its adapter_model.safetensors is cut short"
