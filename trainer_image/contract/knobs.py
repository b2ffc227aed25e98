"""Knobs as a form, a command line or a page of help needs them, and everything that is wrong with a config."""

from __future__ import annotations

import difflib
import functools
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError

from trainer_image.contract.config import CHECKED, GENERATING, SCORED, Group, Level, Method, RunConfig


@dataclass(frozen=True)
class Knob:
    """One field of RunConfig as a form, a command line or a page of help needs it."""

    name: str
    label: str
    help: str
    group: Group
    level: Level
    unit: str
    methods: tuple[Method, ...]
    kind: type
    """bool, int, float, str or tuple (a list of ``item_kind``)."""
    item_kind: type
    optional: bool
    """True when None is a value: ``optional_hint`` says what it then means."""
    optional_hint: str
    choices: tuple[str, ...]
    required: bool
    default: Any
    minimum: float | None
    maximum: float | None
    exclusive_minimum: bool
    exclusive_maximum: bool


@functools.cache  # a form asks for them with every letter that is typed
def knobs(method: Method | None = None) -> tuple[Knob, ...]:
    """Return every knob of RunConfig in reading order, or only those that ``method`` uses."""
    every = (_read_knob(name) for name in RunConfig.model_fields)
    return tuple(knob for knob in every if method is None or method in knob.methods)


def _read_knob(name: str) -> Knob:
    field = RunConfig.model_fields[name]
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    declared: Any = dict(extra)
    annotation: Any = field.annotation
    optional = get_origin(annotation) in (Union, types.UnionType)
    if optional:
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    choices: tuple[str, ...] = ()
    item_kind: type = str
    if get_origin(annotation) is Literal:
        choices, annotation = get_args(annotation), str
    elif get_origin(annotation) is tuple:
        item_kind, annotation = get_args(annotation)[0], tuple
        if get_origin(item_kind) is Literal:
            choices, item_kind = get_args(item_kind), str
    bounds = {key: value for mark in field.metadata for key, value in _bounds_of(mark).items()}
    return Knob(
        name=name,
        label=field.title or name,
        help=field.description or "",
        group=declared["group"],
        level=declared["level"],
        unit=declared["unit"],
        methods=tuple(declared["methods"]),
        kind=annotation,
        item_kind=item_kind,
        optional=optional,
        optional_hint=declared["optional_hint"],
        choices=choices,
        required=field.is_required(),
        default=None if field.is_required() else field.default,
        minimum=bounds.get("ge", bounds.get("gt")),
        maximum=bounds.get("le", bounds.get("lt")),
        exclusive_minimum="gt" in bounds,
        exclusive_maximum="lt" in bounds,
    )


def _bounds_of(mark: object) -> dict[str, Any]:
    """Return the bounds that one piece of pydantic metadata (annotated_types.Ge and its kin) carries."""
    return {key: getattr(mark, key) for key in ("ge", "gt", "le", "lt") if hasattr(mark, key)}


@dataclass(frozen=True)
class Problem:
    """What is wrong with a config: the knob, and one sentence that says what to do."""

    knob: str
    sentence: str


def check_config(values: Mapping[str, Any]) -> tuple[RunConfig | None, list[Problem]]:
    """Read ``values`` as a RunConfig; return it, or None and every problem at once."""
    try:
        config = RunConfig.model_validate(dict(values))
    except ValidationError as error:
        return None, [_as_problem(detail) for detail in error.errors()]
    problems = list(_crossed_problems(config))
    return (None, problems) if problems else (config, [])


def _crossed_problems(config: RunConfig) -> Iterable[Problem]:
    for knob in knobs():
        if config.method not in knob.methods and getattr(config, knob.name) != knob.default:
            yield Problem(knob.name, f"{knob.label} is not used by {config.method}. Take it out.")
    if config.eval_split_size == 0:
        for name in ("eval_steps", "sample_prompts", "early_stopping_patience", "load_best_model_at_end"):
            if getattr(config, name) != RunConfig.model_fields[name].default:
                label = RunConfig.model_fields[name].title
                yield Problem(name, f"{label} needs rows to evaluate: set Rows held back above 0.")
    yield from _weight_problems(config)
    if config.method == "dpo":
        yield from _loss_problems(config)
    if config.method in ("dpo", "kto") and config.beta == 0:
        yield Problem("beta", f"Beta has to be more than 0 for {config.method}: with 0 nothing is learned.")
    if config.method == "kto" and config.per_device_train_batch_size < 2:
        yield Problem("per_device_train_batch_size", "Rows at once has to be 2 or more for kto: it compares them.")
    if config.method in GENERATING:
        yield from _generation_problems(config)
    if config.method in CHECKED:
        yield from _reward_problems(config)


def _weight_problems(config: RunConfig) -> Iterable[Problem]:
    """What does not go together in how the weights are held and trained."""
    if config.full_finetuning:
        for knob in knobs():
            if knob.group == "LoRA" and knob.name != "full_finetuning" and getattr(config, knob.name) != knob.default:
                yield Problem(
                    knob.name, f"{knob.label} is for adapters; all weights are trained. Take one of them out."
                )
        if config.load_in_4bit:
            yield Problem("load_in_4bit", "4-bit weights cannot be trained: take out 4-bit base or Train all weights.")
    if not config.load_in_4bit:
        for name in ("bnb_4bit_quant_type", "bnb_4bit_use_double_quant"):
            if getattr(config, name) != RunConfig.model_fields[name].default:
                yield Problem(name, f"{RunConfig.model_fields[name].title} is for a 4-bit base: switch 4-bit base on.")
    if config.lr_scheduler_type != "cosine_with_min_lr" and config.min_lr_rate != 0.1:
        yield Problem("min_lr_rate", "Lowest learning rate is for the schedule cosine_with_min_lr: choose it.")
    if config.lr_scheduler_type == "constant" and config.warmup_steps != RunConfig.model_fields["warmup_steps"].default:
        yield Problem("warmup_steps", "The schedule constant has no warm-up: choose constant_with_warmup.")


def _loss_problems(config: RunConfig) -> Iterable[Problem]:
    if config.loss_type == "robust" and config.label_smoothing == 0:
        yield Problem("label_smoothing", "The loss robust needs Wrong labels above 0, such as 0.1.")
    if config.loss_type not in ("robust", "simpo", "cpo") and config.label_smoothing:
        yield Problem("label_smoothing", f"Wrong labels is not used by the loss {config.loss_type}. Take it out.")
    if config.loss_type != "simpo" and config.simpo_gamma != 0.5:
        yield Problem("simpo_gamma", f"SimPO margin is not used by the loss {config.loss_type}. Take it out.")
    if config.loss_type not in ("simpo", "cpo") and config.cpo_alpha != 1.0:
        yield Problem("cpo_alpha", f"CPO weight is not used by the loss {config.loss_type}. Take it out.")


def _generation_problems(config: RunConfig) -> Iterable[Problem]:
    tries = config.num_generations
    if config.method != "star":
        rows = config.per_device_train_batch_size * config.gradient_accumulation_steps
        if tries < 2:
            yield Problem("num_generations", "Tries for each prompt has to be 2 or more: they are compared.")
        elif rows % tries:
            yield Problem(
                "num_generations",
                f"Rows at once x Gradient accumulation is {rows}, and has to be a multiple of the {tries} tries.",
            )
    if config.max_completion_length >= config.max_length:
        yield Problem(
            "max_completion_length",
            f"Longest answer ({config.max_completion_length}) leaves no room for the prompt: Longest row is "
            f"{config.max_length} tokens for both. Lower the one or raise the other.",
        )


REWARD_NEEDS: Mapping[str, tuple[str, ...]] = {
    "regex": ("reward_regex",),
    "custom": ("reward_file",),
    "model": ("reward_model",),
    "process": ("process_reward_model",),
}
"""The knobs without which a reward cannot be computed."""
REWARD_TAKES: Mapping[str, tuple[str, ...]] = {
    **REWARD_NEEDS,
    "format": ("reward_format",),
    "length": ("reward_length",),
    "json_schema": ("reward_json_schema",),
    "code": ("code_time_limit",),
}
"""The knobs that belong to one reward alone."""


def _reward_problems(config: RunConfig) -> Iterable[Problem]:
    if "model" in config.rewards and config.method not in SCORED:
        yield Problem("rewards", "A reward model's score says better or worse, not right or wrong: take model out.")
        return
    if len(set(config.rewards)) != len(config.rewards):
        yield Problem("rewards", "Each reward counts once: take the second one out and raise its weight.")
    if config.reward_weights and len(config.reward_weights) != len(config.rewards):
        yield Problem("reward_weights", "Weights of the rewards has to have one number for each reward.")
    elif config.reward_weights and not any(config.reward_weights):
        yield Problem("reward_weights", "With all weights at 0 nothing is rewarded.")
    for reward, names in REWARD_TAKES.items():
        for name in names:
            field = RunConfig.model_fields[name]
            if reward in config.rewards and reward in REWARD_NEEDS and not getattr(config, name):
                yield Problem(name, f"The reward {reward} needs {field.title}.")
            if reward not in config.rewards and getattr(config, name) != field.default:
                yield Problem(name, f"{field.title} is for the reward {reward}: add it to Rewards, or take this out.")
    if config.reward_regex:
        try:
            re.compile(config.reward_regex)
        except re.error as error:
            yield Problem("reward_regex", f"Pattern is no regular expression: {error}.")


def _as_problem(detail: Any) -> Problem:
    name = str(detail["loc"][0]) if detail["loc"] else ""
    known = RunConfig.model_fields.get(name)
    label = (known.title if known else None) or name
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return Problem(name, f"There is no knob called {name}.{_nearest_knob(name)}")
    if kind in ("missing", "string_too_short"):
        return Problem(name, f"{label} is missing. {known.description if known else ''}".strip())
    if name == "method" and str(detail["input"]).lower() == "ppo":
        return Problem(name, "PPO is not offered: its trainer has left TRL. Choose rlhf, which does the same by RLOO.")
    if kind == "literal_error":
        return Problem(name, f"{label} has to be one of {context['expected'].replace(chr(39), '')}.")
    limits = {
        "greater_than": "has to be more than {gt}",
        "greater_than_equal": "has to be {ge} or more",
        "less_than": "has to be less than {lt}",
        "less_than_equal": "has to be {le} or less",
        "too_long": "takes at most {max_length} entries",
        "too_short": "takes at least {min_length} entry",
    }
    if kind in limits:
        return Problem(name, f"{label} {limits[kind].format(**context)}.")
    if kind == "value_error":
        return Problem(name, f"{label}: {context['error']}.")
    wanted = {"int": "a whole number", "float": "a number", "bool": "true or false", "tuple": "a list"}
    word = next((words for start, words in wanted.items() if kind.startswith(start)), "text")
    return Problem(name, f"{label} has to be {word}, not {str(detail['input'])[:40]!r}.")


def _nearest_knob(name: str) -> str:
    near = difflib.get_close_matches(name, RunConfig.model_fields, n=1)
    return f" Did you mean {near[0]}?" if near else ""
