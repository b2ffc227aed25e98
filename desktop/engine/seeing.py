"""What the worker of a preview does: load the model's tokenizer, and turn rows into what the trainer would feed."""

from __future__ import annotations

import resource
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from desktop.engine.seen_rows import Asked, Measured, Preview, PreviewPart, Token
from desktop.engine.tokenizing import Tokenizer
from trainer_image.chat_templates import TEMPLATES
from trainer_image.data.encoding import NOT_LEARNED, encode, prompt_ids
from trainer_image.data.pairs import encode_labelled, encode_pairs
from trainer_image.data.steps import encode_steps
from trainer_image.formats import (
    Example,
    Labelled,
    LeftOut,
    Made,
    Preference,
    Row,
    RowProblem,
    Steps,
    Task,
    convert,
    mapped,
)

_LONGEST = 2**31
_MOST_MEMORY = 8 << 30
_loaded: dict[Path, Tokenizer] = {}
"""The tokenizers of this process, which lives as long as its preview."""


def load(folder: Path) -> Generator[None, None, bool]:
    """Load a tokenizer, and say whether it has a chat template; a template may take a lot, but not all memory."""
    yield
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    _loaded[folder] = Tokenizer.load(folder)
    return _loaded[folder].chat_template is not None


def see(folder: Path, item: Row | RowProblem, asked: Asked) -> Generator[None, None, Preview]:
    """Return what the model sees of one row."""
    yield
    if isinstance(item, RowProblem):
        return Preview(item.row, item.line, asked.kind, problem=item)
    return replace(see_row(_tokenizer(folder, asked), item, asked), doubt=_loaded[folder].doubt)


def _tokenizer(folder: Path, asked: Asked) -> Tokenizer:
    named = TEMPLATES.get(asked.chat_template)
    return _loaded[folder] if named is None else _loaded[folder].with_template(named)


def see_row(tokenizer: Any, row: Row, asked: Asked) -> Preview:
    """Return what the model sees of one row; of several examples that it makes, the first."""
    made, problem, note = _made(row, asked)
    parts: tuple[PreviewPart, ...] = ()
    if made:
        found = _parts(made[0], tokenizer, asked)
        if isinstance(found, RowProblem):
            problem = found
        else:
            parts = found
    return Preview(row.number, row.line, asked.kind, parts, problem, len(made), note)


def measure(folder: Path, rows: Sequence[Row | RowProblem], asked: Asked) -> Generator[None, None, Measured]:
    """Return how long rows are, and how much of them is learned."""
    yield
    return measured(_tokenizer(folder, asked), rows, asked)


def measured(tokenizer: Any, rows: Sequence[Row | RowProblem], asked: Asked) -> Measured:
    """Do the same with a tokenizer at hand."""
    found = Measured()
    examples: list[Example] = []
    for item in rows:
        made = _made(item, asked)[0] if isinstance(item, Row) else []
        if not made:
            found.refused += 1
        elif isinstance(made[0], Example):
            examples.append(made[0])
        else:
            _measure_parts(_parts(made[0], tokenizer, asked, with_texts=False), found)
    # Many texts at once take a tokenizer less time than one by one.
    longest = _LONGEST if asked.kind == "text" else asked.max_length
    for row in encode(examples, tokenizer, _loss_on(asked), _LONGEST):
        if isinstance(row, RowProblem):
            found.refused += 1
        else:
            learned = sum(label != NOT_LEARNED for label in row.labels[1:longest])
            found.add(row.tokens, min(row.tokens, longest), learned)
    return found


def _measure_parts(parts: tuple[PreviewPart, ...] | RowProblem, found: Measured) -> None:
    if isinstance(parts, RowProblem):
        found.refused += 1
        return
    # Of a pair the longer side counts: each stands behind the same prompt, and is cut by itself.
    prompt = sum(part.total for part in parts if part.name == "prompt")
    answers = [part.total for part in parts if part.name != "prompt"]
    read = sum(not token.is_cut for part in parts for token in part.tokens)
    seen = read + sum(not token.is_cut for token in parts[0].tokens) * (len(answers) - 1 if len(answers) > 1 else 0)
    found.add(prompt + max(answers, default=0), seen, sum(part.trained for part in parts))


def _loss_on(asked: Asked) -> str:
    return "everything" if asked.kind == "text" else asked.loss_on


def _made(row: Row, asked: Asked) -> tuple[list[Made], RowProblem | None, str]:
    row = mapped(row, asked.mapping) if asked.mapping else row
    made: list[Made] = []
    for outcome in convert(row, asked.shape, asked.kind, asked.meaning):
        if isinstance(outcome, RowProblem):
            return [], outcome, ""
        if isinstance(outcome, LeftOut):
            return [], None, outcome.sentence
        made.append(outcome)
    return made, None, ""


def _parts(made: Made, tokenizer: Any, asked: Asked, with_texts: bool = True) -> tuple[PreviewPart, ...] | RowProblem:
    longest = asked.max_length
    if isinstance(made, Preference):
        return _of_pair(made, tokenizer, longest, with_texts)
    if isinstance(made, Labelled):
        return _of_labelled(made, tokenizer, longest, with_texts)
    if isinstance(made, Steps):
        return _of_steps(made, tokenizer, longest, with_texts)
    if isinstance(made, Task):
        return _of_task(made, tokenizer, longest, with_texts)
    row = next(encode([made], tokenizer, _loss_on(asked), _LONGEST))
    if isinstance(row, RowProblem):
        return row
    ids, learned = row.input_ids, [label != NOT_LEARNED for label in row.labels]
    # The first token is predicted from nothing, so it is never learned.
    learned[:1] = [False] * len(learned[:1])
    cut = _LONGEST if asked.kind == "text" else longest
    name = "conversation" if made.messages else "text"
    return (PreviewPart(name, tuple(_tokens(tokenizer, ids, learned, cut, with_texts))),)


def _of_pair(pair: Preference, tokenizer: Any, longest: int, with_texts: bool) -> tuple[PreviewPart, ...] | RowProblem:
    made = next(encode_pairs([pair], tokenizer, _LONGEST))
    if isinstance(made, RowProblem):
        return made
    room = longest - len(made.prompt_ids)
    return (
        _given("prompt", made.prompt_ids, tokenizer, longest, with_texts),
        _answer("chosen", made.chosen_ids, tokenizer, room, with_texts),
        _answer("rejected", made.rejected_ids, tokenizer, room, with_texts),
    )


def _of_labelled(
    labelled: Labelled, tokenizer: Any, longest: int, with_texts: bool
) -> tuple[PreviewPart, ...] | RowProblem:
    made = next(encode_labelled([labelled], tokenizer, _LONGEST))
    if isinstance(made, RowProblem):
        return made
    name = "good answer" if made.label else "bad answer"
    return (
        _given("prompt", made.prompt_ids, tokenizer, longest, with_texts),
        _answer(name, made.completion_ids, tokenizer, longest - len(made.prompt_ids), with_texts),
    )


def _of_steps(steps: Steps, tokenizer: Any, longest: int, with_texts: bool) -> tuple[PreviewPart, ...] | RowProblem:
    made = next(encode_steps([steps], tokenizer, _LONGEST))
    if isinstance(made, RowProblem):
        return made
    labels = [None if label == NOT_LEARNED else bool(label) for label in made.labels]
    learned = [label is not None for label in labels]
    tokens = tuple(_tokens(tokenizer, made.input_ids, learned, longest, with_texts, labels))
    return (PreviewPart("solution", tokens),)


def _of_task(task: Task, tokenizer: Any, longest: int, with_texts: bool) -> tuple[PreviewPart, ...] | RowProblem:
    try:
        ids = prompt_ids([message.as_turn() for message in task.prompt], tokenizer)
    # A template refuses a conversation by an exception of its own choice (jinja2's TemplateError, ValueError, ...).
    except Exception as error:
        sentence = f"The chat template of this model refuses the prompt: {error}. Change or leave out the row."
        return RowProblem(task.line, task.row, "", "template", sentence)
    return (_given("prompt", ids, tokenizer, longest, with_texts),)


def _given(name: str, ids: Sequence[int], tokenizer: Any, longest: int, with_texts: bool) -> PreviewPart:
    return PreviewPart(name, tuple(_tokens(tokenizer, ids, [False] * len(ids), longest, with_texts)))


def _answer(name: str, ids: Sequence[int], tokenizer: Any, room: int, with_texts: bool) -> PreviewPart:
    return PreviewPart(name, tuple(_tokens(tokenizer, ids, [True] * len(ids), room, with_texts)))


def _tokens(
    tokenizer: Any,
    ids: Sequence[int],
    learned: Sequence[bool],
    longest: int,
    with_texts: bool,
    labels: Sequence[bool | None] = (),
) -> Iterator[Token]:
    texts = tokenizer.pieces(ids) if with_texts else [""] * len(ids)
    for place, (one, text, is_learned) in enumerate(zip(ids, texts, learned, strict=True)):
        label = labels[place] if labels else None
        yield Token(one, text, is_learned, is_cut=place >= longest, label=label)
