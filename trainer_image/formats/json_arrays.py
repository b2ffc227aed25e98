"""JSON files: an array of rows, an object with the array under one of its keys, or objects one after the other."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, BinaryIO

from trainer_image.formats.json_nested import has_a_key_for_each, is_wrapped, outer_key, unwrapped
from trainer_image.formats.json_window import CutOff, Lost, Window
from trainer_image.formats.naming import row_or_problem
from trainer_image.formats.rows import BadRow, Row, RowProblem, Taken, UnreadableFileError
from trainer_image.formats.shapes import KNOWN_COLUMNS, TURN_COLUMNS, shape_of
from trainer_image.formats.strict_json import LENIENT

_LONGEST_LOOK = 4 << 20
_FEW_KEYS = 4
"""So many keys may an object have whose only array is taken for its rows although none of them is an object."""
_FIRST_KEY = re.compile(r'\{\s*"([^"\\]{0,60})"\s*:')
_NUMBERED_CELLS = re.compile(r'\{\s*"([^"\\]{0,60})"\s*:\s*\{\s*"0"\s*:\s*(["\[])')
"""What pandas writes unless it is told otherwise: under each column its cells by their number."""
_ARRAY_OF_OBJECTS = re.compile(r"\[\s*\{")
_LIST_OF_TURNS = re.compile(rf'\s*\{{\s*"(?:{"|".join(TURN_COLUMNS)})"\s*:\s*\[\s*(?=\{{)')
_SPEAKERS = ("role", "from")
_SQUARE = "Put the rows in square brackets, or one object on each line."
_FETCH = "Fetch the file again."


def read_json(stream: BinaryIO, name: str, key: str | None = None) -> Iterator[Row | RowProblem]:
    """Yield the rows of a JSON file, of which never more than one is held."""
    window = Window(stream)
    first = window.peek()
    if first == "[":
        window.at += 1
        yield from _read_whole_array(window)
    elif first == "{":
        yield from _read_objects(window, name, key)
    else:
        raise _no_array(name)


def keys_of_arrays(stream: BinaryIO) -> tuple[str, ...]:
    """Return the keys of a JSON object among which a person may choose its rows; none of an object that is long."""
    window = Window(stream)
    value = window.look(_LONGEST_LOOK)[0] if window.peek() == "{" else None
    return tuple(_arrays_of_objects(value)) if value else ()


def _arrays_of_objects(value: Mapping[str, Any]) -> list[str]:
    return [key for key, inner in value.items() if isinstance(inner, list) and inner and isinstance(inner[0], dict)]


def _read_whole_array(window: Window) -> Iterator[Row | RowProblem]:
    number = 0
    items = _read_elements(window, ends_with="]")
    is_another = False
    while True:
        try:
            item = next(items)
        except StopIteration as end:
            if end.value and window.peek() == "[":
                # Another array, as programs write it that add to a file.
                window.at += 1
                items = _read_elements(window, ends_with="]", number=number)
                is_another = True
                continue
            if end.value and window.peek():
                fault = "There is more behind the end of the array, which was not read."
                yield BadRow("", "broken_json", fault, "Put all rows into one array.").at(window.line, number + 1)
            return
        number += 1
        if is_another and isinstance(item, Row):
            item = replace(item, taken=(*item.taken, "another_array"))
        is_another = False
        yield item


def _read_elements(window: Window, ends_with: str, number: int = 0) -> Generator[Row | RowProblem, None, bool]:
    """Yield values up to the bracket, or to the end of the file, and return whether all were read."""
    while True:
        mark = window.peek(",")
        if mark == ends_with:
            window.at += 1
            return True
        line, number = window.line, number + 1
        try:
            if not mark:
                raise CutOff
            value = window.value()
        except CutOff:
            yield BadRow("", "broken_json", "The file ends here, inside a row or before its end.", _FETCH).at(
                line, number
            )
            return False
        except Lost as lost:
            is_found = window.resume(quotes_pair=lost.quotes_pair)
            fault = lost.bad.fault if is_found else f"{lost.bad.fault} The rows after it were not read."
            yield BadRow(lost.bad.column, lost.bad.kind, fault, lost.bad.fix).at(line, number)
            if not is_found:
                return False
        except BadRow as bad:
            yield bad.at(line, number)
        else:
            yield row_or_problem(line, number, unwrapped(value), _go_behind_comma(window, ends_with))


def _go_behind_comma(window: Window, ends_with: str) -> tuple[Taken, ...]:
    """Go behind the comma that follows an element, and return what of it is not as JSON wants it in an array."""
    if window.peek() == ",":
        window.at += 1
        return ("comma_too_many",) if ends_with and window.peek() in (ends_with, ",") else ()
    return ("comma_missing",) if ends_with and window.peek() not in (ends_with, "") else ()


def _read_objects(window: Window, name: str, key: str | None) -> Iterator[Row | RowProblem]:
    """Tell one object with an array of rows from objects that are rows, and read either."""
    value, behind = window.look(_LONGEST_LOOK)
    numbered = window.begins_with(_NUMBERED_CELLS)
    if numbered is not None and not behind and (numbered.group(2) == '"' or numbered.group(1) in KNOWN_COLUMNS):
        raise _columns(name)
    if value and not behind and len(value) > 1 and all(_is_column(inner) for inner in value.values()):
        raise _columns(name)
    if key is None and _are_rows(window, value, behind):
        yield from _read_elements(window, ends_with="")
        return
    if key is None and not behind and has_a_key_for_each(window, value):
        yield from _read_by_keys(window)
        return
    if key is None and not behind and (outer := outer_key(window, value)) is not None:
        inner = None if value is None else value[outer]
        _enter(window, outer, name)
        yield from _read_wrapped(window, None if inner is None else _only_array(inner, name), name)
    else:
        chosen = key if key is not None or value is None else _only_array(value, name)
        yield from _read_wrapped(window, chosen, name)


def _are_rows(window: Window, value: Any, behind: str) -> bool:
    if value is None:
        # It is long or broken: then its first key has to do.
        first = window.begins_with(_FIRST_KEY)
        return first is not None and first.group(1) in KNOWN_COLUMNS and not begins_with_rows(window.text, window.at)
    return behind != "" or (shape_of(value) is not None and not holds_rows(value))


def holds_rows(value: Mapping[str, Any]) -> bool:
    """Say whether an object has its rows where a row would have its turns: each has a shape of its own."""
    return any(_is_row(inner[0]) for name in TURN_COLUMNS if isinstance(inner := value.get(name), list) and inner)


def begins_with_rows(text: str, start: int = 0) -> bool:
    """Say the same of an object that is too long to be read as a whole, by the first of its rows."""
    match = _LIST_OF_TURNS.match(text, start)
    if match is None:
        return False
    try:
        first, _ = LENIENT.raw_decode(text, match.end())
    except (ValueError, RecursionError):
        return False
    return _is_row(first)


def _is_row(element: Any) -> bool:
    is_turn = not isinstance(element, Mapping) or any(name in element for name in _SPEAKERS)
    # A turn of which nobody is said to speak may hold a text, too.
    return not is_turn and shape_of(element) not in (None, "text")


def _only_array(value: Mapping[str, Any], name: str) -> str:
    """Return the key of the rows: the one array of objects, or else the one array."""
    arrays = [key for key, inner in value.items() if isinstance(inner, list)]
    of_objects = _arrays_of_objects(value)
    if "rows" in of_objects and is_wrapped(value["rows"][0]):
        # Beside them the Hub's server answers what its columns are.
        return "rows"
    if not of_objects and len(value) > _FEW_KEYS:
        # A setting of a program that happens to be a list.
        raise _no_array(name)
    if len(of_objects) > 1:
        raise _two_arrays(name, *of_objects[:2])
    if len(of_objects or arrays) != 1:
        raise _columns(name) if len(arrays) > 1 else _no_array(name)
    return (of_objects or arrays)[0]


def _enter(window: Window, outer: str, name: str) -> None:
    """Go to the object under a key, past what stands before it."""
    window.at += 1
    try:
        while window.peek(",") not in ("}", ""):
            key = _key(window)
            if window.peek(":") == "{" and key == outer:
                return
            with suppress(BadRow):
                window.value()
    except (CutOff, Lost):
        raise _no_array(name) from None


def _key(window: Window) -> Any:
    """Return a key and go behind it; one that is written wrongly is none that is looked for."""
    with suppress(BadRow):
        return window.value()
    return None


def _read_by_keys(window: Window) -> Iterator[Row | RowProblem]:
    """Yield the rows of an object that has one under each key."""
    number = 0
    window.at += 1
    while (mark := window.peek(",")) != "}":
        line, number = window.line, number + 1
        try:
            if not mark:
                raise CutOff
            _key(window)
            window.peek(":")
            line = window.line
            value = window.value()
        except CutOff:
            fault = "The file ends here, inside a row or before its end."
            yield BadRow("", "broken_json", fault, _FETCH).at(line, number)
            return
        except Lost as lost:
            fault = f"{lost.bad.fault} The rows after it were not read."
            yield BadRow(lost.bad.column, lost.bad.kind, fault, lost.bad.fix).at(line, number)
            return
        except BadRow as bad:
            yield bad.at(line, number)
        else:
            yield row_or_problem(line, number, value)


def _read_wrapped(window: Window, chosen: str | None, name: str) -> Iterator[Row | RowProblem]:
    """Go through the keys of an object, and yield the elements of the array under the chosen one."""
    found: str | None = None
    window.at += 1
    try:
        while window.peek(",") not in ("}", ""):
            key = window.value()
            begins = window.peek(":")
            is_array = begins == "[" and window.begins_with(_ARRAY_OF_OBJECTS) is not None
            if begins == "[" and (key == chosen or (chosen is None and is_array)):
                if found is not None:
                    raise _two_arrays(name, found, str(key))
                found = str(key)
                window.at += 1
                if not (yield from _read_elements(window, ends_with="]")):
                    return
                continue
            try:
                window.value()
            except (CutOff, Lost):
                raise
            except BadRow:
                # What stands beside the rows is none of them.
                continue
    except (CutOff, Lost, BadRow):
        # Behind the rows nothing can be lost any more.
        if found is None:
            raise _no_array(name) from None
    if found is None:
        raise _no_array(name)


def _is_column(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], str)


def _columns(name: str) -> UnreadableFileError:
    hint = 'Write one object with all its columns for each row; in pandas: to_json(..., orient="records").'
    return UnreadableFileError(f"{name} holds its cells column by column, not row by row.", hint)


def _no_array(name: str) -> UnreadableFileError:
    return UnreadableFileError(f"{name} is neither an array of rows nor an object with one array in it.", _SQUARE)


def _two_arrays(name: str, one: str, other: str) -> UnreadableFileError:
    fault = f"{name} holds more than one array of rows: {one[:40]} and {other[:40]}."
    hint = f'Say which: --array {one[:40]}, or "Key of the rows" in the window.'
    return UnreadableFileError(fault, hint)
