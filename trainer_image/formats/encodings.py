"""Which letters the bytes of a file are, and the file as UTF-8 whatever they were."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from trainer_image.formats.legacy import LEGACY_WORDS, legacy_encoding
from trainer_image.formats.rows import BadRow, UnreadableFileError

BLOCK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16, whose mark is the beginning of this one.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
ENCODING_WORDS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with a mark at its beginning",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32": "UTF-32",
    **LEGACY_WORDS,
    "shift_jis": "Shift-JIS",
    "euc_kr": "EUC-KR",
}

_BYTE = re.compile("[\udc80-\udcff]")
"""What stands for a byte that is no UTF-8."""
_HALF_LETTER = "\udced[\udca0-\udcbf][\udc80-\udcbf]"
"""A lone surrogate that some program has written as if it were a letter: UTF-8 but for that."""
_LINES_TO_COMPARE = 5
"""In a file of fewer lines one with other letters is not the odd one out."""
_WHOLE_SHARE = 4
"""Where there are this many broken lines or fewer for each one that is UTF-8 with letters, these are not chance."""
_QUOTED = re.compile(rb'"[^"]*(?:"|$)')


def find_encoding(open_file: Callable[[], BinaryIO], name: str) -> str:
    """Return the encoding in which the whole file reads without one lost character."""
    with open_file() as file:
        head = file.read(4096)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    wide = wide_encoding(head)
    if wide:
        return wide
    invalid = _invalid_bytes(open_file)
    if invalid == 0:
        return "utf-8"
    # Where most of the letters are UTF-8 the file is, and the rows with the others are named one by one.
    if invalid < _letters_beyond_ascii(open_file):
        return "utf-8"
    broken, whole, lines = _lines_by_letters(open_file)
    # Nor is a file of two, put one behind the other, read in the encoding of the older: its UTF-8 is no chance.
    if whole * _WHOLE_SHARE >= broken:
        return "utf-8"
    # A few lines of noise in plain English are no other encoding, unless they clearly read as one.
    few = broken * 10 <= lines or (broken == 1 and lines >= _LINES_TO_COMPARE)
    legacy = legacy_encoding(open_file, is_sure=few)
    if legacy:
        return legacy
    if broken * 2 < lines or invalid * 1000 <= _size(open_file):
        return "utf-8"
    raise UnreadableFileError(
        f"The letters of {name} are neither UTF-8 nor in another encoding that makes sense of them.",
        "Open it in the program that made it and save it as UTF-8.",
    )


def wide_encoding(head: bytes) -> str:
    """Tell UTF-16 without a mark by its zero bytes, which all stand on one side."""
    first, second = head[::2].count(0), head[1::2].count(0)
    for zeros, others, encoding in ((second, first, "utf-16-le"), (first, second, "utf-16-be")):
        if zeros > len(head) // 20 and others * 20 <= zeros:
            text = head[: len(head) // 2 * 2].decode(encoding, "ignore")
            if not any(letter < " " and letter not in "\t\r\n\f" for letter in text):
                return encoding
    return ""


def _blocks(open_file: Callable[[], BinaryIO]) -> Iterator[bytes]:
    with open_file() as file:
        while block := file.read(BLOCK):
            yield block


def _texts(open_file: Callable[[], BinaryIO]) -> Iterator[str]:
    """Yield the file as UTF-8, with a surrogate in the place of each byte that is none."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for block in _blocks(open_file):
        yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


def _size(open_file: Callable[[], BinaryIO]) -> int:
    return sum(map(len, _blocks(open_file)))


def _invalid_bytes(open_file: Callable[[], BinaryIO]) -> int:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        for block in _blocks(open_file):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return sum(len(re.findall("[\udc80-\udcff]", text)) for text in _texts(open_file))
    return 0


def _letters_beyond_ascii(open_file: Callable[[], BinaryIO]) -> int:
    """Count the letters that are UTF-8, and as many bytes as half a letter written as one has."""
    return sum(
        len(re.findall("[^\x00-\x7f\udc80-\udcff]", text)) + 4 * len(re.findall(_HALF_LETTER, text))
        for text in _texts(open_file)
    )


def _lines_by_letters(open_file: Callable[[], BinaryIO]) -> tuple[int, int, int]:
    """Count the lines with a byte that is no UTF-8, those whose letters beyond ASCII are whole, and those not blank."""
    broken = whole = lines = 0
    line = _Seen()
    for text in _texts(open_file):
        for place, piece in enumerate(text.split("\n")):
            if place:
                lines, broken, whole = lines + line.is_filled, broken + line.is_broken, whole + line.is_whole
                line = _Seen()
            line.look_at(piece)
    return broken + line.is_broken, whole + line.is_whole, lines + line.is_filled


class _Seen:
    """What was seen of a line, which may come in pieces."""

    def __init__(self) -> None:
        self.is_filled = self.is_broken = self._has_letters = False

    @property
    def is_whole(self) -> bool:
        return self._has_letters and not self.is_broken

    def look_at(self, piece: str) -> None:
        self.is_filled = self.is_filled or bool(piece.strip())
        self._has_letters = self._has_letters or not piece.isascii()
        self.is_broken = self.is_broken or _BYTE.search(piece) is not None


def bad_letters(error: UnicodeDecodeError) -> BadRow:
    """Return what is wrong with a line that is no UTF-8."""
    byte = error.object[error.start]
    fault = f"Its byte {error.start + 1} ({byte:#04x}) is no UTF-8, so a letter is broken."
    return BadRow("", "broken_letters", fault, "Write the letter anew or take the row out.")


class _Filtered(io.RawIOBase):
    """A stream of bytes with every block passed through a function, which is told when there are no more."""

    def __init__(self, stream: BinaryIO, change: Callable[[bytes, bool], bytes]) -> None:
        self._stream, self._change = stream, change
        self._rest, self._ended = b"", False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and not self._ended:
            block = self._stream.read(BLOCK)
            self._ended = not block
            self._rest = self._change(block, self._ended)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size

    def close(self) -> None:
        self._stream.close()
        super().close()


def as_utf8(stream: BinaryIO, encoding: str) -> BinaryIO:
    """Return the stream as UTF-8 without a mark; what was no whole letter is none in it either."""
    if encoding == "utf-8":
        return stream
    if encoding == "utf-8-sig":
        stream.read(len(codecs.BOM_UTF8))
        return stream
    # In an encoding that somebody has said and that is not the file's, a byte that is no letter is named with its row.
    errors = "surrogatepass" if encoding.startswith("utf") else "surrogateescape"
    decoder = codecs.getincrementaldecoder(encoding)(errors)

    def change(block: bytes, is_last: bool) -> bytes:
        try:
            return decoder.decode(block, is_last).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            # Half a letter at the end of the file, or a broken one: a byte that is no UTF-8 either, to be named.
            decoder.reset()
            return b"\xff"

    return io.BufferedReader(_Filtered(stream, change), BLOCK)


def ends_in_returns(sample: bytes) -> bool:
    """Say whether the lines of a file end in a carriage return alone, as an old Mac's; cells may hold line feeds."""
    if b"\r" not in sample or b"\r\n" in sample:
        return False
    if b"\n" not in sample:
        return True
    # Quotes tell cells in tables only: a broken line of JSON may have one too many.
    between = b"\n" if sample.lstrip()[:1] in (b"{", b"[") else _QUOTED.sub(b"", sample)
    return b"\r" in between and b"\n" not in between


def with_line_feeds(stream: BinaryIO) -> BinaryIO:
    """Return the stream of an old Mac's file, whose lines end in a carriage return alone, with ours."""
    return io.BufferedReader(_Filtered(stream, lambda block, _: block.replace(b"\r", b"\n")), BLOCK)
