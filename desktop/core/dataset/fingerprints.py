"""Fingerprints of rows: a hash that only the same text has, and a sketch that texts with the same wording share."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from desktop.core.dataset.found_copies import CELLS
from desktop.core.dataset.line_parts import Words
from desktop.core.dataset.lines_numpy import weights
from desktop.core.dataset.native import hash_of
from trainer_image.formats import Example, Labelled, Made, Message, Preference, Steps

_EMPTY = np.uint32(0xFFFFFFFF)
PART_END = b"\x1f"
_GAP = b" " * 8
_SHORT = 400
_BLANKS = b"\t\r\n\x1f.,;:!?\"'`*#-_()[]"
_PLAIN = bytes.maketrans(
    bytes(range(65, 91)) + _BLANKS,
    bytes(range(97, 123)) + b" " * len(_BLANKS),
)
"""What a copy may have changed without being another text, in ASCII: case, kinds of blanks, punctuation."""

_ESCAPES = ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t"))
_RARE_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\n\r\t")

Sketches = npt.NDArray[np.uint32]
Numbers = npt.NDArray[np.intp]
RECORD = np.dtype([("row", "<u4"), ("line", "<u4"), ("exact", "<u8"), ("sketch", "<u4", (CELLS,))])
EXACT_RECORD = np.dtype(RECORD.descr[:3])
"""What is kept of each row to find its copies: near ones too, or exact ones alone."""


class Said(NamedTuple):
    """What a row says: its texts, and in ``frame`` who says them."""

    frame: bytes
    texts: tuple[bytes, ...]
    has_instructions: bool
    """Whether the first text is what many rows begin with, which does not make them copies of each other."""

    @property
    def text(self) -> bytes:
        """Return the texts as one, without the instructions."""
        return PART_END.join(self.texts[self.has_instructions :])


def said_in(made: Sequence[Made]) -> Said:
    """Return everything that a row's examples say, in order."""
    named = [pair for one in made for pair in spoken(one)]
    return Said(b"".join(name for name, _ in named), tuple(text for _, text in named), named[0][0] == b"system")


def exact_of(said: Said) -> int:
    """Return the hash that only rows have which say the same."""
    made = _hash_of_frame(said.frame)
    for text, weight in zip(said.texts, _weights(len(said.texts)), strict=True):
        made += hash_of(text) * weight
    return made & 0xFFFFFFFFFFFFFFFF


@lru_cache(1024)
def _hash_of_frame(frame: bytes) -> int:
    return hash_of(frame)


@lru_cache(1024)
def _weights(count: int) -> tuple[int, ...]:
    return tuple(weights(count).tolist())


def spoken(made: Made) -> list[tuple[bytes, bytes]]:
    """Return the texts of an example as JSON writes them, each with who says it."""
    if isinstance(made, Example):
        return _turns(made.messages) if made.messages else [(b"", written(made.text))]
    turns = _turns(made.prompt)
    if isinstance(made, Preference):
        return [*turns, *_turns(made.chosen), (b"or", b""), *_turns(made.rejected)]
    if isinstance(made, Labelled):
        return [*turns, *_turns(made.completion), (str(made.label).encode(), b"")]
    if isinstance(made, Steps):
        steps = zip(made.labels, made.steps, strict=True)
        return [*turns, *((str(label).encode(), written(step)) for label, step in steps)]
    # Without an answer a task is told from another by what its answers are checked with.
    answer = made.answer or json.dumps(made.fields, default=str, sort_keys=True)
    return [*turns, (b"answer", written(answer))]


def _turns(messages: Sequence[Message]) -> list[tuple[bytes, bytes]]:
    return [(message.role.encode(), written(message.content) + _calls(message)) for message in messages]


def _calls(message: Message) -> bytes:
    return json.dumps(message.tool_calls, default=str, sort_keys=True).encode() if message.tool_calls else b""


def written(text: str) -> bytes:
    """Return a text as JSON writes it with no more escapes than it needs."""
    raw = text.encode("utf-8", "surrogatepass")
    # Nearly all texts need these escapes alone, for which bytes are searched and replaced many times faster.
    if len(raw.translate(None, _RARE_CONTROLS)) != len(raw):
        return encode_basestring(text)[1:-1].encode("utf-8", "surrogatepass")
    for letter, escape in _ESCAPES:
        if letter in raw:
            raw = raw.replace(letter, escape)
    return raw


class Fingerprints:
    """Gathers rows and takes their fingerprints by the hundred, as one at a time would take ten times as long."""

    _BATCH = 256

    def __init__(self, near: bool) -> None:
        self._near = near
        self._record = RECORD if near else EXACT_RECORD
        self._waiting: list[tuple[int, int, int, bytes]] = []
        self._blocks: list[npt.NDArray[np.void]] = []

    def add(self, row: int, line: int, said: Said) -> int:
        """Take in one row and return the hash of what it says."""
        exact = exact_of(said)
        self._waiting.append((row, line, exact, said.text if self._near else b""))
        if len(self._waiting) == self._BATCH:
            self._close_batch()
        return exact

    def add_many(self, rows: Numbers, lines: Numbers, exact: Words, texts: Callable[[slice], list[bytes]]) -> None:
        """Take in many rows, with the hashes of what they say; their texts are asked for some at a time."""
        block = np.empty(len(rows), self._record)
        block["row"], block["line"], block["exact"] = rows, lines, exact
        for at in range(0, len(rows), self._BATCH) if self._near else ():
            some = slice(at, at + self._BATCH)
            block["sketch"][some] = sketches(texts(some))
        self._blocks.append(block)

    def records(self) -> npt.NDArray[np.void]:
        """Return what was gathered, in the order of the rows."""
        self._close_batch()
        every = np.concatenate(self._blocks) if self._blocks else np.empty(0, self._record)
        order = np.argsort(every["row"], kind="stable")
        return every[order]

    def _close_batch(self) -> None:
        if self._waiting:
            rows, lines, exact, texts = zip(*self._waiting, strict=True)
            block = np.empty(len(texts), self._record)
            block["row"], block["line"], block["exact"] = rows, lines, np.array(exact, "<u8")
            if self._near:
                block["sketch"] = sketches(texts)
            self._blocks.append(block)
            self._waiting = []


def sketches(texts: Sequence[bytes]) -> Sketches:
    """Return a sketch of each text; short ones are looked at in more places than long ones."""
    lengths = np.fromiter(map(len, texts), np.intp, len(texts))
    made = np.empty((len(texts), CELLS), np.uint32)
    for places, bits, chosen in ((lengths < _SHORT, 15, 4), (lengths >= _SHORT, 31, 4)):
        some = np.flatnonzero(places)
        if len(some):
            made[some] = _sketch([texts[place] for place in some.tolist()], lengths[some], bits, chosen)
    return made


def _sketch(texts: Sequence[bytes], lengths: npt.NDArray[np.intp], bits: int, chosen: int) -> Sketches:
    """Return a sketch of each text.

    It is a MinHash in one permutation: of the eight letters that begin at certain bytes a hash is taken, each falls
    into one of the cells by its highest bits, and a cell keeps the smallest. A cell that nothing fell into is empty.
    """
    # A window that reaches over the end of a text must not take in the next one.
    plain = (_GAP.join(texts) + _GAP).translate(_PLAIN)
    letters = np.frombuffer(plain, np.uint8)[: -len(_GAP)]
    # Where a window begins goes by its first letter (d, D and $ in ASCII; t and T too in short texts; in other scripts
    # one byte in 32 or 16), and not by what stands before it: texts that differ in one place share all other windows.
    places = np.flatnonzero((letters & bits) == chosen)
    hashes = np.ndarray(letters.shape, "<u8", plain, strides=(1,))[places]
    hashes *= np.uint64(0x9E3779B97F4A7C15)
    hashes ^= hashes >> np.uint64(32)
    hashes *= np.uint64(0xD6E8FEB86659FD93)
    counts = np.diff(np.searchsorted(places, np.cumsum(lengths + len(_GAP))), prepend=0)
    cells = np.repeat(np.arange(0, len(texts) * CELLS, CELLS), counts)
    cells += (hashes >> np.uint64(60)).view(np.int64)
    made = np.full(len(texts) * CELLS, _EMPTY)
    np.minimum.at(made, cells, (hashes >> np.uint64(24)).astype(np.uint32))
    return made.reshape(len(texts), CELLS)
