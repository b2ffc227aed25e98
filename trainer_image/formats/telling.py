"""Tells what kind of file a text is, by what stands in it, and only in doubt by the ending of its name."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from trainer_image.formats.json_arrays import begins_with_rows, holds_rows
from trainer_image.formats.opening import KNOWN
from trainer_image.formats.rows import UnreadableFileError
from trainer_image.formats.shapes import KNOWN_COLUMNS, shape_of
from trainer_image.formats.table_layout import DELIMITERS, find_delimiter

FileFormat = Literal["jsonl", "json", "table", "text"]

LINES_ENDINGS = (".jsonl", ".ndjson")
JSON_ENDINGS = (*LINES_ENDINGS, ".json")
TABLE_ENDINGS = (".csv", ".tsv", ".tab")
TEXT_ENDINGS = (".txt", ".md", ".text", "")
LINES_TO_TELL = 20
_COMMENTS = ("//", "/*", "#")
_NOTHING = object()
_BEGINS_LIKE_JSON = re.compile(r"\s*(\[\s*\{|\{\s*[\"}])")
_LARGE_FIRST_ROW = re.compile(r'\s*\{\s*"([^"\\]{0,60})"\s*:\s*\[\s*\{')


def format_of(text: str, ending: str, name: str, is_whole: bool) -> FileFormat:
    """Return what kind of file its beginning says it is; UnreadableFileError where it is none of these."""
    lines = [line for line in text.split("\n")[: None if is_whole else -1] if line.strip()][:LINES_TO_TELL]
    values = [_value_of(line) for line in lines]
    found = sum(isinstance(value, dict) or (ending in LINES_ENDINGS and value is not _NOTHING) for value in values)
    if found and found * 2 >= len(lines):
        return "json" if len(lines) == 1 and is_whole and _holds_rows(values[0], ending) else "jsonl"
    if text.lstrip()[:1] in ("{", "[") and (ending in JSON_ENDINGS or _BEGINS_LIKE_JSON.match(text)):
        return _json_format(text, lines, values, ending)
    if ending in TABLE_ENDINGS or _is_table(text):
        return "table"
    if ending in TEXT_ENDINGS:
        return "text"
    if ending in JSON_ENDINGS:
        below = next((line.lstrip() for line in lines if not line.lstrip().startswith(_COMMENTS)), "")
        if found and not below.startswith("["):
            return "jsonl"
        if text.lstrip().startswith(_COMMENTS):
            raise UnreadableFileError(f"{name} begins with a comment, and JSON has none.", "Take the comment away.")
        if "```" in text or any(line.lstrip().startswith(("{", "[")) for line in lines):
            hint = "Take out every line that is no JSON, those with ``` too."
            raise UnreadableFileError(f"{name} has other words around its JSON.", hint)
        raise UnreadableFileError(f"{name} holds no JSON.", "Put one object in curly brackets on each line.")
    raise UnreadableFileError(f"{name} is no dataset file that is known here.", f"Save it as {KNOWN}.")


def _value_of(line: str) -> Any:
    """Return the JSON value that a line is by itself."""
    try:
        return json.loads(line.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return _NOTHING


def is_element(line: str) -> bool:
    """Say whether a line is an object and the comma behind it, as in an array."""
    line = line.strip()
    return line.endswith("},") and isinstance(_value_of(line[:-1]), dict)


def _holds_rows(value: Any, ending: str) -> bool:
    """Say whether the one value of a file is no row, but may hold all of them."""
    if not isinstance(value, dict):
        return isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    if ending == ".json":
        return True
    return holds_rows(value) or (shape_of(value) is None and _has_array(value))


def _has_array(value: dict[str, Any]) -> bool:
    return any(
        isinstance(one, list) and one and isinstance(one[0], dict) and key not in KNOWN_COLUMNS
        for key, one in value.items()
    )


def _json_format(text: str, lines: list[str], values: list[Any], ending: str) -> FileFormat:
    """Tell lines of JSON, of which most may be broken, from one value over many lines."""
    is_object = text.lstrip()[0] == "{"
    if not lines:
        # The first line is longer than what was looked at: a long row, or all of them.
        first = _LARGE_FIRST_ROW.match(text)
        is_known = first is None or (first.group(1) in KNOWN_COLUMNS and not begins_with_rows(text))
        is_row = is_object and ending != ".json" and is_known
        return "jsonl" if is_row else "json"
    second = lines[1].lstrip()[:1] if len(lines) > 1 else ""
    if len(lines) == 1 and values[0] is _NOTHING and _is_one_behind_the_other(lines[0]):
        return "json"
    if is_object and ending != ".json" and (second == "{" or (len(lines) == 1 and ending in LINES_ENDINGS)):
        return "jsonl"
    is_list = isinstance(values[0], list) and not (values[0] and isinstance(values[0][0], dict))
    return "jsonl" if is_list and second in ("[", "{") else "json"


def _is_one_behind_the_other(line: str) -> bool:
    """Say whether a line holds several objects, as programs write them that forget to end lines."""
    try:
        _, end = json.JSONDecoder().raw_decode(line.lstrip())
    except (ValueError, RecursionError):
        return False
    return line.lstrip()[end:].lstrip()[:1] in ("{", "[")


def _is_table(text: str) -> bool:
    """Say whether a file that does not call itself a table has the header of one."""
    header = next((line for line in text.split("\n") if line.strip()), "")
    delimiter = find_delimiter(text)
    names = [cell.strip().strip('"').lower() for cell in header.split(delimiter)]
    return delimiter in DELIMITERS and len(names) > 1 and shape_of(dict.fromkeys(names, "")) is not None
