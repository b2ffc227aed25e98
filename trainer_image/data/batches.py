"""From token ids to batches: padded, or laid end to end without padding; rows packed into long sequences."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from datasets import Dataset

from trainer_image.arguments import SequencePlan
from trainer_image.data.encoding import NOT_LEARNED, Encoded
from trainer_image.data.packing import can_lie_flat
from trainer_image.errors import TrainerError

Row = Mapping[str, Any]


def choose_collator(plan: SequencePlan, model: Any, tokenizer: Any) -> Counted:
    """Return the collator that suits sequences, model and machine."""
    is_flat = can_lie_flat(model.config.model_type)
    if plan.packing and not is_flat:
        raise TrainerError(
            "bad_config",
            f"Rows of the model type {model.config.model_type} cannot be packed: they would see each other.",
            "Switch Packing off.",
        )
    # On a GPU padding is computed like tokens, so rows lie end to end; a CPU's attention would rather have them apart.
    if plan.packing or (is_flat and model.device.type == "cuda"):
        return Counted(Flat())
    return Counted(Padded(tokenizer.pad_token_id))


def as_sequences(rows: Sequence[Encoded], plan: SequencePlan) -> Dataset:
    """Return rows as the Dataset that TRL insists on, packed or one by one; ``lengths`` says where rows end."""
    sequences = pack(rows, plan.max_length) if plan.packing else [[row] for row in rows]
    return Dataset.from_dict(
        {
            "input_ids": [[token for row in rows for token in row.input_ids] for rows in sequences],
            "labels": [[label for row in rows for label in _labels(row)] for rows in sequences],
            "lengths": [[len(row.input_ids) for row in rows] for rows in sequences],
        }
    )


def _labels(row: Encoded) -> list[int]:
    """Return the labels of a row without the first: nothing comes before it that it could be predicted from."""
    return [NOT_LEARNED, *row.labels[1:]]


def pack(rows: Sequence[Encoded], max_length: int) -> list[list[Encoded]]:
    """Put rows together into sequences of at most ``max_length`` tokens, each into the fullest one that has room."""
    sequences: list[list[Encoded]] = []
    # (room left, number of the sequence), ascending, so that the tightest fit is found by bisection.
    open_ones: list[tuple[int, int]] = []
    for row in sorted(rows, key=lambda row: -len(row.input_ids)):
        need = len(row.input_ids)
        place = bisect.bisect_left(open_ones, (need, -1))
        if place == len(open_ones):
            sequences.append([row])
            room, number = max_length - need, len(sequences) - 1
        else:
            left, number = open_ones.pop(place)
            sequences[number].append(row)
            room = left - need
        if room > 0:
            bisect.insort(open_ones, (room, number))
    return sequences


class Padded:
    """Fill the rows of a batch up to the longest one."""

    def __init__(self, pad_token_id: int) -> None:
        self._pad_token_id = pad_token_id

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        longest = max(len(row["input_ids"]) for row in rows)

        def pad(name: str, filler: int) -> torch.Tensor:
            return torch.tensor([row[name] + [filler] * (longest - len(row[name])) for row in rows])

        lengths = torch.tensor([len(row["input_ids"]) for row in rows])
        return {
            "input_ids": pad("input_ids", self._pad_token_id),
            "labels": pad("labels", NOT_LEARNED),
            "attention_mask": (torch.arange(longest)[None, :] < lengths[:, None]).long(),
        }


class Flat:
    """Lay the rows of a batch end to end in one sequence, with positions that begin anew at each row.

    Attention stays inside a row: transformers and Unsloth tell rows apart by the positions and lengths.
    """

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        lengths = [length for row in rows for length in row["lengths"]]
        return {
            "input_ids": torch.tensor([[token for row in rows for token in row["input_ids"]]]),
            "labels": torch.tensor([[label for row in rows for label in row["labels"]]]),
            "position_ids": torch.cat([torch.arange(length) for length in lengths])[None, :],
            "packed_seq_lengths": torch.tensor(lengths, dtype=torch.int32),
        }


class Counted:
    """A collator that also counts the tokens of each batch, padding left out, while they are on the CPU."""

    def __init__(self, collate: Callable[[Sequence[Row]], dict[str, Any]]) -> None:
        self._collate = collate
        self.is_counting = True
        """False during evaluations, whose tokens are not trained on."""
        self._counts: list[int] = []

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        batch = self._collate(rows)
        if self.is_counting:
            self._counts.append(_tokens_in(batch))
        return batch

    def take(self, batches: int) -> int:
        """Return the tokens of the oldest so many batches, each batch once."""
        taken, self._counts = self._counts[:batches], self._counts[batches:]
        return sum(taken)


def _tokens_in(batch: Mapping[str, Any]) -> int:
    """Return how many tokens a batch holds, by its masks where it has some."""
    # KTO's mismatched answers are only read to measure the KL; the tokens that are trained on are counted.
    masks = [value for name, value in batch.items() if name.endswith("attention_mask") and not name.startswith("KL_")]
    if masks:
        return sum(int(mask.sum()) for mask in masks)
    return sum(value.numel() for name, value in batch.items() if name.endswith("input_ids"))
