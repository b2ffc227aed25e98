"""Checkpoints looked through before a resume believes them: every file as it was written, every tensor there.

It reads the files without torch: the launcher does it before there is a trainer.
"""

from __future__ import annotations

import json
import zipfile
from contextlib import suppress
from pathlib import Path

from trainer_image.configs import read_config
from trainer_image.contract import COMPLETE
from trainer_image.errors import TrainerError
from trainer_image.reporter import Reporter
from trainer_image.saving.checkpoints import Note, note_of
from trainer_image.saving.folders import digests

STATE = "trainer_state.json"
LONGEST_HEADER = 100_000_000
"""Bytes; what safetensors itself reads at most."""
DAMAGED = "damaged-"
"""What a checkpoint's folder is called from then on: it does not count, and nothing of it is thrown away."""


def keep_whole_checkpoints(reporter: Reporter) -> None:
    """Put damaged checkpoints aside from the newest back, up to the first whole one, and its best one; say so."""
    folder = reporter.folder
    damaged: list[tuple[int, str]] = []
    for step, path in reversed(folder.complete_checkpoints()):
        problem = what_is_wrong(path, step)
        if problem is None:
            break
        damaged.append((step, problem))
        put_aside(path)
    _keep_best_whole(reporter)
    if not damaged:
        return
    left = folder.complete_checkpoints()
    goes_on = f"The run goes on from step {left[-1][0]}." if left else "No other is left: the run begins anew."
    for step, problem in damaged:
        _tell(reporter, step, f"The checkpoint of step {step} cannot be used: {problem}. {goes_on}")


def _keep_best_whole(reporter: Reporter) -> None:
    """Look through the checkpoint that may become the result, too, where it is older than the newest whole one."""
    with suppress(TrainerError):
        if not read_config(reporter.folder).load_best_model_at_end:
            return
    complete = dict(reporter.folder.complete_checkpoints())
    best = note_of(complete[max(complete)]).best.get("step") if complete else None
    if best not in complete or best == max(complete):
        return
    if problem := what_is_wrong(complete[best], best):
        put_aside(complete[best])
        _tell(reporter, best, f"The checkpoint of step {best}, the best one so far, cannot be used: {problem}.")


def _tell(reporter: Reporter, step: int, sentence: str) -> None:
    hint = f"It lies in checkpoints/{DAMAGED}checkpoint-{step}; the disk or its memory may be failing."
    reporter.warn(f"checkpoint_damaged_{step}", sentence, hint)


def put_aside(checkpoint: Path) -> None:
    """Let a checkpoint count no more."""
    aside = checkpoint.with_name(DAMAGED + checkpoint.name)
    number = 1
    while aside.exists():
        number += 1
        aside = checkpoint.with_name(f"{DAMAGED}{checkpoint.name}.{number}")
    checkpoint.rename(aside)


def what_is_wrong(checkpoint: Path, step: int) -> str | None:
    """Return what speaks against a checkpoint, as a part of a sentence, or None where it is whole."""
    try:
        note = note_of(checkpoint)
    except (OSError, ValueError, TypeError, AttributeError):
        return f"its {COMPLETE} cannot be read"
    if note.step != step:
        return f"it says that it is of step {note.step}"
    try:
        return _wrong_state(checkpoint, note) or _wrong_files(checkpoint, note)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"


def _wrong_state(checkpoint: Path, note: Note) -> str | None:
    path = checkpoint / STATE
    if not path.exists():
        return f"its {STATE} is missing"
    try:
        made = json.loads(path.read_bytes())["global_step"]
    except (ValueError, TypeError, KeyError):
        return f"its {STATE} is damaged"
    # A later stage counts its own steps from 0, and the run's steps go on.
    agrees = made == note.step if note.stage == 1 else 0 <= made <= note.step
    return None if agrees else f"its {STATE} is of step {made}"


def _wrong_files(checkpoint: Path, note: Note) -> str | None:
    for path in sorted(checkpoint.rglob("*")):
        check = _CHECKS.get(path.suffix)
        if check is not None and path.is_file() and (problem := check(path)):
            return f"its {path.relative_to(checkpoint)} {problem}"
    if not note.sha256:  # of an older trainer
        return None
    found = digests(checkpoint)
    for name, digest in note.sha256.items():
        if name not in found:
            return f"its {name} is missing"
        if found[name] != digest:
            return f"its {name} is not what was written"
    return None


def wrong_tensors(path: Path) -> str | None:
    """Return what speaks against a safetensors file: a header that places every tensor, and as many bytes behind it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, LONGEST_HEADER):
            return "is cut short"
        try:
            header = json.loads(file.read(length))
            ends = [int(entry["data_offsets"][1]) for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return "has a damaged header"
    there, wanted = size - 8 - length, max(ends, default=0)
    if there < wanted:
        return "is cut short"
    return None if there == wanted else "is longer than its tensors"


def _wrong_archive(path: Path) -> str | None:
    """Check what torch.save wrote: a zip archive, whose parts carry their checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError):
        return "is cut short"
    return f"is damaged in {bad}" if bad else None


def _wrong_json(path: Path) -> str | None:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return "is damaged"
    return None


_CHECKS = {
    ".safetensors": wrong_tensors,
    ".pt": _wrong_archive,
    ".pth": _wrong_archive,
    ".bin": _wrong_archive,
    ".json": _wrong_json,
}
