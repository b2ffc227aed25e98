"""What was asked of a trainer since it was started, in this app or another one, and what of it is still to come."""

from __future__ import annotations

from typing import Literal

from desktop.core.progress import Progress
from desktop.core.run_log import LineTail
from trainer_image.contract import (
    CheckpointRequest,
    Launch,
    PauseRequest,
    RunFolder,
    StopRequest,
    read_request,
)

Wish = Literal["", "checkpoint", "pause", "cancel"]


class Wishes:
    """Follows the requests of one launch."""

    def __init__(self, files: RunFolder, launch: Launch) -> None:
        self.launch = launch
        self._tail = LineTail(files.requests)
        self._tail.offset = launch.requests_offset
        self.has_stop = False
        """The user cancelled this try."""
        self._has_pause = False
        self._saved_before: int | None = None
        """The last event that was known when a checkpoint was asked for."""

    def poll(self, progress: Progress) -> Wish:
        """Take in what is new; return the wish under way that matters most, or nothing."""
        for line in self._tail.poll():
            match read_request(line):
                case StopRequest():
                    self.has_stop = True
                case PauseRequest():
                    self._has_pause = True
                case CheckpointRequest() as request:
                    # Where the requests are read anew, some were answered long ago.
                    is_answered = any(known.time >= request.time for known in progress.checkpoints)
                    self._saved_before = None if is_answered else progress.last_seq
        if self.has_stop:
            return "cancel"
        if self._has_pause:
            return "pause"
        since = self._saved_before
        if since is not None and not any(known.seq > since for known in progress.checkpoints):
            return "checkpoint"
        self._saved_before = None
        return ""
