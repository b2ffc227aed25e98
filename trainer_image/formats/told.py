"""What a person has said of a file, as the words that a config keeps: columns as ours=theirs, the rest name=value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from trainer_image.formats.encodings import ENCODING_WORDS
from trainer_image.formats.files import ReadOptions
from trainer_image.formats.shapes import SHAPES, Shape
from trainer_image.formats.texts import TextBy

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "text_by": get_args(TextBy),
    "header": ("yes", "no"),
    "encoding": tuple(ENCODING_WORDS),
    "shape": SHAPES,
}
NAMES = ("delimiter", "header", "encoding", "array", "part", "text_by", "shape")
TAB = "tab"
"""How a delimiter is written that nobody could see."""


@dataclass(frozen=True)
class Told:
    """How a file is read, as far as somebody has said so."""

    read: ReadOptions = field(default_factory=ReadOptions)
    mapping: Mapping[str, str] | None = None
    """Our name of a column -> the file's."""
    shape: Shape | None = None


def read_told(columns: Sequence[str], read_as: Sequence[str]) -> Told:
    """Understand the words of a config; ValueError says in plain words what is wrong with them."""
    mapping = read_columns(columns)
    values: dict[str, Any] = {}
    for name, value in read_pairs(read_as, "name=value, such as delimiter=;").items():
        if name not in NAMES:
            raise ValueError(f"{name} is none of {', '.join(NAMES)}")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise ValueError(f"{name} has to be one of {', '.join(_CHOICES[name])}")
        values[name] = value
    shape = cast("Shape | None", values.pop("shape", None))
    if "header" in values:
        values["has_header"] = values.pop("header") == "yes"
    if "delimiter" in values:
        values["delimiter"] = "\t" if values["delimiter"] == TAB else values["delimiter"]
        if len(values["delimiter"]) != 1:
            raise ValueError("delimiter has to be one sign, or the word tab")
    return Told(ReadOptions(**values), mapping or None, shape)


def read_columns(columns: Sequence[str]) -> dict[str, str]:
    """Return our name of each column -> the file's."""
    return read_pairs(columns, "ours=theirs, such as completion=reply")


def read_pairs(words: Sequence[str], form: str) -> dict[str, str]:
    """Return words such as a=b as a mapping; each name once, and neither side empty."""
    pairs: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        if not name.strip() or not value:
            raise ValueError(f"write each as {form}")
        if name.strip() in pairs:
            raise ValueError(f"{name.strip()} stands there twice")
        pairs[name.strip()] = value
    return pairs


def words_of(told: Told) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words for columns and for the rest that say the same again."""
    columns = tuple(f"{ours}={theirs}" for ours, theirs in (told.mapping or {}).items())
    read = told.read
    said = {
        "delimiter": TAB if read.delimiter == "\t" else read.delimiter,
        "header": None if read.has_header is None else "yes" if read.has_header else "no",
        "encoding": read.encoding,
        "array": read.array,
        "part": read.part,
        "text_by": None if read.text_by == ReadOptions().text_by else read.text_by,
        "shape": told.shape,
    }
    return columns, tuple(f"{name}={value}" for name, value in said.items() if value is not None)
