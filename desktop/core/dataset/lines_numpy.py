"""Lines of JSONL taken apart with numpy, a thousand at once: what lines.c does, where no compiler was there for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from desktop.core.dataset.letters import TRACES
from desktop.core.dataset.line_parts import Flags, LineParts, Places, Words
from trainer_image.formats.unseen import UNSEEN

_AHEAD = bytes(32)
_ESCAPED = np.isin(np.arange(256), list(b'"\\nrtbf'))
_MARKS_BEGIN = (b"<|", b"<\xef\xbd\x9c", b"<<SYS", b"<</SYS", b"<start_o", b"<end_of", b"</s>", b"<bos>", b"<eos>")
"""Of all marks in angle brackets; those in square ones end in INST]."""
_LONGEST_KEY = 16
_LONGEST_GAP = 8
"""What is longer than these is not taken for part of a skeleton."""
_WRITTEN_BLANK = re.compile(rb"\\[ntrf]")
_LOOKED_AT = 256
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)
_ROLE_KEYS = tuple(np.uint64(int.from_bytes(name, "little")) for name in (b"role", b"from"))
# The beginnings of blanks beyond ASCII.
_WIDE_BLANKS = tuple(
    int.from_bytes(start, "little")
    for start in (
        *(b"\xc2\x85", b"\xc2\xa0", b"\xc2\xad", b"\xe1\x9a", b"\xe1\xa0", b"\xe2\x80", b"\xe2\x81"),
        *(b"\xe3\x80", b"\xef\xbb"),
    )
)
_DIALOGUE = np.uint64(int.from_bytes(b"Human:", "little"))


def take_apart(data: bytes) -> LineParts:
    """Return what lines consist of."""
    return _Lines(data).parts()


class _Lines:
    """Lines on their way to being taken apart."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        whole = np.frombuffer(data + _AHEAD, np.uint8)
        self._letters = whole[: len(data)]
        self._windows: Words = np.ndarray((len(data) + len(_AHEAD) - 8,), "<u8", whole, strides=(1,))
        feeds = np.flatnonzero(self._letters == ord("\n"))
        self._ends = feeds + 1 if len(feeds) and feeds[-1] == len(data) - 1 else np.append(feeds + 1, len(data))
        self._starts = np.concatenate(([0], self._ends[:-1]))
        self._is_good = np.ones(len(self._ends), bool)
        quotes = self._quotes()
        self._refuse_controls(len(feeds))
        self._refuse_broken_letters()
        self._refuse_traces_of_marks()
        counts = np.diff(np.searchsorted(quotes, self._ends), prepend=0)
        self._is_good &= (counts > 0) & (counts % 2 == 0)
        quotes = quotes[np.repeat(self._is_good, counts)]
        self._counts = np.where(self._is_good, counts // 2, 0)
        self._begins, self._stops = quotes[::2] + 1, quotes[1::2]

    def parts(self) -> LineParts:
        firsts = np.cumsum(self._counts) - self._counts
        signatures, is_open = np.zeros(len(self._ends), np.uint64), np.zeros(len(self._begins), bool)
        plain = np.flatnonzero(self._is_good)
        if len(plain):
            signatures[plain], self._is_good[plain], is_open = self._signatures(plain, firsts[plain])
        return LineParts(
            self._ends, firsts, self._counts, signatures, self._is_good, self._begins, self._stops, is_open, None
        )

    def _refuse(self, places: Places) -> None:
        """Take the lines with these bytes for not good."""
        self._is_good[np.searchsorted(self._ends, places, side="right")] = False

    def _quotes(self) -> Places:
        """Return the quotes that begin or end a string."""
        quotes = np.flatnonzero(self._letters == ord('"'))
        slashes = np.flatnonzero(self._letters == ord("\\"))
        if not len(slashes):
            return quotes
        in_run = np.flatnonzero(slashes[1:] - slashes[:-1] == 1)
        if len(in_run):
            # Every other one of a run of them is escaped itself.
            is_escape = np.ones(len(slashes), bool)
            for place in in_run.tolist():
                is_escape[place + 1] = not is_escape[place]
            slashes = slashes[is_escape]
        after = self._windows[slashes] >> np.uint64(8) & np.uint64(0xFF)
        # \u may stand for half a letter or for a mark, and \/ is another way to write what has one already.
        self._refuse(slashes[~_ESCAPED[after]])
        escaped = slashes[after == ord('"')] + 1
        if len(escaped):
            is_plain = np.ones(len(quotes), bool)
            is_plain[np.searchsorted(quotes, escaped)] = False
            quotes = quotes[is_plain]
        return quotes

    def _refuse_controls(self, feeds: int) -> None:
        is_control = self._letters < 32
        if np.count_nonzero(is_control) == feeds:
            return
        places = np.flatnonzero(is_control & (self._letters != ord("\n")))
        behind = places + 1 < len(self._letters)
        follows = np.zeros(len(places), bool)
        follows[behind] = self._letters[places[behind] + 1] == ord("\n")
        self._refuse(places[~(follows & (self._letters[places] == ord("\r")))])

    def _refuse_broken_letters(self) -> None:
        if self._data.isascii():
            return
        wide = np.flatnonzero(self._letters > 127)
        self._refuse(wide[self._begin_with(wide, TRACES)])
        # Letters beyond ASCII are whole if they are so each with the byte behind it, where that is none of them.
        behind = wide[np.flatnonzero(wide[1:] - wide[:-1] > 1)] + 1
        try:
            self._letters[np.sort(np.concatenate((wide, behind)))].tobytes().decode()
        except UnicodeDecodeError:
            for place in range(len(self._ends)):
                try:
                    self._data[self._starts[place] : self._ends[place]].decode()
                except UnicodeDecodeError:
                    self._is_good[place] = False

    def _refuse_traces_of_marks(self) -> None:
        """Refuse lines with what the marks of templates begin or end with; see ``trainer_image.formats.MARKS``."""
        opened = np.flatnonzero(self._letters == ord("<"))
        if len(opened):
            self._refuse(opened[self._begin_with(opened, _MARKS_BEGIN)])
        closed = np.flatnonzero(self._letters == ord("]"))
        self._refuse(closed[(closed > 0) & (self._letters[closed - 1] == ord("T"))])

    def _begin_with(self, places: Places, begins: Sequence[bytes]) -> Flags:
        """Say of each place whether one of these, of at most eight bytes each, begins there."""
        here = self._windows[places]
        found = np.zeros(len(places), bool)
        for begin in begins:
            found |= (here & _MASKS[len(begin)]) == np.uint64(int.from_bytes(begin, "little"))
        return found

    def _signatures(self, plain: Places, firsts: Places) -> tuple[Words, Flags, Flags]:
        """Return the signatures of plain lines, whether their texts are good, and which strings are texts."""
        windows, begins, stops = self._windows, self._begins, self._stops
        counts, sizes = self._counts[plain], stops - begins
        here, behind = windows[begins], windows[begins + 8]
        is_key = self._letters[np.minimum(stops + 1, len(self._letters) - 1)] == ord(":")
        is_role = np.zeros(len(sizes), bool)
        for name in _ROLE_KEYS:
            is_role[1:] |= (is_key & (sizes == 4) & ((here & _MASKS[4]) == name))[:-1]
        is_role[firsts] = False
        is_open = ~is_key & ~is_role
        is_bad = is_open & _begins_oddly(here) & (sizes > 0)
        for place in np.flatnonzero(is_bad).tolist():
            is_bad[place] = not _says_something(self._data[begins[place] : stops[place]])
        is_bad |= ~is_open & (sizes > _LONGEST_KEY)

        heads = here & _MASKS[np.minimum(sizes, 8)]
        rests = behind & _MASKS[np.clip(sizes - 8, 0, 8)]
        heads[is_open], rests[is_open] = sizes[is_open] > 0, 0
        codes = heads * np.uint64(0x9E3779B97F4A7C15) + rests * np.uint64(0xC2B2AE3D27D4EB4F)
        codes += np.where(is_open, 17, sizes).astype(np.uint64) * np.uint64(0x165667B19E3779F9)
        codes ^= codes >> np.uint64(29)

        gap_begins = np.concatenate(([0], stops[:-1] + 1))
        gap_begins[firsts] = self._starts[plain]
        gap_sizes = begins - 1 - gap_begins
        is_bad |= gap_sizes > _LONGEST_GAP
        codes += (windows[gap_begins] & _MASKS[np.minimum(gap_sizes, 8)]) * np.uint64(0xD6E8FEB86659FD93)
        codes += gap_sizes.astype(np.uint64) * np.uint64(0xA0761D6478BD642F)
        codes ^= codes >> np.uint64(32)
        codes *= weights(int(counts.max()))[np.arange(len(sizes)) - np.repeat(firsts, counts)]
        signatures = np.add.reduceat(codes, firsts)

        tails = stops[firsts + counts - 1] + 1
        tail_sizes = self._ends[plain] - tails
        signatures += (windows[tails] & _MASKS[np.minimum(tail_sizes, 8)]) * np.uint64(0xE7037ED1A0B428DB)
        return signatures, ~np.logical_or.reduceat(is_bad, firsts) & (tail_sizes <= _LONGEST_GAP), is_open


def _begins_oddly(here: Words) -> Flags:
    """Say of each text whether it may be blank, or a dialogue that is written out: both are told by their beginning."""
    first = here & np.uint64(0xFF)
    is_odd: npt.NDArray[np.bool_] = (first <= 32) | (first == ord("\\")) | ((here & _MASKS[6]) == _DIALOGUE)
    if (first > 127).any():
        two = here & np.uint64(0xFFFF)
        for start in _WIDE_BLANKS:
            is_odd |= two == start
    return is_odd


def _says_something(text: bytes) -> bool:
    """Say of a text that begins oddly whether it is more than blanks, and no dialogue that is written out."""
    begins = _WRITTEN_BLANK.sub(b" ", text[:_LOOKED_AT]).decode("utf-8", "ignore")
    begins = begins.translate(UNSEEN).lstrip()
    return bool(begins) and not begins.startswith("Human:")


@lru_cache(1024)
def weights(count: int) -> Words:
    """Return an odd number for each place in a row, so that the same things in another order are something else."""
    made = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    made ^= made >> np.uint64(31)
    made *= np.uint64(0xBF58476D1CE4E5B9)
    made ^= made >> np.uint64(27)
    made |= np.uint64(1)
    made.flags.writeable = False
    return made
