"""From tasks to prompts as the model reads them: rendered, measured, and checked against what the rewards need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from trainer_image.arguments import data_plan, generation_plan, reward_plan
from trainer_image.contract import RunConfig
from trainer_image.data.dataset import Prepared, Tell, untold
from trainer_image.data.dataset import prepare as prepare_rows
from trainer_image.formats import Kind, Message, RowProblem, Task
from trainer_image.rewards.kinds import RewardPlan
from trainer_image.rewards.registry import missing_of

KIND: Kind = "task"


@dataclass(frozen=True)
class Prompt:
    """One task as the model is asked it; ``fits`` says that an answer has room behind it."""

    task: Task
    input_ids: list[int]
    fits: bool
    was_cut: bool = False

    @property
    def row(self) -> int:
        return self.task.row

    @property
    def line(self) -> int:
        return self.task.line

    @property
    def learned(self) -> int:
        """Return 0 for a prompt that has to be left out; what is learned otherwise is yet to be said by the model."""
        return len(self.input_ids) if self.fits else 0

    @property
    def tokens(self) -> int:
        return len(self.input_ids)

    @property
    def text(self) -> str:
        """Return the prompt as a person reads it, and as rewards get it."""
        return "\n\n".join(message.content for message in self.task.prompt)


def prepare(config: RunConfig, tokenizer: Any, tell: Tell = untold) -> Prepared:
    """Return the prompts of the dataset that leave room for an answer and can be rewarded."""
    longest, rewards = generation_plan(config).longest_prompt, reward_plan(config)
    return prepare_rows(
        data_plan(config), KIND, partial(encode_prompts, tokenizer=tokenizer, longest=longest, rewards=rewards), tell
    )


def encode_prompts(
    tasks: Iterable[Task], tokenizer: Any, longest: int, rewards: RewardPlan
) -> Iterator[Prompt | RowProblem]:
    """Yield the ids of each prompt, or why the template refuses it or a reward cannot judge its answers."""
    from trainer_image.data.encoding import prompt_ids

    for task in tasks:
        missing = missing_of(rewards, [task])
        if missing:
            sentence = missing[0].removeprefix(f"Line {task.line}: ")
            yield RowProblem(task.line, task.row, "", "missing_field", sentence)
            continue
        try:
            ids = prompt_ids(turns_of(task.prompt), tokenizer)
        # A template refuses a conversation by an exception of its own choice (jinja2's TemplateError, ValueError, ...).
        except Exception as error:
            sentence = f"The chat template of this model refuses the prompt: {error}. Change or leave out the row."
            yield RowProblem(task.line, task.row, "", "template", sentence)
            continue
        yield Prompt(task, ids, fits=len(ids) <= longest)


def turns_of(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return turns as a chat template takes them."""
    return [message.as_turn() for message in messages]
