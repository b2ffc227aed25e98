"""From rendered text to token ids and labels: what the model sees, and which of it it learns; no torch here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trainer_image.data.rendering import Rendered, render
from trainer_image.formats import Example, RowProblem

NOT_LEARNED = -100
"""The label that every loss leaves out."""

BATCH = 512


@dataclass(frozen=True)
class Encoded:
    """One row as the model gets it; ``was_cut`` says that it was longer than max_length."""

    row: int
    line: int
    input_ids: list[int]
    labels: list[int]
    was_cut: bool = False

    @property
    def learned(self) -> int:
        """Return how many tokens are learned; the first one is predicted from nothing and never is."""
        return sum(label != NOT_LEARNED for label in self.labels[1:])

    @property
    def tokens(self) -> int:
        return len(self.input_ids)


def encode(
    examples: Iterable[Example], tokenizer: Any, loss_on: str, max_length: int
) -> Iterator[Encoded | RowProblem]:
    """Yield ids and labels of each example, or why the model's template refuses it."""
    batch: list[Rendered] = []
    for example in examples:
        rendered = render(example, tokenizer, loss_on)
        if isinstance(rendered, RowProblem):
            yield rendered
            continue
        batch.append(rendered)
        if len(batch) == BATCH:
            yield from _encode_batch(batch, tokenizer, max_length)
            batch = []
    yield from _encode_batch(batch, tokenizer, max_length)


def _encode_batch(batch: list[Rendered], tokenizer: Any, max_length: int) -> Iterator[Encoded]:
    for item, (ids, starts) in zip(batch, tokenize(batch, tokenizer), strict=True):
        # A token is learned if it begins inside an answer; one that begins in the prompt is given, not predicted.
        labels = [
            token if any(start <= at < end for start, end in item.spans) else NOT_LEARNED
            for token, at in zip(ids, starts, strict=True)
        ]
        was_cut = len(ids) > max_length
        yield Encoded(item.example.row, item.example.line, ids[:max_length], labels[:max_length], was_cut)


def tokenize(batch: Sequence[Rendered], tokenizer: Any) -> list[tuple[list[int], list[int]]]:
    """Return the ids of each text, and where in it each of them begins."""
    found: dict[int, tuple[list[int], list[int]]] = {}
    for special in (False, True):
        places = [place for place, item in enumerate(batch) if item.add_special_tokens is special]
        if not places:
            continue
        tokens = tokenizer(
            [batch[place].text for place in places],
            add_special_tokens=special,
            return_offsets_mapping=True,
            return_attention_mask=False,
        )
        for place, ids, offsets in zip(places, tokens["input_ids"], tokens["offset_mapping"], strict=True):
            starts = [at for at, _ in offsets]
            if special and len(ids) > 1 and ids[-1] == ids[-2] == tokenizer.eos_token_id:
                # The text ends in the end token already, and this tokenizer adds one of its own.
                ids, starts = ids[:-1], starts[:-1]
            found[place] = ids, starts
    return [found[place] for place in range(len(batch))]


def prompt_ids(messages: Sequence[dict[str, Any]], tokenizer: Any) -> list[int]:
    """Return the ids that ask the model for its next turn."""
    if getattr(tokenizer, "chat_template", None):
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])
    text = "\n".join(message["content"] for message in messages) + "\n"
    return list(tokenizer(text)["input_ids"])
