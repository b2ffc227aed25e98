"""Checkpoints of a run: written aside, made whole, named, thinned out, and found again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from trainer_image.contract import COMPLETE, RunFolder
from trainer_image.folders import make_readable, publish_folder, size_of, sync_tree
from trainer_image.reporter import write_json

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


def complete(folder: RunFolder, step: int, tokens: int) -> int:
    """Make the checkpoint that TRL has written whole and give it its name; return its bytes."""
    aside = writing_place(folder) / f"checkpoint-{step}"
    make_readable(aside)
    sync_tree(aside)
    write_json(aside / COMPLETE, {"step": step, "tokens": tokens})
    (aside / COMPLETE).chmod(0o644)
    publish_folder(aside, folder.checkpoint(step))
    return size_of(folder.checkpoint(step))


def thin_out(folder: RunFolder, keep: int) -> None:
    """Delete all but the newest complete checkpoints."""
    for _, path in folder.complete_checkpoints()[:-keep]:
        # Without its marker it is no checkpoint any more, so that a kill in the middle leaves no half of one.
        (path / COMPLETE).unlink()
        shutil.rmtree(path, ignore_errors=True)


def tokens_at(checkpoint: Path) -> int:
    """Return the tokens that had been read up to a checkpoint."""
    return int(json.loads((checkpoint / COMPLETE).read_text("utf-8"))["tokens"])
