"""The columns that each shape has under our names, for whoever says which column of a file is which."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from trainer_image.formats import Shape


@dataclass(frozen=True)
class Wanted:
    """One column of a shape."""

    name: str
    help: str
    is_needed: bool = True


_PROMPT = Wanted("prompt", "what is asked")
_SYSTEM = Wanted("system", "instructions for the whole conversation", is_needed=False)

WANTED: Mapping[Shape, tuple[Wanted, ...]] = {
    "prompt_completion": (_PROMPT, Wanted("completion", "the answer to learn")),
    "question_answer": (Wanted("question", "what is asked"), Wanted("answer", "the answer to learn")),
    "alpaca": (
        Wanted("instruction", "what to do"),
        Wanted("input", "what to do it with", is_needed=False),
        Wanted("output", "the answer to learn"),
        _SYSTEM,
    ),
    "messages": (
        Wanted("messages", "a list of turns with role and content"),
        Wanted("tools", "what the model could call", is_needed=False),
    ),
    "sharegpt": (
        Wanted("conversations", "a list of turns with from and value"),
        _SYSTEM,
        Wanted("tools", "what the model could call", is_needed=False),
    ),
    "text": (Wanted("text", "text to read on in"),),
    "preference": (
        Wanted("prompt", "what is asked; without it, what both answers begin with", is_needed=False),
        Wanted("chosen", "the better answer"),
        Wanted("rejected", "the worse answer"),
    ),
    "labelled": (
        _PROMPT,
        Wanted("completion", "one answer"),
        Wanted("label", "true where it is good, false where it is bad"),
    ),
    "ranking": (
        _PROMPT,
        Wanted("responses", "a list of answers"),
        Wanted("ranking", "a number for each answer"),
    ),
    "task": (
        _PROMPT,
        Wanted("answer", "the right answer, to check the model's by"),
        Wanted("tests", "code that checks an answer", is_needed=False),
    ),
    "steps": (
        _PROMPT,
        Wanted("completions", "a list of the steps of a solution"),
        Wanted("labels", "a list of true or false, one for each step"),
    ),
}

LIKELY: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt", "question", "query", "input", "user", "problem", "instruction", "context"),
    "question": ("question", "query", "prompt", "input", "user"),
    "instruction": ("instruction", "task", "prompt", "question"),
    "completion": ("completion", "answer", "response", "output", "reply", "assistant", "target", "summary"),
    "answer": ("answer", "solution", "response", "output", "reply", "target", "label"),
    "output": ("output", "response", "answer", "completion", "reply", "target"),
    "input": ("input", "context"),
    "system": ("system", "system_prompt"),
    "messages": ("messages", "conversation", "dialog", "dialogue", "turns", "chat"),
    "conversations": ("conversations", "conversation", "dialog", "dialogue", "turns"),
    "text": ("text", "content", "body", "document", "article", "passage"),
    "chosen": ("chosen", "better", "preferred", "good", "winner", "accepted"),
    "rejected": ("rejected", "worse", "bad", "loser", "dispreferred"),
    "label": ("label", "good", "score", "rating", "feedback", "thumbs"),
    "responses": ("responses", "answers", "completions", "candidates"),
    "ranking": ("ranking", "ranks", "rank", "order", "scores"),
    "completions": ("completions", "steps", "solution"),
    "labels": ("labels", "ratings"),
    "tests": ("tests", "test", "test_list"),
    "tools": ("tools", "functions"),
}
"""What files call the column that we call so, in small letters: the first that a file has is offered."""


def guess_mapping(shape: Shape, columns: Collection[str]) -> dict[str, str]:
    """Return for each of our columns the file's that most likely is it; each of the file's is used once."""
    left = {name.strip().lower(): name for name in reversed(list(columns))}
    mapping: dict[str, str] = {}
    for wanted in sorted(WANTED[shape], key=lambda one: not one.is_needed):
        for likely in (wanted.name, *LIKELY.get(wanted.name, ())):
            found = left.get(likely) or next((left[name] for name in left if likely in _words_of(name)), None)
            if found is not None:
                mapping[wanted.name] = found
                del left[found.strip().lower()]
                break
    return mapping


def guess_shape(columns: Collection[str]) -> Shape:
    """Return the shape that columns suit best: of those with nothing missing the one with most columns."""
    best: Shape = "prompt_completion"
    order: tuple[Shape, ...] = ("preference", "labelled", "messages", "prompt_completion", "question_answer", "text")
    for shape in order:
        mapping = guess_mapping(shape, columns)
        if not missing(shape, mapping):
            return shape
    return best


def missing(shape: Shape, mapping: Mapping[str, str]) -> list[Wanted]:
    """Return our columns that a shape cannot do without, and that no column of the file stands for."""
    return [wanted for wanted in WANTED[shape] if wanted.is_needed and wanted.name not in mapping]


def as_needed(mapping: Mapping[str, str]) -> dict[str, str] | None:
    """Return a mapping without what is called so anyway, or None where nothing is left of it."""
    return {ours: theirs for ours, theirs in mapping.items() if ours != theirs} or None


def _words_of(name: str) -> list[str]:
    return name.replace("-", "_").replace(" ", "_").split("_")
