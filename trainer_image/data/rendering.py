"""From a conversation to the text that the model reads, with the parts of it that are learned; no torch here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from trainer_image.formats import Example, RowProblem


@dataclass(frozen=True)
class Rendered:
    """The text of one example as the model reads it, and the spans of it (start, end) that are learned."""

    example: Example
    text: str
    spans: tuple[tuple[int, int], ...]
    add_special_tokens: bool = False


def render(example: Example, tokenizer: Any, loss_on: str) -> Rendered | RowProblem:
    """Write an example out as text and mark what is learned of it."""
    if not example.messages:
        text = example.text + (tokenizer.eos_token or "")
        return Rendered(example, text, ((0, len(text)),), add_special_tokens=True)
    if not getattr(tokenizer, "chat_template", None):
        return _render_plainly(example, tokenizer, loss_on)
    try:
        text, spans = _render_by_template(example, tokenizer)
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


def _render_by_template(example: Example, tokenizer: Any) -> tuple[str, list[tuple[int, int]]]:
    turns = [message.as_turn() for message in example.messages]
    write = partial(tokenizer.apply_chat_template, tools=list(example.tools) or None, tokenize=False)
    full = write(turns)
    spans, cursor = list[tuple[int, int]](), 0
    for index, message in enumerate(example.messages):
        if message.role != "assistant":
            continue
        span = _span_by_prefix(turns, index, full, write) or _span_by_search(message.content, full, cursor)
        if span is None:
            raise ValueError(f"turn {index + 1} is not in the text that it makes")
        start, end = span
        if not all(call["function"]["name"] in full[start:end] for call in message.tool_calls):
            raise ValueError(f"it leaves out what turn {index + 1} calls")
        end = _through_the_end_of_turn(full, start, end, tokenizer)
        spans.append((start, end))
        cursor = end
    return full, spans


def _span_by_prefix(
    turns: list[dict[str, Any]], index: int, full: str, write: Callable[..., str]
) -> tuple[int, int] | None:
    """Return where an answer lies: between the prompt that would ask for it and the turns up to it."""
    prompt = write(turns[:index], add_generation_prompt=True) if index else ""
    is_last = index == len(turns) - 1
    ended = full if is_last else write(turns[: index + 1])
    if not prompt or not full.startswith(ended) or not ended.startswith(prompt):
        return None
    return len(prompt), len(ended)


def _span_by_search(content: str, full: str, cursor: int) -> tuple[int, int] | None:
    """Return where an answer stands literally, for a template that rewrites earlier turns (thinking left out, ...)."""
    start = full.find(content.strip(), cursor) if content.strip() else -1
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
