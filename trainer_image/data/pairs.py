"""From preferences and labelled answers to token ids: the prompt once, each answer as its continuation; no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from trainer_image.data.encoding import BATCH, tokenize
from trainer_image.data.rendering import Rendered, render
from trainer_image.formats import Example, Labelled, Message, Preference, RowProblem

Source = TypeVar("Source", Preference, Labelled)
Answer = Sequence[Message]


@dataclass(frozen=True)
class Pair:
    """A better and a worse answer to one prompt; ``was_cut`` says that one of them was longer than max_length."""

    row: int
    line: int
    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]
    was_cut: bool = False

    @property
    def learned(self) -> int:
        """Return the tokens of both answers; nothing can be learned where one is empty or both are the same."""
        if not self.chosen_ids or not self.rejected_ids or self.chosen_ids == self.rejected_ids:
            return 0
        return len(self.chosen_ids) + len(self.rejected_ids)

    @property
    def tokens(self) -> int:
        return 2 * len(self.prompt_ids) + len(self.chosen_ids) + len(self.rejected_ids)


@dataclass(frozen=True)
class LabelledAnswer:
    """An answer to one prompt, and whether it is a good one."""

    row: int
    line: int
    prompt_ids: list[int]
    completion_ids: list[int]
    label: bool
    was_cut: bool = False

    @property
    def learned(self) -> int:
        return len(self.completion_ids)

    @property
    def tokens(self) -> int:
        return len(self.prompt_ids) + len(self.completion_ids)


def encode_pairs(examples: Iterable[Preference], tokenizer: Any, max_length: int) -> Iterator[Pair | RowProblem]:
    """Yield the ids of each pair, or why the model's template refuses it."""
    for item in _continue(examples, lambda example: (example.chosen, example.rejected), tokenizer, max_length):
        if isinstance(item, RowProblem):
            yield item
            continue
        chosen, rejected = item.answers
        yield Pair(item.example.row, item.example.line, item.prompt_ids, chosen, rejected, item.was_cut)


def encode_labelled(
    examples: Iterable[Labelled], tokenizer: Any, max_length: int
) -> Iterator[LabelledAnswer | RowProblem]:
    """Yield the ids of each labelled answer, or why the model's template refuses it."""
    for item in _continue(examples, lambda example: (example.completion,), tokenizer, max_length):
        if isinstance(item, RowProblem):
            yield item
            continue
        example, (completion,) = item.example, item.answers
        yield LabelledAnswer(example.row, example.line, item.prompt_ids, completion, example.label, item.was_cut)


def one_sided(answers: Sequence[LabelledAnswer]) -> str | None:
    """Return in a sentence that all answers bear the same label, or None where there are some of each."""
    if len({answer.label for answer in answers}) != 1:
        return None
    label, other = ("good", "bad") if answers[0].label else ("bad", "good")
    return f"Every answer to train on is labelled {label}, and KTO learns from the difference to {other} ones."


@dataclass(frozen=True)
class _Continued(Generic[Source]):
    """One example with the ids of its prompt and of the answers to it."""

    example: Source
    prompt_ids: list[int]
    answers: list[list[int]]
    was_cut: bool


def _continue(
    examples: Iterable[Source], answers_of: Callable[[Source], tuple[Answer, ...]], tokenizer: Any, max_length: int
) -> Iterator[_Continued[Source] | RowProblem]:
    rest = iter(examples)
    while batch := list(islice(rest, BATCH)):
        rendered: list[tuple[Source, list[Rendered]]] = []
        for example in batch:
            texts = _render_each(example, answers_of(example), tokenizer)
            if isinstance(texts, RowProblem):
                yield texts
            else:
                rendered.append((example, texts))
        tokens = iter(tokenize([text for _, its_texts in rendered for text in its_texts], tokenizer))
        for source, its_texts in rendered:
            yield _split(source, its_texts, [next(tokens) for _ in its_texts], max_length)


def _render_each(
    example: Preference | Labelled, answers: Iterable[Answer], tokenizer: Any
) -> list[Rendered] | RowProblem:
    """Return the text of the prompt with each answer, or why the template refuses one."""
    texts = list[Rendered]()
    for answer in answers:
        whole = Example(example.line, example.row, (*example.prompt, *answer))
        text = render(whole, tokenizer, "answers")
        if isinstance(text, RowProblem):
            return text
        texts.append(text)
    return texts


def _split(
    example: Source, texts: list[Rendered], tokens: list[tuple[list[int], list[int]]], max_length: int
) -> _Continued[Source]:
    """Part the ids where the answers begin; what is longer than ``max_length`` is cut at the end, as TRL does."""
    # What the model has said in the prompt comes before the answer that is judged.
    number = sum(message.role == "assistant" for message in example.prompt)
    border = min(
        next((place for place, at in enumerate(starts) if at >= text.spans[number][0]), len(ids))
        for text, (ids, starts) in zip(texts, tokens, strict=True)
    )
    wholes = [ids for ids, _ in tokens]
    # A token that reaches over the border may be another one in each answer; then it belongs to the answers.
    while any(ids[:border] != wholes[0][:border] for ids in wholes):
        border -= 1
    answers = [ids[border:max_length] for ids in wholes]
    return _Continued(example, wholes[0][:border], answers, any(len(ids) > max_length for ids in wholes))
