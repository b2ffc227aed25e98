"""The run folder: the truth about a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from trainer_image.contract.version import CONTRACT


@dataclass(frozen=True)
class RunFolder:
    """The names inside a run folder; a chat folder has the same and no checkpoints."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def requests(self) -> Path:
        return self.path / "requests.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "train.log"

    @property
    def launch(self) -> Path:
        """What the app started: engine, image, devices; written before every start."""
        return self.path / "launch.json"

    @property
    def dataset(self) -> Path:
        """Which version of which dataset it trains on: a DatasetRef; not there for a file that has no name."""
        return self.path / "dataset.json"

    @property
    def gpus(self) -> Path:
        """The history of the cards, a line a second; not there on a CPU."""
        return self.path / "gpus.jsonl"

    @property
    def adjustments(self) -> Path:
        """What the trainer changed of the config to fit the memory; it holds for every later start."""
        return self.path / "adjustments.json"

    @property
    def trouble(self) -> Path:
        """Why a process of the trainer ended, told to the one that started it: a Failed event."""
        return self.path / ".trouble.json"

    @property
    def rounds(self) -> Path:
        """What each round of STaR learns from: round-1.jsonl and so on."""
        return self.path / "rounds"

    @property
    def chat(self) -> Path:
        """What a chat loads: a ChatConfig."""
        return self.path / "chat.json"

    @property
    def adapter(self) -> Path:
        return self.path / "adapter"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"checkpoint-{step}"

    def complete_checkpoints(self) -> list[tuple[int, Path]]:
        """Return step and folder of every complete checkpoint, oldest first; half-written ones are not there."""
        found = []
        for marker in self.checkpoints.glob(f"checkpoint-*/{COMPLETE}"):
            number = marker.parent.name.removeprefix("checkpoint-")
            if number.isdigit():
                found.append((int(number), marker.parent))
        return sorted(found)


COMPLETE = "COMPLETE"
"""The file that is written last into a checkpoint; without it the checkpoint does not count."""


EXIT_DISK_FULL = 28
"""How the trainer leaves where the disk has no room even for the event that says so; the number of ENOSPC."""


class Launch(BaseModel):
    """What the app writes into a run folder before every start of a trainer.

    What was said before it belongs to an earlier try: events up to ``after_seq``, requests before ``requests_offset``.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    contract: int = CONTRACT
    engine: str
    gpus: list[int] = []
    name: str = ""
    after: str | None = None
    """The run that has to finish before this one starts."""
    created: datetime
    started: datetime
    after_seq: int = -1
    requests_offset: int = 0
    """Bytes of ``requests.jsonl`` that are old."""
    position: float | None = None
    """The place in the queue, smallest first; None for a run that is not in it."""
    not_before: datetime | None = None
    restarts: int = 0
    """How often the app has started the run again by itself since the user last did, as when its container lost a card.
    """


class DatasetRef(BaseModel):
    """What the app writes into the folder of a run that trains on a dataset of its library."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    number: int
    sha256: str
    """Of the file; the trainer refuses any other."""


class Adjustments(BaseModel):
    """Knobs that the trainer holds to other values than the config, because the memory was full or it chose them."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    per_device_train_batch_size: int | None = None
    gradient_accumulation_steps: int | None = None
    gradient_checkpointing: bool | None = None
    oom_attempts: int = 0


class ChatConfig(BaseModel):
    """What a chat loads: the run's model, and the adapter or checkpoint on top of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    model_revision: str | None = None
    adapter: str
    """An absolute folder: a run's adapter or whole model, or a complete checkpoint of it."""
    load_in_4bit: bool = False
    max_length: int = 2048
    offline: bool = False
    idle_seconds: float = Field(1800.0, gt=0)
    """A chat that nobody asks anything for so long goes away by itself."""
