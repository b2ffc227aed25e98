"""Which method for which goal, which rows, and how the model is held in memory: the field's decision tree, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from desktop.core.auto_memory import Machine, Room, find_room
from desktop.core.dataset.fits import methods_for
from desktop.core.models import HELD_AS, KnownModel
from desktop.core.presets import plain_values
from trainer_image.contract import GENERATING, LEAST_ROWS, Method
from trainer_image.formats import Shape

GoalKey = Literal["teach", "prefer", "reason"]
WayKey = Literal["qlora", "lora", "full"]


@dataclass(frozen=True)
class Kind:
    """What the rows of a goal may look like, and the method that learns from them."""

    title: str
    method: Method


@dataclass(frozen=True)
class Goal:
    """What somebody wants of a run."""

    key: GoalKey
    title: str
    sentence: str
    kinds: tuple[Kind, ...]

    @property
    def methods(self) -> tuple[Method, ...]:
        return tuple(kind.method for kind in self.kinds)


GOALS: tuple[Goal, ...] = (
    Goal(
        "teach",
        "Teach a style or facts",
        "The model imitates your answers, or takes in your texts.",
        (
            Kind("Questions with answers, or conversations", "sft"),
            Kind("Plain texts", "pretrain"),
        ),
    ),
    Goal(
        "prefer",
        "Prefer better answers",
        "The model learns from answers that you have compared or judged.",
        (
            Kind("Pairs: a better and a worse answer", "dpo"),
            Kind("Single answers with a thumb up or down", "kto"),
            Kind("Pairs, and no memory or time to spare", "orpo"),
        ),
    ),
    Goal(
        "reason",
        "Reason",
        "The model tries, its answers are checked, and it learns from what was right.",
        (
            Kind("Questions whose answers can be checked", "grpo"),
            Kind("Hard problems, solved in rounds", "star"),
        ),
    ),
)

NEEDS: Mapping[Method, tuple[str, str]] = {
    "sft": ("50 good answers teach a manner, some thousand teach a skill", "the quickest of all"),
    "pretrain": ("some megabytes of text: ten books rather than ten pages", "as long as the text is"),
    "dpo": ("some hundred to some thousand pairs", "about twice as long as imitating the same rows"),
    "kto": ("some hundred answers of each kind", "about twice as long as imitating the same rows"),
    "orpo": ("some hundred to some thousand pairs", "a little longer than imitating them"),
    "grpo": (
        "some hundred questions with answers that can be checked",
        "ten times as long or more: it writes every try",
    ),
    "star": ("some hundred problems with their right answers", "ten times as long or more: it solves them in rounds"),
}
"""Rows that a method needs, and the time that it takes."""


@dataclass(frozen=True)
class Way:
    """One way to hold and train the weights."""

    key: WayKey
    title: str
    sentence: str
    knobs: Mapping[str, Any]


WAYS: tuple[Way, ...] = (
    Way(
        "qlora",
        "QLoRA, a 4-bit base",
        "Least memory, almost the same result, a little slower.",
        {"full_finetuning": False, "load_in_4bit": True},
    ),
    Way(
        "lora",
        "LoRA, a 16-bit base",
        "The usual choice where it fits.",
        {"full_finetuning": False, "load_in_4bit": False},
    ),
    Way(
        "full",
        "All weights",
        "For much new knowledge from many rows. It can forget what it knew.",
        {"full_finetuning": True, "load_in_4bit": False},
    ),
)


def goal_of(method: Method) -> Goal | None:
    """Return the goal that a method serves; None for those that make judges or chains."""
    near: dict[Method, Method] = {"rloo": "grpo", "rlhf": "dpo"}
    wanted = near.get(method, method)
    return next((goal for goal in GOALS if wanted in goal.methods), None)


def method_for(goal: Goal, shape: Shape | None) -> Method:
    """Return the method of a goal that these rows are meant for most, or the goal's first where they feed none."""
    fitting = methods_for(shape) if shape else ()
    return next((method for method in fitting if method in goal.methods), goal.methods[0])


def can_feed(goal: Goal, shape: Shape | None) -> bool:
    """Say whether rows of this shape serve the goal; rows that nobody has read may."""
    return shape is None or any(method in methods_for(shape) for method in goal.methods)


def title_of(way: Way, model: KnownModel) -> str:
    """Return what a way is called for a model, whose files may hold its weights in less than 16 bits."""
    stored = model.facts.stored if model.facts else "plain"
    if way.key == "lora" and stored != "plain" and not model.is_four_bit:
        return f"LoRA, an {HELD_AS[stored]} base"
    return way.title


def room_for(way: Way, model: KnownModel, machine: Machine, method: Method) -> Room | None:
    """Return what one row at once of 1,024 tokens would need this way; None where nobody knows the model."""
    if model.size is None:
        return None
    rows = {"per_device_train_batch_size": LEAST_ROWS.get(method, 1), "gradient_accumulation_steps": 1}
    if method in GENERATING:
        rows |= {"gradient_accumulation_steps": 8, "max_length": 1280}
    values = {"model": "model", "dataset": "rows", "method": method, **plain_values(), **rows, **way.knobs}
    if way.key == "full" and machine.cards:
        values["optim"] = "adamw_8bit"
    return find_room(values, model, machine, may_split=True)


def best_way(model: KnownModel, machine: Machine, method: Method) -> Way:
    """Return the way to begin with: LoRA where it fits, else QLoRA; a 4-bit base stays one."""
    lora = next(way for way in WAYS if way.key == "lora")
    room = room_for(lora, model, machine, method)
    fits = room is not None and room.use in ("cards", "cpu") and not model.is_four_bit
    return lora if fits else next(way for way in WAYS if way.key == "qlora")


def knobs_of(way: Way, model: KnownModel, machine: Machine) -> dict[str, Any]:
    """Return what choosing a way sets in the form; all weights take an 8-bit optimizer where there is a card."""
    knobs = dict(way.knobs)
    if way.key == "full" and machine.cards:
        knobs["optim"] = "adamw_8bit"
    if model.is_four_bit and way.key == "lora":
        knobs["load_in_4bit"] = True  # its files hold nothing else
    return knobs
