"""The quick way with JSONL: of all lines that differ only in their texts, one is read the strict way for the others.

What is left of a line when its texts are taken out is its skeleton: brackets, keys, roles, numbers. Where one line of a
skeleton is a good row, so is each other one whose texts hold something and no mark of a template. What is not plainly
good goes the strict way of ``trainer_image.formats``, which alone says what is wrong with a row. So this way may refuse
whatever it likes, and must never take what the strict way would refuse or read otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from desktop.core.dataset.counts import Guess, is_empty
from desktop.core.dataset.fingerprints import spoken
from desktop.core.dataset.line_parts import Flags, Places
from desktop.core.dataset.lines import Lines
from desktop.core.dataset.patterns import NO_STRING, UNKNOWN, Group, Pattern, Patterns, first_of_each
from trainer_image.formats import Example, Preference, Row, Shape, convert
from trainer_image.formats.json_lines import read_json_lines
from trainer_image.formats.shapes import CHECKS, LABELS, PAIRS, RANKS, TURN_COLUMNS, pair_in, shape_of
from trainer_image.formats.taken import taken_in

SHAPES: tuple[Shape, ...] = ("messages", "sharegpt", "alpaca", "prompt_completion", "question_answer", "text")
_OTHERWISE_READ = frozenset((*LABELS, *RANKS, *CHECKS, "system", "system_prompt", "tools", "functions", "history"))
"""Columns whose texts are more than texts, or by which a row would be of another shape."""
_OF_PAIRS = frozenset(name for pair in PAIRS for name in pair)
_MARK = 2
"""The place of the mark in what a pair says: behind the question and the better answer, before the worse one."""
_ENDS = b" \\nrtf" + bytes(range(128, 256))
"""Every byte that a blank is written with, and others: without these at their ends texts differ only if they do."""
_TURN_KEYS = frozenset(("role", "content", "from", "value"))
_MOST = 1 << 16
_BLANK_BEFORE_COLON = re.compile(rb"[ \t\r]+:")


@lru_cache(4)
def skeletons_of(guess: Guess) -> Skeletons:
    """Return what this process knows of skeletons already, from the parts of a file that it has read."""
    return Skeletons(guess)


class Skeletons:
    """The skeletons met so far, and what is known of them."""

    def __init__(self, guess: Guess) -> None:
        self._guess = guess
        self._patterns = Patterns()
        self._are_pairs = guess.shape == guess.kind == "preference"
        self.is_of_use = (guess.shape in SHAPES and guess.kind in ("conversation", "text")) or self._are_pairs

    def take(self, lines: Lines) -> Group | None:
        """Return the lines that are plainly good, if there are any; all others have to go the strict way."""
        places = np.flatnonzero(lines.parts.is_good)
        numbers = self._numbers_of(lines, places)
        is_known = numbers >= 0
        if not is_known.all():
            places, numbers = places[is_known], numbers[is_known]
        if self._are_pairs and len(places):
            is_apart = self._are_apart(lines, places, numbers)
            places, numbers = places[is_apart], numbers[is_apart]
        return Group(lines, places, self._patterns, numbers) if len(places) else None

    def _numbers_of(self, lines: Lines, places: Places) -> Places:
        """Return the numbers of the patterns of lines, for which one line of each new skeleton is read."""
        signatures = lines.parts.signatures[places]
        numbers = self._patterns.numbers_of(signatures)
        is_unknown = numbers == UNKNOWN
        if is_unknown.any():
            new = first_of_each(signatures[is_unknown], places[is_unknown])
            some = islice(new.items(), _MOST - len(self._patterns))
            self._patterns.add({signature: self._learn(lines, place) for signature, place in some})
            numbers = self._patterns.numbers_of(signatures)
        return numbers

    def _are_apart(self, lines: Lines, places: Places, numbers: Places) -> Flags:
        """Say of which lines the better and the worse answer surely differ by more than blanks at their ends."""
        firsts = lines.parts.firsts[places]
        answers = self._patterns.table.answers[numbers]
        pairs = zip(lines.strings(firsts + answers[:, 0]), lines.strings(firsts + answers[:, 1]), strict=True)
        return np.fromiter((one.strip(_ENDS) != other.strip(_ENDS) for one, other in pairs), np.bool_, len(places))

    def _learn(self, lines: Lines, place: int) -> Pattern | None:
        """Read one line the strict way, and return what it says of the others with its skeleton; None if nothing."""
        parts, line = lines.parts, lines.line(place)
        first, count = parts.firsts[place], parts.counts[place]
        if any(
            _BLANK_BEFORE_COLON.match(line, stop + 1)
            for stop in parts.stops[first : first + count] - lines.starts[place]
        ):
            return None
        numbers = np.flatnonzero(parts.is_open[first : first + count])
        strings = dict(zip(numbers.tolist(), lines.strings(first + numbers), strict=True))
        row = next(read_json_lines((line,)), None)
        if not isinstance(row, Row) or not _is_simple(row.value, self._are_pairs):
            return None
        guess = self._guess
        if guess.shape is None or shape_of(row.value) != guess.shape or taken_in(row, guess.shape):
            return None
        made = convert(row, guess.shape, guess.kind)[0]
        if not isinstance(made, (Example, Preference)) or (isinstance(made, Example) and made.tools):
            return None
        said = spoken(made)
        texts, apart = [text for _, text in said], None
        if isinstance(made, Preference):
            if len(made.prompt) != 1 or len(made.chosen) != 1 or len(made.rejected) != 1:
                return None
            # Between the two answers stands a mark with no text of its own.
            del texts[_MARK]
        places = _places(texts, strings)
        if places is None:
            return None
        if isinstance(made, Preference):
            apart = places[1:]
            places = (*places[:_MARK], NO_STRING, *places[_MARK:])
        empty = tuple(name for name, cell in row.value.items() if is_empty(cell))
        pair = pair_in(row.value) if guess.shape == "prompt_completion" else None
        return Pattern(b"".join(name for name, _ in said), places, said[0][0] == b"system", empty, pair, apart)


def _is_simple(value: Mapping[str, Any], are_pairs: bool) -> bool:
    """Say whether nothing in a row but its turns or its few known texts matters."""
    if any(name in _OTHERWISE_READ for name in value) or not all(map(str.isascii, value)):
        return False
    if not are_pairs and not _OF_PAIRS.isdisjoint(value):
        return False
    turns = [cell for name, cell in value.items() if name in TURN_COLUMNS]
    if not turns:
        return all(isinstance(cell, str) or not isinstance(cell, (list, dict)) for cell in value.values())
    return (
        len(turns) == 1
        and isinstance(turns[0], list)
        and all(
            isinstance(turn, dict)
            and turn.keys() <= _TURN_KEYS
            and all(isinstance(cell, str) for cell in turn.values())
            for turn in turns[0]
        )
    )


def _places(texts: Sequence[bytes], strings: Mapping[int, bytes]) -> tuple[int, ...] | None:
    """Return which string each text is; None where that is not clear."""
    if list(strings.values()) == list(texts):
        return tuple(strings)
    found = [[place for place, string in strings.items() if string == text] for text in texts]
    return tuple(places[0] for places in found) if all(len(places) == 1 for places in found) else None
