"""Rows that lie one step deeper in a JSON object: under a key of a key, under a key each, or in a server's wrapping."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from trainer_image.formats.json_window import Window
from trainer_image.formats.shapes import shape_of
from trainer_image.formats.strict_json import LENIENT

_DEEPER = re.compile(r'\{\s*"([^"\\]{0,60})"\s*:\s*\{\s*"[^"\\]{0,60}"\s*:\s*\[\s*(?=\{)')
_FIRST_OF_MANY = re.compile(r'\{\s*"\d{1,20}"\s*:\s*(?=\{)')


def outer_key(window: Window, value: Mapping[str, Any] | None) -> str | None:
    """Return the key of an object that holds the array of rows itself, as in {"result": {"items": [...]}}, or None."""
    if value is None:
        # It is too long to be looked at as a whole.
        match = window.begins_with(_DEEPER)
        return match[1] if match and _is_row_at(window.text, match.end()) else None
    if any(isinstance(inner, list) and inner for inner in value.values()):
        return None
    found = [key for key, inner in value.items() if isinstance(inner, Mapping) and _arrays_of_rows(inner) == 1]
    return found[0] if len(found) == 1 else None


def _arrays_of_rows(value: Mapping[str, Any]) -> int:
    return sum(isinstance(inner, list) and bool(inner) and isinstance(inner[0], Mapping) for inner in value.values())


def has_a_key_for_each(window: Window, value: Mapping[str, Any] | None) -> bool:
    """Say whether an object holds a row under each of its keys, as tables are written by their index."""
    if value is None:
        match = window.begins_with(_FIRST_OF_MANY)
        return match is not None and _is_row_at(window.text, match.end())
    rows = list(value.values())
    first = rows[0] if rows else None
    if not isinstance(first, Mapping) or shape_of(first) is None:
        return False
    return all(isinstance(one, Mapping) and one.keys() == first.keys() for one in rows)


def _is_row_at(text: str, start: int) -> bool:
    try:
        first, _ = LENIENT.raw_decode(text, start)
    except (ValueError, RecursionError):
        return False
    return shape_of(first) is not None


def is_wrapped(value: Any) -> bool:
    """Say whether an element is a row as the Hub's server answers it: its number, and the row itself."""
    return isinstance(value, Mapping) and "row_idx" in value and isinstance(value.get("row"), Mapping)


def unwrapped(value: Any) -> Any:
    """Return the row of an element as the Hub's server answers it, and any other as it is."""
    return value["row"] if is_wrapped(value) else value
