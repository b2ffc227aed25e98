"""A window that moves over the text of a JSON file, so that a file of any size is parsed value by value."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any, BinaryIO

from trainer_image.formats.rows import BadRow
from trainer_image.formats.strict_json import (
    DECODER,
    LENIENT,
    broken_json,
    is_whole,
    refuse_half_letters,
    too_deep,
    too_long,
)

BLOCK = 1 << 20
LARGEST_VALUE = 256 << 20
"""One value may be so many letters long; a quote that is never closed must not take the whole memory."""

_SPACE = re.compile(r"[ \t\r\n]*")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|["{}\[\]]', re.DOTALL)
_LONGEST_TOKEN = 16
_LONGEST_INDENTATION = 200
_QUOTES_PAIR = ("Expecting property name", "Invalid \\", "Invalid control", "Expecting value", "Illegal trailing")
"""Errors with which the quotes before still pair, so that brackets can be counted."""


class CutOff(Exception):
    """The file ends inside a value."""


class Lost(Exception):
    """A value is broken, and where it ends is not known; the window stays at its beginning."""

    def __init__(self, bad: BadRow, *, quotes_pair: bool) -> None:
        super().__init__(bad.fault)
        self.bad, self.quotes_pair = bad, quotes_pair


class Window:
    """The text that has been read and not yet used, and the physical line at which it begins."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        # What is no UTF-8 is carried along as half a letter, to be named with its row.
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._ended = False
        self._line, self._counted = 1, 0
        self._holds_bytes = False
        self.text, self.at = "", 0

    def more(self) -> bool:
        """Read on, as much again as is waiting, and say whether there was more."""
        if self._ended:
            return False
        self._count_lines()
        used = max(0, self.at - _LONGEST_INDENTATION)
        self.text = self.text[used:]
        self.at = self._counted = self.at - used
        block = self._stream.read(max(BLOCK, len(self.text)))
        self._ended = not block
        added = self._decoder.decode(block, self._ended)
        self._holds_bytes = self._holds_bytes or not is_whole(added)
        self.text += added
        return not self._ended or bool(added)

    def _count_lines(self) -> None:
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at

    @property
    def line(self) -> int:
        """Return the physical line of the place that is reached."""
        self._count_lines()
        return self._line

    def peek(self, between: str = "") -> str:
        """Go over white space, and over these letters, and return the one that follows, or nothing at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            assert match is not None
            self.at = match.end()
            if self.at == len(self.text):
                if not self.more():
                    return ""
            elif self.text[self.at] in between:
                self.at += 1
            else:
                return self.text[self.at]

    def look(self, limit: int) -> tuple[Any, str]:
        """Return the value that begins here and the letter behind it without going on; nothing where it is longer."""
        while True:
            try:
                value, end = LENIENT.raw_decode(self.text, self.at)
            except (ValueError, RecursionError):
                if len(self.text) - self.at >= limit or not self.more():
                    return None, ""
                continue
            space = _SPACE.match(self.text, end)
            assert space is not None
            if space.end() < len(self.text) or not self.more():
                return value, self.text[space.end() : space.end() + 1]

    def begins_with(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Match the text from here on, of which there has to be enough."""
        if len(self.text) - self.at < _LONGEST_INDENTATION:
            self.more()
        return pattern.match(self.text, self.at)

    def value(self) -> Any:
        """Return the value that begins here, and go behind it; BadRow where it is whole and yet refused."""
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                if self._may_go_on(error) and self._has_room() and self.more():
                    continue
                raise self._broken(error) from None
            except BadRow as bad:
                self._go_behind(bad)
                raise
            except RecursionError:
                self._go_behind(too_deep())
                raise too_deep() from None
            except ValueError:
                self._go_behind(too_long())
                raise too_long() from None
            if end == len(self.text) and self.more():
                # A number may go on.
                continue
            start, self.at = self.at, end
            if self._holds_bytes or self.text.find("\\ud", start, end) >= 0 or self.text.find("\\uD", start, end) >= 0:
                refuse_half_letters(value)
            return value

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith("Unterminated string") or error.pos >= len(self.text) - _LONGEST_TOKEN

    def _has_room(self) -> bool:
        return len(self.text) - self.at < LARGEST_VALUE

    def _broken(self, error: json.JSONDecodeError) -> Lost | CutOff:
        rest = self.text[error.pos : error.pos + 2 * _LONGEST_TOKEN].rstrip()
        # Behind the error there is nothing, or the first letters of a word or of an escape.
        is_half = error.msg.startswith("Unterminated") or not rest.strip("\\") or rest.strip("\\").isalnum()
        if self._ended and self._may_go_on(error) and is_half:
            return CutOff()
        own = json.JSONDecodeError(error.msg, self.text[self.at : error.pos + _LONGEST_TOKEN], error.pos - self.at)
        return Lost(broken_json(own), quotes_pair=error.msg.startswith(_QUOTES_PAIR))

    def _go_behind(self, bad: BadRow) -> None:
        """Go behind a value that is JSON and yet refused."""
        try:
            _, self.at = LENIENT.raw_decode(self.text, self.at)
        except (ValueError, RecursionError):
            if not self._go_by_brackets():
                raise Lost(bad, quotes_pair=False) from None

    def _go_by_brackets(self) -> bool:
        """Go behind a value by its brackets alone, and say whether they match."""
        while True:
            open_brackets: list[str] = []
            for token in _TOKEN.finditer(self.text, self.at):
                mark = token.group()
                if mark == '"':
                    # The string goes on beyond what has been read.
                    break
                if mark in ("{", "["):
                    open_brackets.append("}" if mark == "{" else "]")
                elif mark in ("}", "]"):
                    if not open_brackets or open_brackets.pop() != mark:
                        return False
                    if not open_brackets:
                        self.at = token.end()
                        return True
            if not self._has_room() or not self.more():
                return False

    def resume(self, *, quotes_pair: bool) -> bool:
        """Go from a broken value to the next, and say whether that is safe."""
        indentation = self._indentation()
        if indentation is not None:
            # A string holds no line break, so a line that begins as this one did begins a value or ends the array.
            shorter = f"[ \\t]{{0,{max(len(indentation) - 1, 0)}}}(?=\\])"
            return self._go_to(re.compile(rf"\n(?:{re.escape(indentation)}(?=\{{)|{shorter})"))
        if not quotes_pair:
            return False
        if self.text[self.at] not in "{[":
            return self._go_to(re.compile(r"(?=[,\]])"))
        return self._go_by_brackets() and self.peek() in (",", "]", "}")

    def _go_to(self, pattern: re.Pattern[str]) -> bool:
        """Go to the end of the next match, keeping nothing of what lies before, and say whether there is one."""
        self.at += 1
        while True:
            match = pattern.search(self.text, self.at)
            if match:
                self.at = match.end()
                return True
            self.at = max(self.at, len(self.text) - _LONGEST_INDENTATION)
            if not self.more():
                return False

    def _indentation(self) -> str | None:
        """Return the white space before this place where it is the first on its line."""
        start = self.text.rfind("\n", max(0, self.at - _LONGEST_INDENTATION), self.at) + 1
        before = self.text[start : self.at]
        return before if start and not before.strip() else None
