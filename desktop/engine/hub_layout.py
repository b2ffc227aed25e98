"""Which files of a dataset repository hold which split of which config: as its card says, else by their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from desktop.engine.hub_values import HubConfig, HubSplit

ENDINGS = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt")
PACKED = (".gz", ".zip")
_NO_DATA = re.compile(
    r"(readme|license|licence|notice|requirements|citation|config|dataset_info|dataset_infos|dataset_dict|state)\b.*",
    re.IGNORECASE,
)
_SPLITS: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SHARDED = re.compile(r"(?:.*/)?([^/]+?)-\d{4,6}-of-\d{4,6}(?:-[0-9a-f]+)?\.[^/]+$")
DEFAULT = "default"
Sizes = Mapping[str, int | None]


def kind_of_file(name: str) -> str:
    """Return the ending that says what kind of rows a file holds, or nothing where it holds none."""
    path = PurePosixPath(name)
    if any(part.startswith(".") for part in path.parts) or _NO_DATA.fullmatch(path.name):
        return ""
    if path.suffix.lower() in PACKED:
        path = path.with_suffix("")
    return path.suffix.lower() if path.suffix.lower() in ENDINGS else ""


def layout(sizes: Sizes, card_configs: Any = None) -> tuple[HubConfig, ...]:
    """Return the configs of a repository with their splits; nothing where no file can be read."""
    there = {name: size for name, size in sizes.items() if kind_of_file(name)}
    told = [one for one in card_configs if isinstance(one, Mapping)] if isinstance(card_configs, list) else []
    configs = []
    for one in told:
        name = str(one.get("config_name") or DEFAULT)
        splits = _as_told(one, there)
        if splits:
            configs.append(HubConfig(name, _with_sizes(splits, there)))
    if configs:
        return tuple(configs)
    splits = _by_names(there)
    return (HubConfig(DEFAULT, _with_sizes(splits, there)),) if splits else ()


def converted_layout(sizes: Sizes) -> tuple[HubConfig, ...]:
    """Return the configs of the Hub's own Parquet copies, which lie in config/split/number.parquet."""
    found: dict[str, dict[str, list[str]]] = {}
    for name in sorted(sizes):
        parts = PurePosixPath(name).parts
        if len(parts) == 3 and name.endswith(".parquet"):
            found.setdefault(parts[0], {}).setdefault(parts[1], []).append(name)
    return tuple(HubConfig(config, _with_sizes(splits, sizes)) for config, splits in found.items())


def _as_told(config: Mapping[str, Any], there: Sizes) -> dict[str, list[str]]:
    folder = str(config.get("data_dir") or "").strip("/")
    inside = [name for name in there if not folder or name.startswith(f"{folder}/")]
    data_files = config.get("data_files")
    if data_files is None:
        return _by_names({name: there[name] for name in inside})
    if isinstance(data_files, str):
        data_files = [data_files]
    splits: dict[str, list[str]] = {}
    for one in data_files if isinstance(data_files, list) else []:
        split, patterns = ("train", one) if isinstance(one, str) else (one.get("split", "train"), one.get("path"))
        for pattern in [patterns] if isinstance(patterns, str) else patterns or []:
            splits.setdefault(str(split), []).extend(_matching(str(pattern), inside, folder))
    return {split: list(dict.fromkeys(files)) for split, files in splits.items() if files}


def _matching(pattern: str, names: Iterable[str], folder: str) -> list[str]:
    pattern = pattern.removeprefix("./")
    full = re.compile(_as_expression(f"{folder}/{pattern}" if folder and not pattern.startswith(folder) else pattern))
    return sorted(name for name in names if full.fullmatch(name))


def _as_expression(pattern: str) -> str:
    """Return a pattern of file names as an expression: a star stays inside a folder, two of them do not."""
    pieces = re.split(r"(\*\*/?|\*|\?|\{[^{}]*\})", pattern)
    made = []
    for piece in pieces:
        if piece in ("**", "**/"):
            made.append("(?:.*/)?" if piece.endswith("/") else ".*")
        elif piece == "*":
            made.append("[^/]*")
        elif piece == "?":
            made.append("[^/]")
        elif piece.startswith("{"):
            made.append(f"(?:{'|'.join(re.escape(one) for one in piece[1:-1].split(','))})")
        else:
            made.append(re.escape(piece))
    return "".join(made)


def _by_names(there: Sizes) -> dict[str, list[str]]:
    """Part the files of the most common kind into splits by what stands in their names, or in those of their folders.

    Where no name says anything, all of them are training rows.
    """
    kinds = Counter(kind_of_file(name) for name in there)
    if not kinds:
        return {}
    most = max(kinds, key=lambda kind: (kinds[kind], -ENDINGS.index(kind)))
    names = sorted(name for name in there if kind_of_file(name) == most)
    splits: dict[str, list[str]] = {}
    for name in names:
        sharded = _SHARDED.fullmatch(name)
        split = sharded[1] if sharded else _split_in(name)
        if split:
            splits.setdefault(_SAME.get(split, split), []).append(name)
    order = [*_SPLITS, *splits]
    return {split: splits[split] for split in dict.fromkeys(order) if split in splits} or {"train": names}


_SAME = {word: split for split, words in _SPLITS.items() for word in words}


def _split_in(name: str) -> str:
    path = PurePosixPath(name)
    for part in (path.name, *reversed(path.parts[:-1])):
        for split, words in _SPLITS.items():
            if re.search(rf"(^|[^a-z0-9])({'|'.join(words)})($|[^a-z])", part.lower()):
                return split
    return ""


def _with_sizes(splits: Mapping[str, Sequence[str]], sizes: Sizes) -> tuple[HubSplit, ...]:
    made = []
    for name, files in splits.items():
        known = [size for file in files if (size := sizes.get(file)) is not None]
        made.append(HubSplit(name, tuple(files), sum(known) if len(known) == len(files) else None))
    return tuple(made)
