"""Lists and objects that a column holds as their text, in JSON or as Python prints them."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from itertools import pairwise
from typing import Any

from trainer_image.formats.rows import BadRow
from trainer_image.formats.shapes import CHECKS, RANKS, TURN_COLUMNS
from trainer_image.formats.strict_json import duplicate_key, parse, refuse_half_letters

# Columns that hold lists and objects, which a table can only hold as their JSON.
_ANSWERS = ("responses", "completions", "labels", "preferred_output", "non_preferred_output")
_LISTS = frozenset((*TURN_COLUMNS, *RANKS, *CHECKS, *_ANSWERS, "tools", "functions"))
_ANSWERED = ("completion", "chosen", "rejected")
_TURNS = frozenset(("prompt", "input", *_ANSWERED))
_TURNS_BEGIN = re.compile(r"\[\s*\{")
_LARGEST_LITERAL = 1 << 20
_SIDE_BY_SIDE = re.compile(r"""['"]\s*[a-zA-Z]?['"]""")
"""Where two texts may be joined; whether they are, or one is empty or holds quotes, only the tokens tell."""
_NO_TOKEN = frozenset((tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT))


def is_plain(name: str) -> bool:
    """Say whether what a column of this name holds is never more than its text."""
    return name not in _LISTS and name not in _TURNS


def structured(name: str, cell: str) -> Any:
    """Return a cell as the list or the object that it writes out, or as it is; BadRow where its JSON is refused."""
    start = cell.lstrip()[:1]
    if start not in ("[", "{") or (name in _TURNS and not _TURNS_BEGIN.match(cell.lstrip()) and start != "{"):
        return cell
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return _literal(name, cell)
    return parse(cell) if _is_meant(name, value) else cell


def _is_meant(name: str, value: Any) -> bool:
    """Say whether a column means the list or the object, and not the text that writes it out."""
    if name in TURN_COLUMNS and isinstance(value, list):
        # A number in square brackets is none, nor is a citation.
        return any(isinstance(turn, dict) for turn in value)
    if name not in _TURNS:
        return True
    if isinstance(value, list):
        return any(isinstance(turn, dict) and ("content" in turn or _is_turn(turn)) for turn in value)
    return "messages" in value or (name in _ANSWERED and _is_turn(value))


def _is_turn(value: dict[str, Any]) -> bool:
    return "role" in value or ("from" in value and ("value" in value or "text" in value))


def _literal(name: str, cell: str) -> Any:
    """Return what Python has printed; BadRow where it says something twice, or joins two texts."""
    if len(cell) > _LARGEST_LITERAL:
        return cell
    text = cell.strip()
    try:
        tree = ast.parse(text, mode="eval")
        value = ast.literal_eval(tree)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return cell
    if not isinstance(value, (list, dict)) or not _is_meant(name, value):
        return cell
    _refuse_losses(name, text, tree)
    refuse_half_letters(value)
    return value


def _refuse_losses(name: str, text: str, tree: ast.Expression) -> None:
    """Raise BadRow where Python would keep one of two values, or join two texts into one."""
    for node in ast.walk(tree):
        seen = set[object]()
        for key in node.keys if isinstance(node, ast.Dict) else ():
            if isinstance(key, ast.Constant):
                if key.value in seen:
                    raise duplicate_key(str(key.value))
                seen.add(key.value)
    if not _SIDE_BY_SIDE.search(text):
        return
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    kinds = [token.type for token in tokens if token.type not in _NO_TOKEN]
    if (tokenize.STRING, tokenize.STRING) in pairwise(kinds):
        fault = f"{name} has two texts side by side with no comma between them."
        raise BadRow(name, "broken_list", fault, "Write the list as JSON.")
