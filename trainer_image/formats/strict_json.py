"""JSON as it has to be in a dataset: nothing that a parser would drop, guess or pass on to break a tokenizer."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from trainer_image.formats.rows import BadRow, Written

_LONE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)
"""An escape for half a letter, as far as that can be told without counting backslashes."""

_NEXT_OBJECT = re.compile(r"[\s,]*\{")

_BYTE = re.compile("[\udc80-\udcff]")
"""What stands for a byte that is no UTF-8."""

BROKEN_LETTERS = "It holds a byte that is no UTF-8, so a letter is broken."
HALF_LETTERS = "It holds half a letter (a lone surrogate), which no tokenizer takes."
CUT = "This is no JSON (Unterminated string"
AT_END = "Take the comma at the end of the line away."
MEND = "Mend the line or take it out."
WRITE_ANEW = "Write the letter anew or take it out."


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen = set[str]()
        name = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise duplicate_key(name)
    return made


def duplicate_key(name: str) -> BadRow:
    """Return what is wrong with an object that has one name twice."""
    fault = f"It has {name[:40]} twice, and only one of them could be kept."
    return BadRow(name, "duplicate_key", fault, "Leave one of them out.")


def _constant(word: str) -> NoReturn:
    raise BadRow("", "not_a_number", f"{word} is no value that JSON knows.", "Write a number, text or null.")


def _float(text: str) -> float:
    """Return a number, which remembers how it was written where Python would write it otherwise."""
    value = float(text)
    if math.isinf(value):
        raise BadRow("", "not_a_number", f"The number {text[:20]} is too large.", "Write it as text.")
    return value if repr(value) == text else Written(text)


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
LENIENT = json.JSONDecoder()
"""Finds the end of a value that DECODER has refused."""


def parse(text: str) -> Any:
    """Return the one JSON value of a text; BadRow says what is wrong with it."""
    try:
        value = DECODER.decode(text)
    except json.JSONDecodeError as error:
        if text.startswith("\ufeff"):
            return parse(text[1:])
        raise broken_json(error) from None
    except RecursionError:
        raise too_deep() from None
    except ValueError:
        # Python refuses whole numbers of more than 4,300 digits.
        raise too_long() from None
    if ("\\ud" in text or "\\uD" in text) and _LONE.search(text):
        refuse_half_letters(value)
    return value


def too_deep() -> BadRow:
    """Return what is wrong with a value of a thousand brackets."""
    return BadRow("", "too_deep", "Its brackets are nested too deeply.", "Flatten it or take it out.")


def too_long() -> BadRow:
    """Return what is wrong with a number that nobody can have meant as one."""
    return BadRow("", "not_a_number", "A number is too long.", "Write it as text.")


def broken_json(error: json.JSONDecodeError) -> BadRow:
    """Say in words where JSON is broken, and what would mend it where that can be told."""
    where = f"character {error.colno}" if error.lineno == 1 else f"line {error.lineno} of it"
    if not error.doc[error.pos :].strip():
        where = "at its end"
    fault = f"This is no JSON ({error.msg}, {where})."
    rest = error.doc[error.pos : error.pos + 8]
    if error.msg.startswith("Invalid control character") and not rest.strip():
        return BadRow("", "broken_json", f"This is no JSON (a quote is never closed, {where}).", MEND)
    if error.msg == "Extra data" and error.doc[error.pos :].strip() == ",":
        fix = AT_END
    elif error.msg == "Extra data":
        rows = _objects_in(error.doc)
        if rows:
            fault = f"{rows} rows stand on this line, the second from {where} on."
        fix = "Put each row on a line of its own."
    elif rest.startswith(("//", "/*", "#")):
        fix = "Take the comment away: JSON has none."
    elif rest.startswith(("\u201c", "\u201d", "\u2018", "\u2019")):
        fix = "Use straight double quotes instead of curly ones."
    elif "\0" in rest[:1]:
        fix = "Take out the zero bytes, which a program or a disk has left there."
    elif error.msg.startswith("Expecting property name") and rest[:1].isalpha():
        fix = "Put the names of the columns in double quotes."
    elif rest.startswith("'"):
        fix = "Use double quotes instead of single ones."
    elif rest.startswith(("True", "False", "None")):
        fix = "Write true, false and null in JSON's own words."
    elif error.msg.startswith("Invalid control character"):
        fix = "Write line breaks and tabs inside text as \\n and \\t."
    elif error.msg.startswith("Invalid \\escape"):
        fix = "Double the backslash."
    else:
        fix = MEND
    return BadRow("", "broken_json", fault, fix)


def _objects_in(line: str) -> int:
    """Return how many objects stand in a line with nothing but blanks and commas between them; 0 where more does."""
    count = at = 0
    try:
        while begin := _NEXT_OBJECT.match(line, at):
            _, at = LENIENT.raw_decode(line, begin.end() - 1)
            count += 1
    except (ValueError, RecursionError):
        return 0
    return 0 if line[at:].strip(" \t\r\n,") else count


def refuse_half_letters(value: Any) -> None:
    """Raise BadRow, with the column, where a text anywhere in the value holds a lone surrogate."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        column, one = waiting.pop()
        if isinstance(one, str):
            if not is_whole(one):
                place = column if is_whole(column) else ""
                if _BYTE.search(one):
                    raise BadRow(place, "broken_letters", BROKEN_LETTERS, WRITE_ANEW)
                raise BadRow(place, "half_letter", HALF_LETTERS, WRITE_ANEW)
        elif isinstance(one, dict):
            for key, inner in one.items():
                waiting += ((column or key, key), (column or key, inner))
        elif isinstance(one, (list, tuple)):
            waiting += ((column, inner) for inner in one)


def is_whole(text: str) -> bool:
    """Say whether a text is made of whole letters, so that it can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
