"""The quick way with JSONL: of all lines that differ only in their texts, one is read the strict way for the others.

What is left of a line when its texts are taken out is its skeleton: brackets, keys, roles, numbers. Where one line of a
skeleton is a good row, so is each other one whose texts hold something and no mark of a template. What is not plainly
good goes the strict way of ``trainer_image.formats``, which alone says what is wrong with a row. So this way may refuse
whatever it likes, and must never take what the strict way would refuse or read otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from desktop.core.dataset.counts import Guess, is_empty
from desktop.core.dataset.fingerprints import PART_END, spoken
from desktop.core.dataset.lines import Flags, Lines, Places
from trainer_image.formats import Example, Row, Shape, convert
from trainer_image.formats.json_lines import read_json_lines
from trainer_image.formats.shapes import CHECKS, LABELS, PAIRS, RANKS, TURN_COLUMNS, shape_of

SHAPES: tuple[Shape, ...] = ("messages", "sharegpt", "alpaca", "prompt_completion", "question_answer", "text")
_OTHERWISE_READ = frozenset((*LABELS, *RANKS, *CHECKS, "system", "tools", "functions", "history")) | {
    name for pair in PAIRS for name in pair
}
"""Columns whose texts are more than texts, or by which a row would be of another shape."""
_TURN_KEYS = frozenset(("role", "content", "from", "value"))
_LONGEST_KEY = 16
_LONGEST_GAP = 8
"""What is longer than these is not taken for part of a skeleton."""
_MOST = 1 << 16
_BLANK_BEFORE_COLON = re.compile(rb'"[ \t\r]+:')
_WRITTEN_BLANK = re.compile(rb"\\[ntrf]")
_LOOKED_AT = 256
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)
_ROLE_KEYS = tuple(np.uint64(int.from_bytes(name, "little")) for name in (b"role", b"from"))
# The beginnings of blanks beyond ASCII.
_WIDE_BLANKS = tuple(
    int.from_bytes(start, "little")
    for start in (b"\xc2\x85", b"\xc2\xa0", b"\xe1\x9a", b"\xe2\x80", b"\xe2\x81", b"\xe3\x80")
)
_DIALOGUE = np.uint64(int.from_bytes(b"Human:", "little"))

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Pattern:
    """What the lines of one skeleton say: which of their strings are texts, and who says them."""

    frame: bytes
    instructions: int | None
    """The string with the instructions that the conversation begins with, which many lines have in common."""
    texts: tuple[int, ...]
    empty: tuple[str, ...]


class Group(NamedTuple):
    """Lines of one pattern, and what each of them says; see ``fingerprints.Said``."""

    places: Places
    frames: list[bytes]
    texts: list[bytes]
    empty: tuple[str, ...]
    """The columns that hold nothing in all of them."""


class Skeletons:
    """The skeletons met so far, and what is known of them."""

    def __init__(self, guess: Guess) -> None:
        self._guess = guess
        self._known: dict[int, Pattern | None] = {}
        self.is_of_use = guess.shape in SHAPES and guess.kind in ("conversation", "text")

    def take(self, lines: Lines) -> Iterator[Group]:
        """Yield the lines that are plainly good, by their patterns; all others have to go the strict way."""
        plain = np.flatnonzero(lines.is_plain)
        if not len(plain):
            return
        firsts = (np.cumsum(lines.counts) - lines.counts)[plain]
        signatures, is_good, is_open = _signatures(lines, plain, firsts)
        plain, firsts = plain[is_good], firsts[is_good]
        found, inverse = np.unique(signatures[is_good], return_inverse=True)
        for number, signature in enumerate(found.tolist()):
            chosen = np.flatnonzero(inverse == number) if len(found) > 1 else np.arange(len(plain))
            if signature not in self._known:
                if len(self._known) == _MOST:
                    continue
                self._known[signature] = self._learn(lines, int(plain[chosen[0]]), int(firsts[chosen[0]]), is_open)
            pattern = self._known[signature]
            if pattern is not None:
                yield _group(lines, plain[chosen], firsts[chosen], pattern)

    def _learn(self, lines: Lines, place: int, first: int, is_open: Flags) -> Pattern | None:
        """Read one line the strict way, and return what it says of the others with its skeleton; None if nothing."""
        line = lines.line(place)
        strings = {
            number: lines.data[lines.begins[first + number] : lines.stops[first + number]]
            for number in np.flatnonzero(is_open[first : first + lines.counts[place]]).tolist()
        }
        row = next(read_json_lines((line,)), None)
        if not isinstance(row, Row) or _BLANK_BEFORE_COLON.search(line) or not _is_simple(row.value):
            return None
        guess = self._guess
        if guess.shape is None or shape_of(row.value) != guess.shape:
            return None
        made = convert(row, guess.shape, guess.kind)[0]
        if not isinstance(made, Example) or made.tools:
            return None
        said = spoken(made)
        places = _places([text for _, text in said], strings)
        if places is None:
            return None
        empty = tuple(name for name, cell in row.value.items() if is_empty(cell))
        frame = b"".join(name for name, _ in said)
        if said[0][0] == b"system":
            return Pattern(frame, places[0], places[1:], empty)
        return Pattern(frame, None, places, empty)


def _is_simple(value: Mapping[str, Any]) -> bool:
    """Say whether nothing in a row but its turns or its few known texts matters."""
    if any(name in _OTHERWISE_READ for name in value) or not all(map(str.isascii, value)):
        return False
    turns = [cell for name, cell in value.items() if name in TURN_COLUMNS]
    if not turns:
        return all(isinstance(cell, str) or not isinstance(cell, (list, dict)) for cell in value.values())
    return len(turns) == 1 and all(
        isinstance(turn, dict) and turn.keys() <= _TURN_KEYS and all(isinstance(cell, str) for cell in turn.values())
        for turn in turns[0]
    )


def _places(texts: Sequence[bytes], strings: Mapping[int, bytes]) -> tuple[int, ...] | None:
    """Return which string each text is; None where that is not clear."""
    if list(strings.values()) == list(texts):
        return tuple(strings)
    found = [[place for place, string in strings.items() if string == text] for text in texts]
    return tuple(places[0] for places in found) if all(len(places) == 1 for places in found) else None


def _group(lines: Lines, places: Places, firsts: Places, pattern: Pattern) -> Group:
    """Return what lines of one pattern say."""
    data, count = lines.data, len(pattern.texts)
    wanted = (firsts[:, None] + np.array(pattern.texts, np.intp)).ravel()
    spans = zip(lines.begins[wanted].tolist(), lines.stops[wanted].tolist(), strict=True)
    strings = [data[begin:stop] for begin, stop in spans]
    texts = strings if count == 1 else [PART_END.join(strings[at : at + count]) for at in range(0, len(strings), count)]
    frames = [pattern.frame] * len(places)
    if pattern.instructions is not None:
        wanted = firsts + pattern.instructions
        spans = zip(lines.begins[wanted].tolist(), lines.stops[wanted].tolist(), strict=True)
        frames = [pattern.frame + data[begin:stop] for begin, stop in spans]
    return Group(places, frames, texts, pattern.empty)


def _signatures(lines: Lines, plain: Places, firsts: Places) -> tuple[Words, Flags, Flags]:
    """Return a number for the skeleton of each plain line, whether its texts are good, and which strings are texts."""
    windows, begins, stops = lines.windows, lines.begins, lines.stops
    counts, sizes = lines.counts[plain], lines.stops - lines.begins
    here, behind = windows[begins], windows[begins + 8]
    is_key = lines.letters[np.minimum(stops + 1, len(lines.letters) - 1)] == ord(":")
    is_role = np.zeros(len(sizes), bool)
    for name in _ROLE_KEYS:
        is_role[1:] |= (is_key & (sizes == 4) & ((here & _MASKS[4]) == name))[:-1]
    is_role[firsts] = False
    is_open = ~is_key & ~is_role
    is_bad = is_open & _begins_oddly(here) & (sizes > 0)
    for place in np.flatnonzero(is_bad).tolist():
        is_bad[place] = not _says_something(lines.data[begins[place] : stops[place]])
    is_bad |= ~is_open & (sizes > _LONGEST_KEY)

    heads = here & _MASKS[np.minimum(sizes, 8)]
    rests = behind & _MASKS[np.clip(sizes - 8, 0, 8)]
    heads[is_open], rests[is_open] = sizes[is_open] > 0, 0
    codes = heads * np.uint64(0x9E3779B97F4A7C15) + rests * np.uint64(0xC2B2AE3D27D4EB4F)
    codes += np.where(is_open, 17, sizes).astype(np.uint64) * np.uint64(0x165667B19E3779F9)
    codes ^= codes >> np.uint64(29)

    gap_begins = np.concatenate(([0], stops[:-1] + 1))
    gap_begins[firsts] = lines.starts[plain]
    gap_sizes = begins - 1 - gap_begins
    is_bad |= gap_sizes > _LONGEST_GAP
    codes += (windows[gap_begins] & _MASKS[np.minimum(gap_sizes, 8)]) * np.uint64(0xD6E8FEB86659FD93)
    codes += gap_sizes.astype(np.uint64) * np.uint64(0xA0761D6478BD642F)
    codes ^= codes >> np.uint64(32)
    codes *= _weights(int(counts.max()))[np.arange(len(sizes)) - np.repeat(firsts, counts)]
    signatures = np.add.reduceat(codes, firsts)

    tails = stops[firsts + counts - 1] + 1
    tail_sizes = lines.ends[plain] - tails
    signatures += (windows[tails] & _MASKS[np.minimum(tail_sizes, 8)]) * np.uint64(0xE7037ED1A0B428DB)
    return signatures, ~np.logical_or.reduceat(is_bad, firsts) & (tail_sizes <= _LONGEST_GAP), is_open


def _begins_oddly(here: Words) -> Flags:
    """Say of each text whether it may be blank, or a dialogue that is written out: both are told by their beginning."""
    first = here & np.uint64(0xFF)
    is_odd: Flags = (first <= 32) | (first == ord("\\")) | ((here & _MASKS[6]) == _DIALOGUE)
    if (first > 127).any():
        two = here & np.uint64(0xFFFF)
        for start in _WIDE_BLANKS:
            is_odd |= two == start
    return is_odd


def _says_something(text: bytes) -> bool:
    """Say of a text that begins oddly whether it is more than blanks, and no dialogue that is written out."""
    begins = _WRITTEN_BLANK.sub(b" ", text[:_LOOKED_AT]).decode("utf-8", "ignore").lstrip()
    return bool(begins) and not begins.startswith("Human:")


def _weights(count: int) -> Words:
    """Return an odd number for each place in a line, so that the same strings in another order are another skeleton."""
    made = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    made ^= made >> np.uint64(31)
    made *= np.uint64(0xBF58476D1CE4E5B9)
    made ^= made >> np.uint64(27)
    return made | np.uint64(1)
