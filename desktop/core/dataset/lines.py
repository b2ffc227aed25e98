"""Lines of a JSONL file by the thousand: where their strings lie, and what else can be told from bytes alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

BLOCK = 1 << 20
_AHEAD = bytes(32)
_ESCAPED = np.isin(np.arange(256), list(b'"\\nrtbf'))
_MARKS_BEGIN = (b"<|", b"<\xef\xbd\x9c", b"<<SYS", b"<</SYS", b"<start_o", b"<end_of")
"""Of all marks in angle brackets; those in square ones end in INST]."""

Places = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]


class Lines:
    """Whole lines that follow each other, taken apart at their quotes.

    ``is_plain`` says of a line that it is of whole letters, without control characters, rare escapes or a trace of a
    template's mark, and that its quotes pair; the strings of the other lines are not told.
    """

    def __init__(self, offset: int, data: bytes) -> None:
        self.offset, self.data = offset, data
        whole = np.frombuffer(data + _AHEAD, np.uint8)
        self.letters = whole[: len(data)]
        self.windows: npt.NDArray[np.uint64] = np.ndarray((len(data) + len(_AHEAD) - 8,), "<u8", whole, strides=(1,))
        feeds = np.flatnonzero(self.letters == ord("\n"))
        self.ends = feeds + 1 if len(feeds) and feeds[-1] == len(data) - 1 else np.append(feeds + 1, len(data))
        self.starts = np.concatenate(([0], self.ends[:-1]))
        self.is_plain = np.ones(len(self.ends), bool)
        quotes = self._quotes()
        self._refuse_controls(len(feeds))
        self._refuse_broken_letters()
        self._refuse_traces_of_marks()
        counts = np.diff(np.searchsorted(quotes, self.ends), prepend=0)
        self.is_plain &= (counts > 0) & (counts % 2 == 0)
        quotes = quotes[np.repeat(self.is_plain, counts)]
        self.counts = np.where(self.is_plain, counts // 2, 0)
        """Strings of each line."""
        self.begins, self.stops = quotes[::2] + 1, quotes[1::2]
        """Where each string begins and ends, without its quotes."""

    def __len__(self) -> int:
        return len(self.ends)

    def line(self, place: int) -> bytes:
        return self.data[self.starts[place] : self.ends[place]]

    def _refuse(self, places: Places) -> None:
        """Take the lines with these bytes for not plain."""
        self.is_plain[np.searchsorted(self.ends, places, side="right")] = False

    def _quotes(self) -> Places:
        """Return the quotes that begin or end a string."""
        quotes = np.flatnonzero(self.letters == ord('"'))
        slashes = np.flatnonzero(self.letters == ord("\\"))
        if not len(slashes):
            return quotes
        in_run = np.flatnonzero(slashes[1:] - slashes[:-1] == 1)
        if len(in_run):
            # Every other one of a run of them is escaped itself.
            is_escape = np.ones(len(slashes), bool)
            for place in in_run.tolist():
                is_escape[place + 1] = not is_escape[place]
            slashes = slashes[is_escape]
        after = self.windows[slashes] >> np.uint64(8) & np.uint64(0xFF)
        # \u may stand for half a letter or for a mark, and \/ is another way to write what has one already.
        self._refuse(slashes[~_ESCAPED[after]])
        escaped = slashes[after == ord('"')] + 1
        if len(escaped):
            is_plain = np.ones(len(quotes), bool)
            is_plain[np.searchsorted(quotes, escaped)] = False
            quotes = quotes[is_plain]
        return quotes

    def _refuse_controls(self, feeds: int) -> None:
        is_control = self.letters < 32
        if np.count_nonzero(is_control) == feeds:
            return
        places = np.flatnonzero(is_control & (self.letters != ord("\n")))
        behind = places + 1 < len(self.letters)
        follows = np.zeros(len(places), bool)
        follows[behind] = self.letters[places[behind] + 1] == ord("\n")
        self._refuse(places[~(follows & (self.letters[places] == ord("\r")))])

    def _refuse_broken_letters(self) -> None:
        if self.data.isascii():
            return
        wide = np.flatnonzero(self.letters > 127)
        # Letters beyond ASCII are whole if they are so each with the byte behind it, where that is none of them.
        behind = wide[np.flatnonzero(wide[1:] - wide[:-1] > 1)] + 1
        try:
            self.letters[np.sort(np.concatenate((wide, behind)))].tobytes().decode()
        except UnicodeDecodeError:
            for place in range(len(self)):
                try:
                    self.line(place).decode()
                except UnicodeDecodeError:
                    self.is_plain[place] = False

    def _refuse_traces_of_marks(self) -> None:
        """Refuse lines with what the marks of templates begin or end with; see ``trainer_image.formats.MARKS``."""
        opened = np.flatnonzero(self.letters == ord("<"))
        if len(opened):
            here = self.windows[opened]
            is_trace = np.zeros(len(opened), bool)
            for begin in _MARKS_BEGIN:
                is_trace |= (here & np.uint64((1 << 8 * len(begin)) - 1)) == np.uint64(int.from_bytes(begin, "little"))
            self._refuse(opened[is_trace])
        closed = np.flatnonzero(self.letters == ord("]"))
        self._refuse(closed[(closed > 0) & (self.letters[closed - 1] == ord("T"))])


def lines_between(file: BinaryIO, begin: int, end: int, is_first: bool) -> Iterator[Lines]:
    """Yield the lines that begin between two bytes; at ``begin`` one begins for sure only where it is the first."""
    at = begin if is_first else _line_from(file, begin)
    left = _line_from(file, end) - at
    file.seek(at)
    rest = b""
    while left > 0:
        block = file.read(min(BLOCK, left))
        # The file may have become shorter meanwhile.
        left = left - len(block) if block else 0
        data = rest + block
        whole = data.rfind(b"\n") + 1 if left else len(data)
        data, rest = data[:whole], data[whole:]
        if data:
            yield Lines(at, data)
            at += len(data)


def _line_from(file: BinaryIO, at: int) -> int:
    """Return where the first line begins that begins at a byte or behind it."""
    file.seek(at - 1)
    return at - 1 + len(file.readline())
