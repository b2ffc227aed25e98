"""Which files of an archive are its rows: not what is told about them, nor what is empty or no text."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath

from trainer_image.formats.opening import PARQUET, refuse_what_is_no_text, shown
from trainer_image.formats.rows import UnreadableFileError
from trainer_image.formats.shapes import shape_of

ROWS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
TEXTS = (".txt", ".md", ".text")
HEAD = 1 << 16
MOST_NAMED = 4

_JUDGED_BY = frozenset(("test", "valid", "validation", "val", "dev", "eval", "evaluation"))
_TOLD_ABOUT = re.compile(
    r"(config|dataset_infos?|dataset_dict|state|meta|metadata|info|package|schema|croissant)\.json"
    r"|(readme|license|licence|notice|requirements|citation|changelog)\b.*\.(txt|md|text)",
    re.IGNORECASE,
)


def which(names: Iterable[str]) -> str:
    """Return what to do where a file cannot say which of several things in it is meant."""
    first = next(iter(names))
    return f'Say which: --part {first}, or "File of the archive" in the window.'


def members_to_read(
    files: Sequence[str], name: str, part: str | None, head_of: Callable[[str], bytes]
) -> tuple[list[str], list[str]]:
    """Return the members to read, in the order of their names, and notes on the others; ``part`` chooses one."""
    if part is not None:
        return _asked_for(files, name, part)
    chosen = _by_ending(files)
    if not chosen and len(files) == 1:
        chosen = list(files)
    if not chosen:
        raise UnreadableFileError(f"{name} holds no dataset file that is known here.", "Put one JSONL file into it.")
    notes: list[str] = []
    if len(chosen) > 1:
        chosen, notes = _with_rows(chosen, head_of)
    _ask_which(chosen, name)
    chosen.sort()
    if len(chosen) > 1:
        notes.append(f"{len(chosen)} files of the archive are read one after the other, in the order of their names.")
    if len(chosen) < len(files):
        others = [shown(one) for one in files if one not in chosen]
        notes.append(
            f"Of {len(files)} files in the archive {len(others)} are no rows and were not read{_named(others)}."
        )
    return chosen, notes


def rows_among(files: Sequence[str]) -> list[str]:
    """Return what may be asked for, by names alone: the splits that are several files, and the files, in order."""
    found = sorted(one for one in _by_ending(files) if not _TOLD_ABOUT.fullmatch(PurePosixPath(one).name))
    return [*_sharded(found), *found]


def _sharded(files: Sequence[str]) -> list[str]:
    """Return the splits that consist of several files, with the one to learn from first."""
    counts = Counter(word for one in files for word in {_word_of_split(one)} - {""})
    several = sorted((word for word, count in counts.items() if count > 1), key=lambda word: (word != "train", word))
    return several if len(counts) > 1 else []


def _by_ending(files: Sequence[str]) -> list[str]:
    """Return the files that hold rows by their endings, or else those that hold text."""
    return next((some for endings in (ROWS, TEXTS) if (some := [one for one in files if _ending(one) in endings])), [])


def _asked_for(files: Sequence[str], name: str, part: str) -> tuple[list[str], list[str]]:
    """Find the member that a person has named, by its path or its own name, or all those of a split by its name."""
    found = [one for one in files if part in (one, shown(one))]
    found = found or [one for one in files if PurePosixPath(one).name == part]
    shards = [] if found else sorted(one for one in _by_ending(files) if _word_of_split(one) == part.lower() != "")
    if len(shards) > 1:
        return shards, [
            f"Of {len(files)} files in the archive only the {len(shards)} of {part} are read, as was asked."
        ]
    found = found or shards
    if len(found) != 1:
        there = ", ".join(shown(one) for one in sorted(files)[:5])
        raise UnreadableFileError(f"{name} holds no one file {shown(part)}.", f"It holds {there}.")
    if len(files) == 1:
        return found, []
    return found, [f"Of {len(files)} files in the archive only {shown(found[0])} is read, as was asked."]


def _ask_which(chosen: Sequence[str], name: str) -> None:
    splits: dict[str, str] = {}
    kinds: dict[str, str] = {}
    for one in sorted(chosen):
        splits.setdefault(_split_of(one), shown(one))
        kinds.setdefault(".jsonl" if _ending(one) == ".ndjson" else _ending(one), shown(one))
    if len(splits) > 1:
        both = " and ".join(sorted(splits.values())[:2])
        sharded = [one for one in _sharded(chosen) if one == "train" or "train" not in splits]
        raise UnreadableFileError(f"{name} holds several datasets: {both}.", which(sharded or _train_first(splits)))
    if len(kinds) > 1:
        both = " and ".join(sorted(kinds)[:2])
        raise UnreadableFileError(f"{name} holds files of several kinds ({both}).", which(kinds.values()))


def _named(others: Sequence[str]) -> str:
    return f": {', '.join(others)}" if len(others) <= MOST_NAMED else ""


def _train_first(splits: dict[str, str]) -> list[str]:
    return [splits[split] for split in ("train", "", "others") if split in splits]


def _with_rows(chosen: list[str], head_of: Callable[[str], bytes]) -> tuple[list[str], list[str]]:
    """Leave out what is told about the rows, and what nobody could read, as long as something else is left."""
    held = [one for one in chosen if not _is_told_about(one, head_of)] or chosen
    faults = {one: fault for one in held if (fault := _fault_of(one, head_of))}
    readable = [one for one in held if one not in faults]
    if not readable:
        return held, []
    return readable, [f"{fault} It was left out." for fault in faults.values()]


def _is_told_about(member: str, head_of: Callable[[str], bytes]) -> bool:
    """Say whether a member describes the rows by its name, or holds one small object without any."""
    if _TOLD_ABOUT.fullmatch(PurePosixPath(member).name):
        return True
    if _ending(member) != ".json":
        return False
    head = head_of(member)
    if len(head) >= HEAD:
        return False
    try:
        value = json.loads(head)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and shape_of(value) is None and not _holds_objects(value)


def _holds_objects(value: dict[str, object]) -> bool:
    return any(isinstance(one, dict | list) for one in value.values())


def _fault_of(member: str, head_of: Callable[[str], bytes]) -> str:
    head = head_of(member)
    if head.startswith(PARQUET):
        return ""
    try:
        refuse_what_is_no_text(head, shown(member))
    except UnreadableFileError as error:
        return error.sentence
    return ""


def _ending(member: str) -> str:
    return PurePosixPath(member).suffix.lower()


def _split_of(member: str) -> str:
    """Return which part of a dataset a file is by its name, where it says so: rows to learn from, or to judge by."""
    word = _word_of_split(member)
    return word if word in ("train", "") else "others"


def _word_of_split(member: str) -> str:
    """Return the word in a file's name that says the same, as it stands there."""
    words = re.split("[^a-z]+", member.lower())
    return next((word for word in words if word in _JUDGED_BY), "train" if "train" in words else "")
