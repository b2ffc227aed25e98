"""Lists and objects that a column holds as their text, in JSON or as Python prints them."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from trainer_image.formats.shapes import CHECKS, RANKS, TURN_COLUMNS
from trainer_image.formats.strict_json import parse

# Columns that hold lists and objects, which a table can only hold as their JSON.
_ANSWERS = ("responses", "completions", "labels", "preferred_output", "non_preferred_output")
_LISTS = frozenset((*TURN_COLUMNS, *RANKS, *CHECKS, *_ANSWERS, "tools", "functions"))
_TURNS = frozenset(("prompt", "completion", "chosen", "rejected", "input"))
_TURNS_BEGIN = re.compile(r"\[\s*\{")
_TURN_KEYS = frozenset(("messages", "role", "from", "content", "value"))
_LARGEST_LITERAL = 1 << 20


def is_plain(name: str) -> bool:
    """Say whether what a column of this name holds is never more than its text."""
    return name not in _LISTS and name not in _TURNS


def structured(name: str, cell: str) -> Any:
    """Return a cell as the list or the object that it writes out, or as it is; BadRow where its JSON is refused."""
    start = cell.lstrip()[:1]
    if start not in ("[", "{") or (name in _TURNS and not _TURNS_BEGIN.match(cell.lstrip()) and start != "{"):
        return cell
    try:
        json.loads(cell)
    except (ValueError, RecursionError):
        return _literal(cell)
    value = parse(cell)
    return cell if name in _TURNS and isinstance(value, dict) and not value.keys() & _TURN_KEYS else value


def _literal(cell: str) -> Any:
    if len(cell) > _LARGEST_LITERAL:
        return cell
    try:
        value = ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return cell
    return value if isinstance(value, (list, dict)) else cell
