"""Let the model solve problems batch by batch, on every process its share; a pause loses one batch at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import gather_object

from trainer_image.arguments import GenerationPlan, Machine
from trainer_image.contract import PhaseName
from trainer_image.generating.prompts import Prompt, turns_of
from trainer_image.generating.rollouts import as_event, scored
from trainer_image.generating.samples import prompt_ids
from trainer_image.generating.solutions import Notebook, Try, share_of, with_hint
from trainer_image.methods import Parts
from trainer_image.model.facts import model_facts
from trainer_image.rewards.kinds import Reward

HALF_PRECISION = 2
SHARE_OF_FREE, MOST_ROWS = 0.5, 256
"""How far a card's free memory is filled with answers; beyond some hundreds a batch is hardly faster."""
SHOWN = 4
"""Answers of each batch that the live table shows."""


@dataclass(frozen=True)
class Question:
    """One try that is asked for: the problem by its number, and the ids that ask for it."""

    problem: int
    attempt: int
    input_ids: list[int]


class Solver:
    """The model of a run as a solver of problems, judged by its rewards."""

    def __init__(
        self, parts: Parts, problems: Sequence[Prompt], plan: GenerationPlan, rewards: Sequence[Reward], step: int
    ) -> None:
        self._parts = parts
        self._problems = problems
        self._plan = plan
        self._rewards = rewards
        self._step = step
        self._rows = rows_at_once(parts)

    def solve(self, phase: PhaseName, questions: Sequence[Question], notebook: Notebook, seed: int) -> bool:
        """Answer all questions into the notebook, as a part of a phase; return False where the run was asked to end."""
        # Long prompts first: what does not fit into the memory shows at once, and a batch has little padding.
        ordered = sorted(questions, key=lambda question: -len(question.input_ids))
        batches = [ordered[start : start + self._rows] for start in range(0, len(ordered), self._rows)]
        done = {(one.problem, one.attempt) for one in notebook.read()}
        count, rank = self._parts.machine.processes, self._parts.reporter.rank
        for first in range(0, len(batches), count):
            if self._parts.must_end():
                return False
            for place in range(first + rank, min(first + rank + 1, len(batches))):
                left = [one for one in batches[place] if (one.problem, one.attempt) not in done]
                if left:
                    # By the batch, so that a resume gives the answers that would have been given.
                    torch.manual_seed(seed + place)
                    notebook.add(self._answer_in_parts(left))
                    # What an earlier start has answered goes by in no time, and would make the rest look as fast.
                    self._parts.reporter.count(phase, min(first + count, len(batches)), len(batches))
            self._parts.reporter.beat()
        # Here every process waits until the others have written theirs.
        return not self._parts.must_end()

    def _answer_in_parts(self, questions: Sequence[Question]) -> list[Try]:
        """Answer all at once, or where the memory is full in halves."""
        try:
            return self._answer(questions)
        except torch.OutOfMemoryError:
            if len(questions) == 1:
                raise
            half = len(questions) // 2
        torch.cuda.empty_cache()
        return [*self._answer_in_parts(questions[:half]), *self._answer_in_parts(questions[half:])]

    def _answer(self, questions: Sequence[Question]) -> list[Try]:
        parts = self._parts
        answers = generate([question.input_ids for question in questions], parts, self._plan)
        texts = parts.tokenizer.batch_decode([ids for ids, _ in answers], skip_special_tokens=True)
        problems = [self._problems[question.problem] for question in questions]
        said = {reward.name: scored(reward, texts, problems) for reward in self._rewards}
        scores = [{name: values[index] for name, values in said.items()} for index in range(len(texts))]
        for prompt, text, own in list(zip(problems, texts, scores, strict=True))[:SHOWN]:
            parts.reporter.emit(as_event(self._step, prompt, text, self._rewards, own))
        return [
            Try(question.problem, question.attempt, text, share_of(self._rewards, own), is_whole)
            for question, text, own, (_, is_whole) in zip(questions, texts, scores, answers, strict=True)
        ]


def rows_at_once(parts: Parts) -> int:
    """Return how many answers are generated together, the same number on every process."""
    config = parts.config
    # What a step holds gradients for can be answered at once, on any machine.
    least = config.per_device_train_batch_size * config.gradient_accumulation_steps
    facts = model_facts(parts.model.config.to_dict())
    if parts.machine.device == "cpu" or facts is None:
        return least
    cache = 2 * facts.layers * facts.key_value * config.max_length * HALF_PRECISION
    # Temperature and top p are taken in full precision, on a few copies of the logits.
    logits = 4 * facts.vocabulary * 2 * HALF_PRECISION
    free, _ = torch.cuda.mem_get_info()
    mine = max(least, min(MOST_ROWS, int(free * SHARE_OF_FREE) // (cache + logits)))
    return int(min(gather_object([mine])))


def generate(prompts: Sequence[list[int]], parts: Parts, plan: GenerationPlan) -> list[tuple[list[int], bool]]:
    """Return one sampled answer to each prompt, and whether it came to its end; leave the model ready to train."""
    from unsloth import FastLanguageModel

    model, tokenizer = parts.model, parts.tokenizer
    longest = max(len(ids) for ids in prompts)
    padded = torch.tensor([[tokenizer.pad_token_id] * (longest - len(ids)) + ids for ids in prompts])
    mask = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompts])
    ends = end_tokens(model, tokenizer)
    FastLanguageModel.for_inference(model)
    try:
        with torch.inference_mode(), autocast(parts.machine):
            out = model.generate(
                input_ids=padded.to(model.device),
                attention_mask=mask.to(model.device),
                max_new_tokens=plan.longest_answer,
                do_sample=True,
                temperature=plan.temperature,
                top_p=plan.top_p,
                # What a model's own settings add to these knobs is left out, as GRPO does.
                top_k=0,
                repetition_penalty=1.0,
                eos_token_id=sorted(ends),
                pad_token_id=tokenizer.pad_token_id,
            )
    finally:
        checkpointing = "unsloth" if parts.config.gradient_checkpointing else False
        FastLanguageModel.for_training(model, use_gradient_checkpointing=checkpointing)
    return [_until_the_end(row[longest:].tolist(), ends) for row in out]


def autocast(machine: Machine) -> torch.autocast:
    """Compute as in training, so that a round after a resume is solved by the same numbers as without one."""
    half = torch.bfloat16 if machine.bf16 else torch.float16
    return torch.autocast(machine.device, half, enabled=machine.bf16 or machine.device == "cuda")


def end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """Return the ids that end an answer, by the model's word and the tokenizer's."""
    said = model.generation_config.eos_token_id
    return {tokenizer.eos_token_id, *(said if isinstance(said, list) else [said])} - {None}


def _until_the_end(ids: list[int], ends: set[int]) -> tuple[list[int], bool]:
    place = next((index for index, token in enumerate(ids) if token in ends), None)
    return (ids, False) if place is None else (ids[: place + 1], True)


def hinted_ids(prompt: Prompt, tokenizer: Any, longest: int) -> list[int]:
    """Return the ids that ask a problem and tell its answer; none where that is not possible."""
    turns = with_hint(prompt)
    ids = prompt_ids(turns_of(turns), tokenizer) if turns else []
    return ids if len(ids) <= longest else []
