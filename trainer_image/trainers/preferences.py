"""What the trainers for preferences have in common: they take ids that are ours, and count the tokens of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset

from trainer_image.data.batches import Counted
from trainer_image.data.encoding import NOT_LEARNED
from trainer_image.data.pairs import LabelledAnswer, Pair


def taking_ids(trainer_class: type) -> Any:
    """Return TRL's trainer without its own rendering and tokenising: the rows come with ids already.

    SFTTrainer and RewardTrainer leave such rows alone by themselves; the others have no switch for it.
    """

    class TakingIds(trainer_class):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Dataset, *rest: Any) -> Dataset:
            """Take the place of what DPOTrainer and KTOTrainer do to rows."""
            return dataset

        def tokenize_row(self, feature: Mapping[str, Any], model: Any = None) -> dict[str, Any]:
            """Take the place of what ORPOTrainer and CPOTrainer do to a row: add nothing to it."""
            return {}

    return TakingIds


def ready(trainer: Any) -> Any:
    """Make a trainer that TRL has built one of ours."""
    if "ref" in getattr(trainer.model, "peft_config", {}):
        # TRL's copy of the adapter as the reference. Ours is fresh and adds nothing yet, so the model with the adapter
        # off is the same, takes no memory and is not saved with every checkpoint.
        trainer.model.delete_adapter("ref")
    trainer.data_collator = Counted(trainer.data_collator)
    return trainer


def as_prompt_and_answers(pairs: Sequence[Pair]) -> Dataset:
    """Return pairs as DPOTrainer reads them."""
    return Dataset.from_dict(
        {
            "prompt_ids": [pair.prompt_ids for pair in pairs],
            "chosen_ids": [pair.chosen_ids for pair in pairs],
            "rejected_ids": [pair.rejected_ids for pair in pairs],
        }
    )


def as_whole_texts(pairs: Sequence[Pair]) -> Dataset:
    """Return pairs as RewardTrainer reads them."""
    return Dataset.from_dict(
        {
            "chosen_ids": [pair.prompt_ids + pair.chosen_ids for pair in pairs],
            "rejected_ids": [pair.prompt_ids + pair.rejected_ids for pair in pairs],
        }
    )


def as_labelled_sequences(pairs: Sequence[Pair]) -> Dataset:
    """Return pairs as ORPOTrainer and CPOTrainer read them."""
    columns: dict[str, list[list[int]]] = {}
    for name, answers in (
        ("chosen", [pair.chosen_ids for pair in pairs]),
        ("rejected", [pair.rejected_ids for pair in pairs]),
    ):
        prompts = [pair.prompt_ids for pair in pairs]
        whole = [[*prompt, *answer] for prompt, answer in zip(prompts, answers, strict=True)]
        columns[f"{name}_input_ids"] = whole
        columns[f"{name}_attention_mask"] = [[1] * len(ids) for ids in whole]
        columns[f"{name}_labels"] = [
            [*[NOT_LEARNED] * len(prompt), *answer] for prompt, answer in zip(prompts, answers, strict=True)
        ]
    return Dataset.from_dict(columns)


def as_labelled_answers(answers: Sequence[LabelledAnswer], batch: int) -> Dataset:
    """Return labelled answers as KTOTrainer reads them, each with an answer to another prompt of its batch.

    KTO estimates from those how far the model has moved as a whole; TRL, too, pairs them up within fixed batches.
    """
    others: list[list[int]] = []
    for start in range(0, len(answers), batch):
        ids = [answer.completion_ids for answer in answers[start : start + batch]]
        # A row that is left over alone takes the answer before it: its own would always give a KL of its reward.
        others += [*ids[-1:], *ids[:-1]] if len(ids) > 1 or start == 0 else [answers[start - 1].completion_ids]
    return Dataset.from_dict(
        {
            "prompt_ids": [answer.prompt_ids for answer in answers],
            "completion_ids": [answer.completion_ids for answer in answers],
            "KL_completion_ids": others,
            "label": [answer.label for answer in answers],
        }
    )
