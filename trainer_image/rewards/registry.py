"""Every reward by name: what it is for, what of a row it needs, and how a run's are built."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainer_image.jail.run import JailError, layers
from trainer_image.rewards import code, custom, exact_answer, format, json_schema, length, number, regex
from trainer_image.rewards.code_tests import COLUMNS as TEST_COLUMNS
from trainer_image.rewards.code_tests import tests_of
from trainer_image.rewards.kinds import Reward, RewardError, RewardPlan, Score, TaskLike

Need = Literal["answer", "number", "tests", "schema"]


@dataclass(frozen=True)
class RewardKind:
    """What a person has to know of a reward; ``knob`` is the field of the plan that it takes (empty: none)."""

    label: str
    help: str
    needs: Need | None = None
    knob: str = ""


REWARDS: Mapping[str, RewardKind] = {
    "exact_answer": RewardKind(
        "Right answer",
        "1 where the final answer (behind ####, in \\boxed{} or <answer>, or the last line) is the row's, else 0.",
        needs="answer",
    ),
    "number": RewardKind(
        "Right number",
        "1 where the last number is the one of the row's answer, else 0.",
        needs="number",
    ),
    "regex": RewardKind(
        "Pattern",
        "1 where a regular expression is found in the completion, else 0. Write ^ and $ around it for the whole.",
        knob="regex",
    ),
    "format": RewardKind(
        "Format",
        "1 where the tags of a template stand in order, each once, with text in the gaps, else 0.",
        knob="template",
    ),
    "length": RewardKind(
        "Length",
        "1 up to a number of characters, falling to 0 at twice as many.",
        knob="length",
    ),
    "json_schema": RewardKind(
        "JSON by a schema",
        "1 where the completion is JSON, bare or in a fence, that follows the schema, else 0.",
        needs="schema",
        knob="json_schema",
    ),
    "code": RewardKind(
        "Code that passes tests",
        "The share of the row's tests that the code passes. It runs shut in, with Python's own packages only.",
        needs="tests",
        knob="time_limit_s",
    ),
    "custom": RewardKind(
        "Your own Python file",
        "What your function reward(completion, prompt, answer, row) returns. It runs in the trainer only.",
        knob="file",
    ),
    "model": RewardKind("Reward model", "The score of a model that was trained to judge.", knob="reward_model"),
    "process": RewardKind(
        "Process reward model",
        "The score of a model that was trained to judge steps.",
        knob="process_reward_model",
    ),
}

NEEDS_A_MODEL = ("model", "process")
"""Built where torch is, with the same protocol."""

# A pattern or a schema is done in a blink, or never.
_SECONDS_TO_SEARCH = 1.0

_BUILDERS: Mapping[str, Callable[[RewardPlan], Score]] = {
    "exact_answer": lambda plan: exact_answer.build(),
    "number": lambda plan: number.build(),
    "regex": lambda plan: regex.build(plan.regex or "", _SECONDS_TO_SEARCH),
    "format": lambda plan: format.build(plan.template),
    "length": lambda plan: length.build(plan.length),
    "json_schema": lambda plan: json_schema.build(plan.json_schema, _SECONDS_TO_SEARCH),
    "code": lambda plan: _build_code(plan),
    "custom": lambda plan: custom.build(Path(plan.file or "")),
}


def build(plan: RewardPlan) -> list[Reward]:
    """Build the rewards of a plan in its order, all but those that need a model."""
    return [
        Reward(name, plan.weight_of(name), _BUILDERS[name](plan)) for name in plan.names if name not in NEEDS_A_MODEL
    ]


def _build_code(plan: RewardPlan) -> Score:
    try:
        layers()
    except JailError as error:
        raise RewardError("The code of answers cannot be shut in on this machine.", str(error)) from None
    return code.build(plan.time_limit_s, plan.memory_limit_bytes)


def missing_of(plan: RewardPlan, tasks: Sequence[TaskLike]) -> list[str]:
    """Return a sentence for each row and reward that the row lacks something for."""
    return list(_missing_of(plan, tasks))


def _missing_of(plan: RewardPlan, tasks: Sequence[TaskLike]) -> Iterator[str]:
    for task in tasks:
        for name in plan.names:
            need = REWARDS[name].needs
            if need is None or (need == "schema" and plan.json_schema is not None):
                continue
            if lack := _LACKS[need](task):
                yield f"Line {task.line}: the reward {name} needs {_WORDS[need]}, and {lack}."


_NONE = "this row has none"


def _lack_of_tests(task: TaskLike) -> str:
    if tests_of(task.fields) is not None:
        return ""
    return "those of this row cannot be read" if any(map(task.fields.get, TEST_COLUMNS)) else _NONE


def _lack_of_schema(task: TaskLike) -> str:
    schema = json_schema.schema_of(task.fields)
    if schema is None:
        return _NONE
    fault = json_schema.fault_of(schema)
    return f"that of this row is not sound: {fault}" if fault else ""


_WORDS: Mapping[Need, str] = {
    "answer": "an answer",
    "number": "a number in the answer",
    "tests": "tests",
    "schema": "a schema",
}
_LACKS: Mapping[Need, Callable[[TaskLike], str]] = {
    "answer": lambda task: "" if exact_answer.reference_of(task.answer) else _NONE,
    "number": lambda task: "" if number.reference_number(task.answer) else _NONE,
    "tests": _lack_of_tests,
    "schema": _lack_of_schema,
}
