"""What a run answered to its sample prompts, without what a resume took back."""

from __future__ import annotations

from collections.abc import Iterable

from trainer_image.contract import Event, Hello, Sample, UnknownLine


class Samples:
    """The samples of one run."""

    def __init__(self) -> None:
        self._kept: dict[int, Sample] = {}

    def add(self, events: Iterable[Event | UnknownLine]) -> None:
        """Take in events; a resume takes back what came after its checkpoint."""
        for event in events:
            if isinstance(event, Sample):
                self._kept[event.seq] = event
            elif isinstance(event, Hello):
                last = event.resumed_from or 0
                self._kept = {seq: sample for seq, sample in self._kept.items() if sample.step <= last}

    def all(self) -> list[Sample]:
        """Return them by step, and those of a step in the order in which they were said."""
        return sorted(self._kept.values(), key=lambda sample: (sample.step, sample.seq))
