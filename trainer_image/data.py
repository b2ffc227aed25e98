"""From a dataset file to token ids and loss mask: what the model sees, and which of it it learns."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer_image.arguments import DataPlan
from trainer_image.errors import TrainerError
from trainer_image.formats import (
    Example,
    Message,
    Reading,
    Row,
    RowProblem,
    Shape,
    UnreadableFileError,
    read_examples,
    read_rows,
    rows_of,
    unknown_shape,
)

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


@dataclass(frozen=True)
class Prepared:
    """A dataset ready to train on, and what was left out on the way."""

    train: list[Encoded]
    evaluation: list[Encoded]
    problems: list[RowProblem]
    nothing_to_learn: list[Encoded]
    rows_cut: int
    sha256: str


def prepare(plan: DataPlan, shapes: Sequence[Shape], tokenizer: Any) -> Prepared:
    """Read, check, encode and split the dataset."""
    path = Path(plan.dataset)
    reading = read_dataset(path)
    if reading.rows == 0:
        raise TrainerError("bad_data", f"There are no rows in {path.name}.", "Choose another file.")
    if reading.shape not in shapes:
        raise TrainerError("bad_data", _unfit(reading, path), "Rename the columns or choose another file.")
    problems, encoded = list(reading.problems), list[Encoded]()
    for item in encode(reading.examples, tokenizer, plan.loss_on, plan.max_length):
        (problems if isinstance(item, RowProblem) else encoded).append(item)  # type: ignore[arg-type]
    problems.sort(key=lambda problem: problem.row)
    if problems and (plan.stop_at_bad_rows or not encoded):
        raise TrainerError("bad_data", *_in_words(problems, reading.rows))
    learned = [item for item in encoded if item.learned]
    if not learned:
        sentence = f"No row has anything left to learn within {plan.max_length} tokens."
        raise TrainerError("bad_data", sentence, "Raise Longest row.")
    train, evaluation = split(learned, plan.eval_split_size, plan.seed)
    return Prepared(
        train=train,
        evaluation=evaluation,
        problems=problems,
        nothing_to_learn=[item for item in encoded if not item.learned],
        rows_cut=sum(item.was_cut for item in encoded),
        sha256=sha256_of(path),
    )


def read_dataset(path: Path) -> Reading:
    """Read any dataset file, Parquet too, into examples and problems."""
    try:
        items = list(_read_parquet(path) if path.suffix.lower() == ".parquet" else read_rows(path))
        return read_examples(items)
    except UnreadableFileError as error:
        raise TrainerError("bad_data", error.sentence, error.hint) from error
    except FileNotFoundError as error:
        hint = "Put it back, or choose another file."
        raise TrainerError("bad_data", f"The dataset {path} is not there.", hint) from error
    except (PermissionError, IsADirectoryError) as error:
        hint = "Choose a file that your user may read."
        raise TrainerError("bad_data", f"The dataset {path} cannot be opened.", hint) from error


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            values = [row for batch in file.iter_batches() for row in batch.to_pylist()]
    except pyarrow.ArrowInvalid as error:
        raise UnreadableFileError(f"{path.name} is no whole Parquet file.", "Fetch or save it again.") from error
    yield from rows_of(values)


def sha256_of(path: Path) -> str:
    """Return the fingerprint by which a resume knows that the dataset is still the same."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unfit(reading: Reading, path: Path) -> str:
    if reading.shape is None and reading.problems:
        first = reading.problems[0]
        return first.sentence if first.kind == "unknown_shape" else f"{path.name}: {first}"
    return f"Rows of the shape {reading.shape} are not what this method learns from. {unknown_shape([])}"


def _in_words(problems: Sequence[RowProblem], rows: int) -> tuple[str, str]:
    named = " ".join(str(problem) for problem in problems[:3])
    more = f" And {len(problems) - 3} more." if len(problems) > 3 else ""
    count = "1 row" if len(problems) == 1 else f"{len(problems)} rows"
    sentence = f"{count} of {rows} cannot be used. {named}{more}"
    return sentence, "Mend the rows, or set Bad rows to leave_out."


def split(rows: list[Encoded], share: float, seed: int) -> tuple[list[Encoded], list[Encoded]]:
    """Hold back a share of the rows, the same ones for the same seed; at least one where there are two."""
    count = min(max(round(len(rows) * share), 1 if share else 0), len(rows) - 1)
    held = set(random.Random(seed).sample(range(len(rows)), count))
    train = [row for index, row in enumerate(rows) if index not in held]
    return train, [rows[index] for index in sorted(held)]


# Examples to tokens


@dataclass(frozen=True)
class Rendered:
    """The text of one example as the model reads it, and the spans of it (start, end) that are learned."""

    example: Example
    text: str
    spans: tuple[tuple[int, int], ...]
    add_special_tokens: bool = False


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


def render(example: Example, tokenizer: Any, loss_on: str) -> Rendered | RowProblem:
    """Write an example out as text and mark what is learned of it."""
    if not example.messages:
        text = example.text + (tokenizer.eos_token or "")
        return Rendered(example, text, ((0, len(text)),), add_special_tokens=True)
    if not getattr(tokenizer, "chat_template", None):
        return _render_plainly(example, tokenizer, loss_on)
    try:
        text, spans = _render_by_template(example.messages, tokenizer)
    # A template refuses a conversation by an exception of its own choice (jinja2's TemplateError, ValueError, ...).
    except Exception as error:
        sentence = f"The chat template of this model refuses the conversation: {error}. Change or leave out the row."
        return RowProblem(example.line, example.row, "", "template", sentence)
    return Rendered(example, text, _choose(spans, text, loss_on))


def _choose(spans: list[tuple[int, int]], text: str, loss_on: str) -> tuple[tuple[int, int], ...]:
    if loss_on == "everything":
        return ((0, len(text)),)
    return tuple(spans[-1:] if loss_on == "last_answer" else spans)


def _render_plainly(example: Example, tokenizer: Any, loss_on: str) -> Rendered:
    """Join the turns as they are, for a base model without a chat template; each answer ends the text."""
    text, spans = "", list[tuple[int, int]]()
    for message in example.messages:
        if text and not text[-1].isspace() and not message.content[:1].isspace():
            text += "\n"
        start = len(text)
        text += message.content
        if message.role == "assistant":
            text += tokenizer.eos_token or ""
            spans.append((start, len(text)))
    return Rendered(example, text, _choose(spans, text, loss_on), add_special_tokens=True)


def _render_by_template(messages: Sequence[Message], tokenizer: Any) -> tuple[str, list[tuple[int, int]]]:
    turns = [{"role": message.role, "content": message.content} for message in messages]
    full = tokenizer.apply_chat_template(turns, tokenize=False)
    spans, cursor = list[tuple[int, int]](), 0
    for index, message in enumerate(messages):
        if message.role != "assistant":
            continue
        span = _span_by_prefix(turns, index, full, tokenizer) or _span_by_search(message.content, full, cursor)
        if span is None:
            raise ValueError(f"turn {index + 1} is not in the text that it makes")
        start, end = span
        end = _through_the_end_of_turn(full, start, end, tokenizer)
        spans.append((start, end))
        cursor = end
    return full, spans


def _span_by_prefix(turns: list[dict[str, str]], index: int, full: str, tokenizer: Any) -> tuple[int, int] | None:
    """Return where an answer lies: between the prompt that would ask for it and the turns up to it."""
    prompt = tokenizer.apply_chat_template(turns[:index], tokenize=False, add_generation_prompt=True) if index else ""
    is_last = index == len(turns) - 1
    ended = full if is_last else tokenizer.apply_chat_template(turns[: index + 1], tokenize=False)
    if not prompt or not full.startswith(ended) or not ended.startswith(prompt):
        return None
    return len(prompt), len(ended)


def _span_by_search(content: str, full: str, cursor: int) -> tuple[int, int] | None:
    """Return where an answer stands literally, for a template that rewrites earlier turns (thinking left out, ...)."""
    start = full.find(content.strip(), cursor)
    return None if start < 0 else (start, start + len(content.strip()))


def _through_the_end_of_turn(full: str, start: int, end: int, tokenizer: Any) -> int:
    """Move the end of an answer to just behind its end-of-turn token: it is learned, the line break behind it not."""
    marks = tuple(mark for mark in tokenizer.all_special_tokens if mark)
    answer = full[start:end].rstrip()
    if answer.endswith(marks):
        return start + len(answer)
    # What was found by its words alone ends before its mark.
    following = next((mark for mark in marks if full.startswith(mark, end)), "")
    return end + len(following)


def _encode_batch(batch: list[Rendered], tokenizer: Any, max_length: int) -> Iterator[Encoded]:
    for special in (False, True):
        chosen = [item for item in batch if item.add_special_tokens is special]
        if chosen:
            tokens = tokenizer(
                [item.text for item in chosen],
                add_special_tokens=special,
                return_offsets_mapping=True,
                return_attention_mask=False,
            )
            for item, ids, offsets in zip(chosen, tokens["input_ids"], tokens["offset_mapping"], strict=True):
                yield _label(item, ids, offsets, tokenizer, max_length)


def _label(item: Rendered, ids: list[int], offsets: list[tuple[int, int]], tokenizer: Any, max_length: int) -> Encoded:
    if item.add_special_tokens and len(ids) > 1 and ids[-1] == ids[-2] == tokenizer.eos_token_id:
        # The text ends in the end token already, and this tokenizer adds one of its own.
        ids, offsets = ids[:-1], offsets[:-1]
    # A token is learned if it begins inside an answer; one that begins in the prompt is given, not predicted.
    labels = [
        token if any(start <= at < end for start, end in item.spans) else NOT_LEARNED
        for token, (at, _) in zip(ids, offsets, strict=True)
    ]
    was_cut = len(ids) > max_length
    return Encoded(item.example.row, item.example.line, ids[:max_length], labels[:max_length], was_cut)


# Tokens to batches


class Collator:
    """Pad rows to the longest of the batch, and count the tokens of training rows while they are on the CPU."""

    def __init__(self, pad_token_id: int) -> None:
        self._pad_token_id = pad_token_id
        self.counted: list[int] = []
        """Tokens of each training batch that was made and not yet asked for, oldest first."""

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        import torch

        longest = max(len(row["input_ids"]) for row in rows)
        if rows[0]["counts"]:
            self.counted.append(sum(len(row["input_ids"]) for row in rows))

        def pad(name: str, filler: int) -> Any:
            return torch.tensor([row[name] + [filler] * (longest - len(row[name])) for row in rows])

        lengths = torch.tensor([len(row["input_ids"]) for row in rows])
        return {
            "input_ids": pad("input_ids", self._pad_token_id),
            "labels": pad("labels", NOT_LEARNED),
            "attention_mask": (torch.arange(longest)[None, :] < lengths[:, None]).long(),
        }

    def take(self, batches: int) -> int:
        """Return the tokens of the oldest so many batches, each batch once."""
        taken, self.counted = self.counted[:batches], self.counted[batches:]
        return sum(taken)


def as_dataset(rows: Sequence[Encoded], *, counts: bool) -> Any:
    """Return rows as the Dataset that TRL insists on; only training rows count into the tokens of a step."""
    from datasets import Dataset

    return Dataset.from_dict(
        {
            "input_ids": [row.input_ids for row in rows],
            "labels": [row.labels for row in rows],
            "counts": [counts] * len(rows),
        }
    )
