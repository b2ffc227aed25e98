"""The methods, one file each: what they learn from, the model they load, the rows they make, the trainer they build."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from trainer_image.arguments import Machine
from trainer_image.contract import Method as Name
from trainer_image.contract import RunConfig
from trainer_image.formats import Kind

if TYPE_CHECKING:
    from trainer_image.data.dataset import Prepared, Tell
    from trainer_image.reporter import Reporter

FILES: dict[Name, str] = {
    "sft": "sft",
    "pretrain": "pretrain",
    "dpo": "dpo",
    "orpo": "orpo",
    "kto": "kto",
    "reward": "reward",
    "rloo": "rloo",
    "grpo": "grpo",
    "star": "star",
    "prm": "prm",
}
"""The file of each method. A chain (rlhf) has none: the app starts it as several runs."""


@dataclass(frozen=True)
class Parts:
    """What a trainer is built from."""

    config: RunConfig
    machine: Machine
    model: Any
    tokenizer: Any
    prepared: Prepared
    reporter: Reporter
    output: str
    """The folder in which the trainer writes its checkpoints, aside."""
    must_end: Callable[[], bool]
    """Says on every process alike whether the run was asked to end; each has to ask, and waits for the others."""


@dataclass(frozen=True)
class Stage:
    """One trainer's work. Most methods have one stage; STaR has one a round."""

    trainer: Any
    number: int = 1
    first_step: int = 0
    """Steps of the run that were made before this stage."""
    total_steps: int | None = None
    """Steps of the whole run, where this stage is not all of it."""
    prepared: Prepared | None = None
    """What this stage learns from, where it is not the dataset itself."""


class Method(Protocol):
    """What a file in this folder offers."""

    KIND: Kind
    METRICS: tuple[str, ...]
    """Names in the trainer's log, or beginnings of them, that are reported as the method's own."""
    BEST: tuple[str, bool]
    """The metric of an evaluation that tells the best one, and whether more is better."""

    def trainer_arguments(self, config: RunConfig, machine: Machine, output: str) -> dict[str, Any]:
        """Return what the trainer's configuration gets; pure."""
        ...

    def load(self, config: RunConfig) -> tuple[Any, Any]:
        """Load model and tokenizer, ready to be trained."""
        ...

    def prepare(self, config: RunConfig, tokenizer: Any, tell: Tell = ...) -> Prepared:
        """Read the dataset as this method wants it, and tell how far that has come."""
        ...

    def stages(self, parts: Parts, first_stage: int) -> Iterator[Stage]:
        """Build the trainers, one after the other; a resume begins with ``first_stage``."""
        ...


def steps_of(trainer: Any) -> tuple[int, float]:
    """Return how many optimizer steps a trainer is going to make, and how many epochs they are."""
    rows = trainer.get_train_dataloader()
    _, per_epoch, _, _, _, _, total = trainer.set_initial_training_values(trainer.args, rows)
    return int(total), total / per_epoch


def by_name(name: Name) -> Method:
    """Return a method's file; the others are not imported."""
    return cast(Method, import_module(f"{__name__}.{FILES[name]}"))
