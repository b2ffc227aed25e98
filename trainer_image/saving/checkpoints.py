"""Checkpoints of a run: written aside, made whole, named, thinned out, and found again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from trainer_image.contract import COMPLETE, RunFolder
from trainer_image.reporter import write_json
from trainer_image.saving.folders import digests, make_readable, publish_folder, size_of, sync_tree

ASIDE = ".partial"
"""Where TRL writes checkpoints; nothing in it counts, and it is swept at every start."""


def writing_place(folder: RunFolder) -> Path:
    """Return the hidden folder in which checkpoints and adapter grow."""
    return folder.checkpoints / ASIDE


def sweep(folder: RunFolder) -> None:
    """Delete what an interrupted trainer left half written, and what has a checkpoint's name but is none."""
    shutil.rmtree(writing_place(folder), ignore_errors=True)
    whole = {path for _, path in folder.complete_checkpoints()}
    for path in folder.checkpoints.glob("checkpoint-*"):
        if path not in whole:
            shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True)
class Note:
    """What the last file of a checkpoint says of it."""

    step: int
    stage: int = 1
    tokens: int = 0
    best: dict[str, Any] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    """Of every file of the checkpoint by its name, so that a resume knows it is still what was written."""


def complete(folder: RunFolder, step: int, note: Note) -> int:
    """Make the checkpoint that TRL has written at its own ``step`` whole and give it its name; return its bytes."""
    aside = writing_place(folder) / f"checkpoint-{step}"
    make_readable(aside)
    sync_tree(aside)
    write_json(aside / COMPLETE, asdict(replace(note, sha256=digests(aside))))
    (aside / COMPLETE).chmod(0o644)
    publish_folder(aside, folder.checkpoint(note.step))
    return size_of(folder.checkpoint(note.step))


def thin_out(folder: RunFolder, keep: int, also: Collection[int | None] = ()) -> None:
    """Delete all but the newest complete checkpoints, and those of the steps in ``also``."""
    for step, path in folder.complete_checkpoints()[:-keep]:
        if step in also:
            continue
        # Without its marker it is no checkpoint any more, so that a kill in the middle leaves no half of one.
        (path / COMPLETE).unlink()
        shutil.rmtree(path, ignore_errors=True)


def note_of(checkpoint: Path) -> Note:
    """Return what a checkpoint says of itself; an older one says less."""
    said = json.loads((checkpoint / COMPLETE).read_text("utf-8"))
    return Note(**{name: value for name, value in said.items() if name in {known.name for known in fields(Note)}})


# What a resume needs and a model does not.
_OF_THE_TRAINING = ("optimizer", "scheduler", "rng_state", "trainer_state", "training_args", "scaler", COMPLETE)


def keep_model(folder: RunFolder, step: int) -> None:
    """Publish what a checkpoint learned as the run's result: the same files by another name, so no disk is used."""
    aside = writing_place(folder) / "adapter"
    shutil.rmtree(aside, ignore_errors=True)
    source = folder.checkpoint(step)

    def of_the_training(directory: str, names: list[str]) -> set[str]:
        return {name for name in names if name.startswith(_OF_THE_TRAINING)}

    shutil.copytree(source, aside, ignore=of_the_training, copy_function=_link_or_copy)
    publish_folder(aside, folder.adapter)
    shutil.rmtree(writing_place(folder), ignore_errors=True)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Not every file system knows links.
        shutil.copy2(source, target)
