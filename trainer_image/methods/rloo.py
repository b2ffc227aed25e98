"""RLOO: like GRPO, but each try is compared with the mean of the others, and held to the base model in its reward."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trainer_image.arguments import Machine
from trainer_image.contract import RunConfig
from trainer_image.methods import Parts, Stage, grpo

KIND = grpo.KIND
METRICS = grpo.METRICS
BEST = grpo.BEST

BETA = 0.05

load = grpo.load
prepare = grpo.prepare


def trainer_arguments(config: RunConfig, machine: Machine, output: str) -> dict[str, Any]:
    """Return what RLOOConfig gets."""
    return grpo.reinforcement_arguments(config, machine, output, BETA)


def stages(parts: Parts, first_stage: int) -> Iterator[Stage]:
    """Build TRL's trainer around prompts and rewards."""
    # By now Unsloth has replaced both names in trl, which an import at the top would come too early for.
    from trl import RLOOConfig, RLOOTrainer

    arguments = RLOOConfig(**trainer_arguments(parts.config, parts.machine, parts.output))
    yield Stage(grpo.build_trainer(parts, RLOOTrainer, arguments))
