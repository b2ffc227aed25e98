"""Reads a file of lines that somebody else appends to, from where it stopped last time."""

from __future__ import annotations

from pathlib import Path

from trainer_image.contract import Event, UnknownLine, read_event

MAX_READ = 8 * 1024 * 1024
"""Bytes read in one poll, so that an old file of gigabytes comes in parts."""


class LineTail:
    """The whole lines of a growing file; a last line without its newline waits for the next poll."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def poll(self) -> list[bytes]:
        """Return the lines that are new since the last poll, without their newlines."""
        data = self.read()
        return data.split(b"\n")[:-1] if data else []

    def read(self) -> bytes:
        """Return the whole lines that are new since the last call, with their newlines."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, 2)
                if size < self.offset:  # truncated or replaced: begin again
                    self.offset = 0
                file.seek(self.offset)
                data = part = file.read(MAX_READ)
                while part and b"\n" not in part:  # a line longer than that comes whole, or it would stop all others
                    data += (part := file.read(MAX_READ))
        except FileNotFoundError:
            return b""
        end = data.rfind(b"\n") + 1
        self.offset += end
        return data[:end]


class RunLog:
    """The events of one run folder, as they come."""

    def __init__(self, events_file: Path) -> None:
        self._tail = LineTail(events_file)
        self.path = events_file

    @property
    def offset(self) -> int:
        """The bytes that have been read; set where they were taken in by another way."""
        return self._tail.offset

    @offset.setter
    def offset(self, offset: int) -> None:
        self._tail.offset = offset

    def poll(self) -> list[Event | UnknownLine]:
        """Return the events that are new since the last poll."""
        return [read_event(line) for line in self._tail.poll() if line.strip()]


def read_events(events_file: Path) -> list[Event | UnknownLine]:
    """Return every whole event of a file."""
    log = RunLog(events_file)
    events: list[Event | UnknownLine] = []
    while new := log.poll():
        events += new
    return events


def tail_of_log(path: Path, lines: int = 40) -> str:
    """Return the last lines of a text log, or nothing where there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 64 * 1024))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
