"""Supervised fine-tuning: imitate the answers of the dataset."""

from __future__ import annotations

from typing import Any

from trainer_image.arguments import Machine, training_arguments
from trainer_image.contract import RunConfig
from trainer_image.formats import Shape

SHAPES: tuple[Shape, ...] = (
    "messages",
    "sharegpt",
    "alpaca",
    "prompt_completion",
    "question_answer",
    "text",
)


def trainer_arguments(config: RunConfig, machine: Machine, output: str) -> dict[str, Any]:
    """Return what SFTConfig gets."""
    return training_arguments(config, machine, output) | {
        "max_length": config.max_length,
        # The rows come with ids and labels that are ours; TRL must neither cut, pack nor mask them again.
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "packing": False,
        "padding_free": False,
    }


def build_trainer(arguments: dict[str, Any], **parts: Any) -> Any:
    """Return TRL's trainer around the parts: model, tokenizer, data sets, collator, callbacks."""
    # By now Unsloth has replaced both names in trl, which an import at the top would come too early for.
    from trl import SFTConfig, SFTTrainer

    return SFTTrainer(args=SFTConfig(**arguments), **parts)
