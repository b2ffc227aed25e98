"""Opens what a person calls a dataset, and refuses at once what is none: nothing here waits or runs out of memory."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from trainer_image.formats.encodings import wide_encoding
from trainer_image.formats.rows import UnreadableFileError

HEAD = 1 << 18
"""So many bytes tell what a file is."""

FETCH_AGAIN = "Fetch or save it again."
KNOWN = "JSONL, JSON, CSV, TSV, Parquet or text"

PARQUET, GZIP, ZIP = b"PAR1", b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")

_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"%PDF", "a PDF"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3", "a database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"ARROW1", "an Arrow file"),
    (b"Obj\x01", "an Avro file"),
    (b"\x93NUMPY", "a NumPy file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x80\x04\x95", "a Python pickle"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"GGUF", "a model"),
    (b"{\\rtf", "a document (RTF)"),
    *((b"\x80" + bytes((version,)), "a Python pickle") for version in (2, 3, 5)),
)
_HINTS = (
    ("archive", "Unpack it first, and choose the file in it."),
    ("database", "Export the table with the rows as CSV."),
    ("document", "Save its text or its table as plain text or as CSV (UTF-8)."),
)
_HTML = re.compile(
    rb"\s*(?:\xef\xbb\xbf)?\s*(?:<!--[^>]{0,2000}-->\s*)?<(?:!doctype\s+html|html|head|\?xml)[\s>]", re.IGNORECASE
)
_SCALAR = rb'(?:"(?:[^"\\]|\\.){0,500}"|-?[0-9.]{1,20}|true|false|null)'
_OF_A_ROW = rb'(?!(?:prompt|completion|question|answer|response|output|instruction|text|chosen|rejected)")'
_ERROR = re.compile(
    rb'\s*\{\s*"(?:error|message|detail)"\s*:\s*"(?:[^"\\]|\\.){0,500}"'
    rb'(?:\s*,\s*"' + _OF_A_ROW + rb'[a-z_]{1,40}"\s*:\s*' + _SCALAR + rb"){0,8}\s*\}\s*",
    re.IGNORECASE,
)
"""An object that says what went wrong, and nothing else."""
FEW = 8
"""So many letters that nobody types may stand in a short text all the same."""
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\r\f\x1b")


def shown(name: str) -> str:
    """Return a file name that is safe to show: on one line, with nothing in it that moves a cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:120]


def open_regular(path: Path) -> BinaryIO:
    """Open a file that is a file; a pipe or a device is refused before it can make anybody wait."""
    name = shown(path.name)
    try:
        facts = path.stat()
        if stat.S_ISDIR(facts.st_mode):
            raise UnreadableFileError(f"{name} is a folder.", "Choose a file in it.")
        if not stat.S_ISREG(facts.st_mode):
            raise UnreadableFileError(f"{name} is a pipe or a device, not a file.", "Choose a file.")
        # It may have become a pipe since it was looked at: then neither open nor read may wait.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        file = os.fdopen(descriptor, "rb")
    except FileNotFoundError as error:
        raise UnreadableFileError(f"There is no file {shown(str(path))}.", "Choose another file.") from error
    except PermissionError as error:
        raise UnreadableFileError(f"{name} cannot be opened: it is not yours to read.", "Check its rights.") from error
    except (OSError, ValueError) as error:
        raise UnreadableFileError(
            f"{name} cannot be opened ({getattr(error, 'strerror', None) or error}).", "Choose another file."
        ) from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UnreadableFileError(f"{name} is a pipe or a device, not a file.", "Choose a file.")
    return file


def refuse_what_is_no_text(head: bytes, name: str) -> None:
    """Raise UnreadableFileError, with what the file is, where its first bytes are no text."""
    if not head.removeprefix(b"\xef\xbb\xbf").strip() or head in (b"\xff\xfe", b"\xfe\xff"):
        raise UnreadableFileError(f"{name} is empty.", FETCH_AGAIN)
    if head.startswith(b"version https://git-lfs"):
        hint = "Run git lfs pull where it came from, or download the file itself."
        raise UnreadableFileError(f"{name} is only the pointer that Git LFS leaves in the place of a file.", hint)
    if head.startswith(PARQUET):
        raise UnreadableFileError(f"{name} is Parquet inside an archive.", "Unpack it first.")
    other = next((words for magic, words in _OTHERS if head.startswith(magic)), "")
    if head[257:262] == b"ustar":
        other = "a tar archive"
    if other:
        hint = next((hint for word, hint in _HINTS if word in other), f"Save the rows as {KNOWN}.")
        raise UnreadableFileError(f"{name} is {other}, not a dataset.", hint)
    if _ERROR.fullmatch(head):
        raise UnreadableFileError(f"{name} is what a server answers in the place of a file.", FETCH_AGAIN)
    is_page_of_text = name.lower().endswith((".txt", ".md"))
    if _HTML.match(head) and not is_page_of_text:
        if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:5].lower() == b"<?xml" and b"<html" not in head.lower():
            raise UnreadableFileError(f"{name} is XML, not a dataset.", f"Save the rows as {KNOWN}.")
        hint = "Download the file itself: the page it is shown on was saved instead."
        raise UnreadableFileError(f"{name} is a web page, not a dataset.", hint)
    is_wide = head.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")) or wide_encoding(head[:4096])
    # A crash may leave zeros behind the last row, which are named with their line.
    written = head.rstrip(b"\0")
    controls = len(written) - len(written.translate(None, _CONTROLS))
    if not is_wide and (controls > len(written) // 50 + FEW or not written):
        raise UnreadableFileError(f"{name} is binary, not text.", f"Save the rows as {KNOWN}.")
