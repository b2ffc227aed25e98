"""Reward models and process reward models as judges of what another model says.

A judge is loaded beside the model that it judges and takes memory of its own: 2 bytes for each of its weights, or about
half a byte in 4 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from trainer_image.data.pairs import encode_labelled
from trainer_image.data.steps import join_steps, steps_of
from trainer_image.errors import TrainerError
from trainer_image.formats import Labelled, Message, RowProblem, Task
from trainer_image.model.classifiers import Judges, load_trained

BATCH = 8

Conversation = Sequence[Message]


def load_judge(
    folder: str | Path, kind: Judges = "reward", load_in_4bit: bool = False, max_length: int = 4096
) -> Judge:
    """Load what a run of the method reward or prm has made, or a whole model of that kind, ready to judge."""
    model, tokenizer = load_trained(Path(folder), kind, load_in_4bit)
    return (Judge if kind == "reward" else StepJudge)(model, tokenizer, max_length)


class Judge:
    """Gives a whole conversation a score: the higher, the better its last answer."""

    name = "model"

    def __init__(self, model: Any, tokenizer: Any, max_length: int) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._max_length = max_length

    def __call__(self, completions: Sequence[str], prompts: Sequence[str], tasks: Sequence[Task]) -> list[float]:
        """Return the score of each completion as the answer to its task.

        The judge writes the task out by its own template, as in its training; ``prompts`` are another model's words.
        """
        return self.score(
            [
                (*task.prompt, Message("assistant", completion))
                for task, completion in zip(tasks, completions, strict=True)
            ]
        )

    def score(self, conversations: Sequence[Conversation]) -> list[float]:
        """Return the score of each conversation, whose last turn is the answer."""
        answers = [Labelled(0, 0, tuple(turns[:-1]), (turns[-1],), True) for turns in conversations]
        rows = list[list[int]]()
        for item in encode_labelled(answers, self._tokenizer, self._max_length):
            if isinstance(item, RowProblem):
                raise TrainerError("bad_data", item.sentence, "Choose a reward model of the same kind as the model.")
            rows.append((item.prompt_ids + item.completion_ids)[: self._max_length])
        return [float(score) for logits in self._logits(rows) for score in logits[:, 0]]

    def _logits(self, rows: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        """Return what the head says of each batch of rows."""
        return [self._judge(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)]

    def _judge(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        batch = self._tokenizer.pad({"input_ids": [list(ids) for ids in rows]}, return_tensors="pt")
        device = self._model.device
        # As in training: the head is in full precision, what it stands on is not.
        with torch.inference_mode(), torch.autocast(device.type, self._half()):
            logits = self._model(**batch.to(device), use_cache=False).logits
        return logits.float().cpu()

    def _half(self) -> torch.dtype:
        return self._model.dtype if self._model.dtype in (torch.float16, torch.bfloat16) else torch.bfloat16


class StepJudge(Judge):
    """Gives each step of an answer the probability that it is right, and an answer that of its weakest step.

    The weakest and not the product of all: one wrong step spoils a solution however many right ones stand around it,
    and a product would punish a right solution for having many steps.
    """

    name = "process"

    def score(self, conversations: Sequence[Conversation]) -> list[float]:
        """Return the probability of the weakest step of each conversation's last turn; without a step it is 0."""
        split = [(conversation[:-1], steps_of(conversation[-1].content)) for conversation in conversations]
        return [min(scores, default=0.0) for scores in self.score_steps(split)]

    def score_steps(self, solutions: Sequence[tuple[Conversation, Sequence[str]]]) -> list[list[float]]:
        """Return for each prompt and its steps how likely each step is right; steps that do not fit are left out."""
        joined = [join_steps(prompt, steps, self._tokenizer) for prompt, steps in solutions]
        rows = [ids[: self._max_length] for ids, _ in joined]
        right = [row for logits in self._logits(rows) for row in logits.softmax(-1)[..., 1]]
        return [
            [float(row[end]) for end in ends if end < self._max_length]
            for row, (_, ends) in zip(right, joined, strict=True)
        ]
