"""The shapes that rows come in, how each is told by its columns, and what each can be made into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Literal, get_args

from trainer_image.formats.kinds import Kind
from trainer_image.formats.opening import shown
from trainer_image.formats.rows import Row

Shape = Literal[
    "messages",
    "sharegpt",
    "alpaca",
    "prompt_completion",
    "question_answer",
    "text",
    "preference",
    "labelled",
    "ranking",
    "task",
    "steps",
]
SHAPES: tuple[Shape, ...] = get_args(Shape)

FEEDS: Mapping[Shape, tuple[Kind, ...]] = {
    "messages": ("conversation", "text", "task"),
    "sharegpt": ("conversation", "text", "task"),
    "alpaca": ("conversation", "text", "task"),
    "prompt_completion": ("conversation", "text", "task"),
    "question_answer": ("conversation", "text", "task"),
    "text": ("text", "conversation"),
    "preference": ("preference", "labelled", "conversation", "task"),
    "labelled": ("labelled", "conversation", "task"),
    "ranking": ("preference", "conversation", "task"),
    "task": ("task", "conversation"),
    "steps": ("steps",),
}
"""What each shape can be made into; the first is what it is meant for."""

SHAPE_WORDS: Mapping[Shape, str] = {
    "messages": "conversations (messages)",
    "sharegpt": "conversations (ShareGPT)",
    "alpaca": "instructions and outputs",
    "prompt_completion": "prompts and completions",
    "question_answer": "questions and answers",
    "text": "plain text",
    "preference": "pairs of a better and a worse answer",
    "labelled": "answers labelled good or bad",
    "ranking": "ranked answers",
    "task": "tasks with an answer that can be checked",
    "steps": "solutions with a label for each step",
}

_NEEDS: Mapping[Kind, str] = {
    "conversation": "no turns with an answer to learn",
    "text": "no text that stands for itself",
    "preference": "no better and worse answer to the same question",
    "labelled": "no label good or bad beside each answer",
    "task": "no question that could be asked",
    "steps": "no label for each step of an answer",
}

TURN_COLUMNS = ("messages", "conversations", "conversation")
PAIRS = (
    ("chosen", "rejected"),
    ("chosen_response", "rejected_response"),
    ("preferred_output", "non_preferred_output"),
)
LABELS = ("label", "kto_tag")
RANKS = ("ranking", "ranks", "rank", "order", "scores")
PROMPTS = ("prompt", "problem", "question", "instruction")
ANSWERS = ("answer", "final_answer", "solution", "ground_truth", "reference", "canonical_solution", "code")
CHECKS = ("tests", "test_list", "test_cases", "test", "schema", "json_schema")

PAIR = ("prompt", "completion")
QUESTIONS = (*PROMPTS, "input", "query")
REPLIES = ("completion", "response", "output")
_BESIDE = ("completions", "responses", "labels", "context", "passage", "document", "history")
_MORE_THAN_A_PAIR = frozenset(name for names in (TURN_COLUMNS, *PAIRS, LABELS, CHECKS, _BESIDE) for name in names)
"""Columns beside which a question and an answer are not all that a row says."""

OTHERS = ("completions", "responses", "text", "tools", "system", "system_prompt", "labels")

KNOWN_COLUMNS = frozenset(
    name
    for names in (TURN_COLUMNS, *PAIRS, LABELS, RANKS, QUESTIONS, ANSWERS, REPLIES, CHECKS, OTHERS)
    for name in names
)


def shape_of(value: Mapping[str, Any]) -> Shape | None:
    """Return the shape that one row has by its columns; the narrower shape goes before the wider."""
    if any(good in value and bad in value for good, bad in PAIRS):
        return "preference"
    turns = next((value[name] for name in TURN_COLUMNS if name in value), None)
    if isinstance(turns, list):
        if any(name in value for name in LABELS):
            return "labelled"
        if not turns:
            # It is a bad row, and its column says best of which shape.
            return "messages" if "messages" in value else "sharegpt"
        first = next((turn for turn in turns if isinstance(turn, Mapping)), {})
        return "sharegpt" if "from" in first or ("value" in first and "content" not in first) else "messages"
    return _shape_of_columns(value) or ("messages" if turns is not None else None)


def _shape_of_columns(value: Mapping[str, Any]) -> Shape | None:
    if "prompt" in value and "completion" in value:
        return "labelled" if any(name in value for name in LABELS) else "prompt_completion"
    if ("completions" in value and "labels" in value) or _is_annotated(value):
        return "steps"
    if ("responses" in value and any(name in value for name in RANKS)) or isinstance(value.get("completions"), list):
        return "ranking"
    is_checked = any(name in value for name in CHECKS)
    if not is_checked and _is_judged(value):
        return None
    if "instruction" in value and any(name in value for name in REPLIES) and not is_checked:
        return "alpaca"
    if "question" in value and "answer" in value and not is_checked:
        return "question_answer"
    has_prompt = any(name in value for name in PROMPTS)
    if (has_prompt and any(name in value for name in ANSWERS)) or (is_checked and (has_prompt or "text" in value)):
        return "task"
    if "text" in value:
        return "text"
    return "prompt_completion" if pair_in(value) else None


def _is_judged(value: Mapping[str, Any]) -> bool:
    """Say whether a label stands beside a question and an answer of other names than prompt and completion."""
    # Such an answer may be a bad one, which must not be imitated: what is what has to be said.
    return (
        any(isinstance(value.get(name), bool) for name in LABELS)
        and any(name in value for name in QUESTIONS)
        and any(name in value for name in (*REPLIES, *ANSWERS))
    )


def pair_in(value: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the columns of the question and of the answer where one column alone can be either."""
    if "prompt" in value and "completion" in value:
        return PAIR
    questions = [name for name in QUESTIONS if name in value]
    answers = [name for name in (*REPLIES, *ANSWERS) if name in value]
    if len(questions) != 1 or len(answers) != 1 or not _MORE_THAN_A_PAIR.isdisjoint(value):
        return None
    return questions[0], answers[0]


def answer_column(value: Mapping[str, Any], shape: Shape) -> str:
    """Return the column with the one answer to learn, or nothing where a shape has no such column."""
    if shape == "prompt_completion":
        return (pair_in(value) or PAIR)[1]
    if shape == "alpaca":
        return next((name for name in ("response", "output", "completion") if name in value), "output")
    if shape == "task":
        return next((name for name in ANSWERS if name in value), "")
    return {"question_answer": "answer", "labelled": "completion"}.get(shape, "")


def beside_instruction(value: Mapping[str, Any]) -> str:
    """Return the column that is read as the second part of an instruction: input, or context where that is empty."""
    given = value.get("input")
    # That a number is no text is said of 0 as of any other.
    if isinstance(given, (int, float)) or (given and not (isinstance(given, str) and given.isspace())):
        return "input"
    context = value.get("context")
    return "context" if isinstance(context, str) and context.strip() else ""


def _is_annotated(value: Mapping[str, Any]) -> bool:
    """Tell the two public sets of judged steps: PRM800K's records and Math-Shepherd's marked texts."""
    label = value.get("label")
    if isinstance(label, Mapping):
        return "steps" in label
    return isinstance(label, str) and isinstance(value.get("input"), str) and "Step 1:" in label


def why_not(shape: Shape, kind: Kind) -> str:
    """Return the sentence that says why rows of this shape do not serve, or nothing where they do."""
    if kind in FEEDS[shape]:
        return ""
    return f"Rows of the shape {shape} ({SHAPE_WORDS[shape]}) hold {_NEEDS[kind]}."


def detect_shape(rows: Iterable[Row]) -> Shape | None:
    """Return the shape that most rows have, or None where no row has one that is known."""
    return most_voted(Counter(shape for row in rows if (shape := shape_of(row.value))))


def most_voted(votes: Mapping[Shape, int]) -> Shape | None:
    """Return the shape with most votes; of those with as many the first by our order."""
    return max((shape for shape in SHAPES if votes.get(shape)), key=lambda shape: votes[shape], default=None)


def unknown_shape(columns: Iterable[str]) -> str:
    """Return the sentence for rows of a shape that is not known, with the columns that they have."""
    found = ", ".join(shown(" ".join(name.split()))[:40] for name in islice(columns, 8)) or "none at all"
    return (
        f"The columns ({found}) are of no shape that is known: messages, conversations, instruction and output, "
        "prompt and completion, question and answer, text, chosen and rejected, or prompt and answer."
    )
