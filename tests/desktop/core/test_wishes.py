"""What was asked of a trainer is under way until it is answered, and not again when the requests are read anew."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from desktop.core import folders
from desktop.core.progress import Progress, advance
from desktop.core.wishes import Wishes
from trainer_image.contract import Checkpoint, CheckpointRequest, RunFolder

REQUEST = CheckpointRequest()


def saved(seq: int, seconds: float) -> Checkpoint:
    """A checkpoint so long after the request."""
    time = REQUEST.time + timedelta(seconds=seconds)
    return Checkpoint(seq=seq, time=time, step=seq, folder=f"checkpoints/{seq}", size_bytes=1, seconds=0.1)


def test_a_checkpoint_is_under_way_until_one_is_saved(tmp_path: Path) -> None:
    files = RunFolder(tmp_path)
    wishes = Wishes(files, folders.read_launch(files))
    progress = advance(Progress(), [saved(1, -60)])
    assert wishes.poll(progress) == ""
    folders.append_request(files, REQUEST)
    assert wishes.poll(progress) == "checkpoint"
    assert wishes.poll(advance(progress, [saved(2, 3)])) == ""


def test_one_that_was_saved_long_ago_is_not_under_way_for_the_next_app(tmp_path: Path) -> None:
    files = RunFolder(tmp_path)
    folders.append_request(files, REQUEST)
    earlier, later = saved(1, -60), saved(2, 3)
    assert Wishes(files, folders.read_launch(files)).poll(advance(Progress(), [earlier, later])) == ""
    assert Wishes(files, folders.read_launch(files)).poll(advance(Progress(), [earlier])) == "checkpoint"
