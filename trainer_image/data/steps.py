"""Solutions in steps as token ids: each step ends in a line break, and there its judgement is read; no torch here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trainer_image.data.encoding import NOT_LEARNED, prompt_ids
from trainer_image.formats import Message, RowProblem, Steps

SEPARATOR = "\n"


@dataclass(frozen=True)
class LabelledSteps:
    """One solution as the model gets it, with a label at the last token of each step: 1 for right, 0 for wrong."""

    row: int
    line: int
    input_ids: list[int]
    labels: list[int]
    was_cut: bool = False

    @property
    def learned(self) -> int:
        """Return how many steps are learned."""
        return sum(label != NOT_LEARNED for label in self.labels)

    @property
    def tokens(self) -> int:
        return len(self.input_ids)


def encode_steps(examples: Iterable[Steps], tokenizer: Any, max_length: int) -> Iterator[LabelledSteps | RowProblem]:
    """Yield ids and labels of each solution, or why the model's template refuses its prompt."""
    for example in examples:
        try:
            ids, ends = join_steps(example.prompt, example.steps, tokenizer)
        # A template refuses a conversation by an exception of its own choice (jinja2's TemplateError, ValueError, ...).
        except Exception as error:
            sentence = f"The chat template of this model refuses the prompt: {error}. Change or leave out the row."
            yield RowProblem(example.line, example.row, "", "template", sentence)
            continue
        labels = [NOT_LEARNED] * len(ids)
        for end, is_right in zip(ends, example.labels, strict=True):
            labels[end] = int(is_right)
        was_cut = len(ids) > max_length
        yield LabelledSteps(example.row, example.line, ids[:max_length], labels[:max_length], was_cut)


def join_steps(prompt: Sequence[Message], steps: Sequence[str], tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the ids of prompt and steps, and the place of each step's last token."""
    ids = prompt_ids([message.as_turn() for message in prompt], tokenizer)
    ends: list[int] = []
    if steps:
        # Each step has ids of its own, so that a judge sees the same ones whatever comes before and after it.
        texts = [step.strip() for step in steps]
        separator = tokenizer(SEPARATOR, add_special_tokens=False)["input_ids"]
        for step in tokenizer(texts, add_special_tokens=False)["input_ids"]:
            ids += [*step, *separator]
            ends.append(len(ids) - 1)
    return ids, ends


def steps_of(completion: str) -> list[str]:
    """Return the steps of an answer that a model has written: its lines."""
    return [line for line in map(str.strip, completion.splitlines()) if line]
