"""Files inside gzip and zip archives, within limits: an archive is somebody else's word about what is in it."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO, Literal, cast

from trainer_image.formats.members import HEAD, members_to_read, rows_among
from trainer_image.formats.opening import FETCH_AGAIN, GZIP, PARQUET, ZIP, open_regular, shown
from trainer_image.formats.rows import UnreadableFileError

Compression = Literal["", "gzip", "zip"]

LARGEST = 64 << 30
FREE = 16 << 20
LARGEST_RATIO = 200
"""Text shrinks three- to tenfold, and a file of the same row a hundredfold; below FREE bytes any ratio will do."""

_NESTED = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".zst", ".rar")


@dataclass(frozen=True)
class Part:
    """One file to read, by itself or out of an archive; it may be opened as often as one likes."""

    name: str
    open: Callable[[], BinaryIO]


class _Measured(io.RawIOBase):
    """What comes out of an archive, as long as it stays in proportion to what went in."""

    def __init__(self, stream: BinaryIO, packed: int, name: str) -> None:
        self._stream, self._packed, self._name, self._size = stream, packed, name, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read(len(buffer))
        self._size += len(block)
        if self._size > LARGEST or self._size > max(FREE, self._packed * LARGEST_RATIO):
            hint = "Unpack it yourself if you trust it."
            raise UnreadableFileError(f"{self._name} swells beyond all measure when it is unpacked.", hint)
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _measured(stream: BinaryIO, packed: int, name: str) -> BinaryIO:
    return io.BufferedReader(_Measured(stream, packed, name), 1 << 20)


@contextmanager
def open_parts(path: Path, part: str | None = None) -> Iterator[tuple[Compression, list[Part], list[str]]]:
    """Give the files to read, in the order of their names, and notes on others; ``part`` is one of a zip by name."""
    name = shown(path.name)
    with open_regular(path) as file:
        head = file.read(512)
        if head.startswith(ZIP):
            with _open_zip(file, name) as archive:
                members, notes = _members(archive, name, part)
                yield "zip", [_part_of(archive, member, name) for member in members], notes
            return
    if head.startswith(PARQUET):
        raise UnreadableFileError(f"{name} is Parquet, which is not read as text.", "Choose it as it is.")
    if not head.startswith(GZIP):
        yield "", [Part(name, lambda: open_regular(path))], []
        return
    inner = name.removesuffix(".gz").removesuffix(".GZ")
    whole = Part(inner, lambda: _open_gzip(path, name))
    _refuse_nested(whole, name)
    yield "gzip", [whole], []


def _open_gzip(path: Path, name: str) -> BinaryIO:
    file = open_regular(path)
    size = path.stat().st_size
    return _measured(cast(BinaryIO, _GzipOf(file)), size, name)


class _GzipOf(gzip.GzipFile):
    """A gzip file that closes the file under it too."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._file = file

    def close(self) -> None:
        super().close()
        self._file.close()


def files_with_rows(path: Path) -> tuple[str, ...]:
    """Return the files of a zip among which a person may choose, by their names."""
    name = shown(path.name)
    with open_regular(path) as file, _open_zip(file, name) as archive:
        files = [one.filename for one in archive.infolist() if not one.is_dir() and not _is_clutter(one.filename)]
    return tuple(shown(one) for one in rows_among(files))


def _open_zip(file: BinaryIO, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UnreadableFileError(f"{name} is no whole zip archive ({error}).", FETCH_AGAIN) from error


def _members(archive: zipfile.ZipFile, name: str, part: str | None) -> tuple[list[zipfile.ZipInfo], list[str]]:
    """Return the members to read, after a look at all of them: those that hold rows, or else those that hold text."""
    files = [member for member in archive.infolist() if not member.is_dir() and not _is_clutter(member.filename)]
    if any(member.filename in ("[Content_Types].xml", "mimetype") for member in files):
        raise UnreadableFileError(f"{name} is a spreadsheet or a document.", "Save its table as CSV (UTF-8).")
    for member in files:
        _refuse_member(member, name)
    by_name = {member.filename: member for member in files}

    def head_of(member: str) -> bytes:
        with _part_of(archive, by_name[member], name).open() as stream:
            return stream.read(HEAD)

    chosen, notes = members_to_read(tuple(by_name), name, part, head_of)
    return [by_name[one] for one in chosen], notes


def _is_clutter(name: str) -> bool:
    own = PurePosixPath(name).name
    return name.startswith("__MACOSX/") or (own.startswith(".") and not own.startswith(".."))


def _refuse_member(member: zipfile.ZipInfo, name: str) -> None:
    path, inner = PurePosixPath(member.filename), shown(member.filename)
    if ".." in path.parts or ".." in PureWindowsPath(member.filename).parts or path.is_absolute():
        raise UnreadableFileError(f"{name} holds a file that points out of it ({inner}).", "Do not use it.")
    if PureWindowsPath(member.filename).drive or stat.S_ISLNK(member.external_attr >> 16):
        raise UnreadableFileError(f"{name} holds a file that points out of it ({inner}).", "Do not use it.")
    if path.suffix.lower() in _NESTED:
        raise UnreadableFileError(f"{name} holds another archive ({inner}).", "Unpack it first.")
    if member.flag_bits & 1:
        raise UnreadableFileError(f"{name} is locked with a password.", "Unpack it first.")


def _part_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Part:
    def open_member() -> BinaryIO:
        return _measured(cast(BinaryIO, archive.open(member)), member.compress_size, name)

    part = Part(shown(member.filename), open_member)
    _refuse_nested(part, name)
    return part


def _refuse_nested(part: Part, name: str) -> None:
    try:
        with part.open() as stream:
            head = stream.read(4)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise UnreadableFileError(f"{name} is no whole archive ({error}).", FETCH_AGAIN) from error
    if head.startswith((GZIP, *ZIP)):
        raise UnreadableFileError(f"{name} holds another archive ({part.name}).", "Unpack it first.")
