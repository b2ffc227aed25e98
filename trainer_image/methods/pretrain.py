"""Continued pretraining: read raw text, packed into full sequences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from trainer_image.arguments import Machine, data_plan
from trainer_image.contract import RunConfig
from trainer_image.data.dataset import Prepared, Tell, untold
from trainer_image.data.dataset import prepare as prepare_rows
from trainer_image.data.encoding import Encoded, encode
from trainer_image.formats import Kind, RowProblem
from trainer_image.methods import sft
from trainer_image.model.loading import load_trainable

KIND: Kind = "text"
METRICS = sft.METRICS
BEST = sft.BEST

load = load_trainable
stages = sft.stages


def trainer_arguments(config: RunConfig, machine: Machine, output: str) -> dict[str, Any]:
    """Return what SFTConfig gets."""
    return sft.trainer_arguments(config, machine, output)


def prepare(config: RunConfig, tokenizer: Any, tell: Tell = untold) -> Prepared:
    """Return the text in pieces that fit: nothing of a long one is thrown away."""
    encode_all = partial(encode_pieces, tokenizer=tokenizer, length=config.max_length)
    return prepare_rows(data_plan(config), KIND, encode_all, tell)


def encode_pieces(examples: Iterable[Any], tokenizer: Any, length: int) -> Iterator[Encoded | RowProblem]:
    """Yield each text as one piece of at most ``length`` tokens, or as several."""
    for item in encode(examples, tokenizer, "everything", max_length=2**62):
        if isinstance(item, RowProblem):
            yield item
            continue
        for start in range(0, len(item.input_ids), length):
            piece = slice(start, start + length)
            yield Encoded(item.row, item.line, item.input_ids[piece], item.labels[piece])
