"""What a trainer that generates is given: prompts by number, rewards by name, and a table of what was tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

import torch
from accelerate.utils import gather_object
from transformers import TrainerCallback
from trl.trainer.utils import RepeatSampler

from trainer_image.arguments import reward_plan
from trainer_image.contract import Completion, RunConfig
from trainer_image.errors import TrainerError
from trainer_image.generating.judges import load_judge
from trainer_image.generating.prompts import Prompt
from trainer_image.model.classifiers import Judges
from trainer_image.reporter import Reporter
from trainer_image.rewards.kinds import Reward, RewardError, Score
from trainer_image.rewards.registry import build

# A judge writes the conversation by its own template, which may take more tokens than ours.
TEMPLATE_ROOM = 256
# What the live table of a step shows; the events file of a long run stays small.
SHOWN_PROMPTS, SHOWN_ROWS, LONGEST_TEXT = 2, 16, 4_000


@dataclass
class _Tried:
    """The answers that were generated together, and what each reward says of them."""

    prompts: list[Prompt]
    texts: list[str]
    scores: dict[str, list[float | None]] = field(default_factory=dict)


class Rollouts(TrainerCallback):  # type: ignore[misc]
    """Stands between our prompts and rewards and TRL's trainer, which knows a prompt by its number only.

    It is the trainer's collator as well, so that tokens are counted where the answers are first seen.
    """

    def __init__(
        self, prompts: Sequence[Prompt], rewards: Sequence[Reward], tokenizer: Any, reporter: Reporter
    ) -> None:
        self._prompts = prompts
        self._rewards = rewards
        self._tokenizer = tokenizer
        self._reporter = reporter
        self._tried: _Tried | None = None
        self._tokens = 0
        self.is_counting = True
        """False during evaluations, whose tokens are not trained on."""

    def __call__(self, rows: list[Any]) -> list[Any]:
        """Collate nothing: the trainer makes its batches itself, once it has answers."""
        return rows

    def take(self, batches: int) -> int:
        """Return the tokens of prompts and answers since the last call; they are generated for a whole step at once."""
        taken, self._tokens = self._tokens, 0
        return taken

    def tokenize(self, numbers: Sequence[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        """Return the ids of prompts, which were made once and are those that a chat asks with."""
        return [self._prompts[int(number)].input_ids for number in numbers], None, {}

    def reward_functions(self) -> list[Callable[..., list[float | None]]]:
        """Return the rewards as TRL calls them, one after the other, named as the user named them."""
        return [self._as_function(reward) for reward in self._rewards]

    def _as_function(self, reward: Reward) -> Callable[..., list[float | None]]:
        def score(*, prompts: list[str], completion_ids: list[list[int]], **_: Any) -> list[float | None]:
            if reward is self._rewards[0]:
                self._tried = self._look_at(prompts, completion_ids)
            assert self._tried is not None
            self._tried.scores[reward.name] = scores = scored(reward, self._tried.texts, self._tried.prompts)
            self._reporter.beat()
            return scores

        score.__name__ = reward.name
        return score

    def _look_at(self, numbers: list[str], completion_ids: list[list[int]]) -> _Tried:
        prompts = [self._prompts[int(number)] for number in numbers]
        if self.is_counting:
            self._tokens += sum(prompt.tokens for prompt in prompts) + sum(len(ids) for ids in completion_ids)
        return _Tried(prompts, self._tokenizer.batch_decode(completion_ids, skip_special_tokens=True))

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Show the tries of a few prompts of this step; those of one prompt may lie with several processes."""
        mine, self._tried = self._as_events(state.global_step, self._tried), None
        for event in _shown(gather_object(mine)):
            self._reporter.emit(event)

    def _as_events(self, step: int, tried: _Tried | None) -> list[Completion]:
        if tried is None:
            return []
        scores = [{name: values[index] for name, values in tried.scores.items()} for index in range(len(tried.texts))]
        return [
            as_event(step, prompt, text, self._rewards, own)
            for prompt, text, own in zip(tried.prompts, tried.texts, scores, strict=True)
        ]

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **rest: Any) -> None:
        # With one try for each prompt there is nothing to compare, so these are no measurements.
        for name in ("eval_loss", "eval_frac_reward_zero_std"):
            metrics.pop(name, None)


def build_rewards(config: RunConfig) -> list[Reward]:
    """Return the run's rewards in their order; what is wrong with one is told before anything is trained."""
    plan = reward_plan(config)
    judges: dict[str, tuple[str | None, Judges]] = {
        "model": (plan.reward_model, "reward"),
        "process": (plan.process_reward_model, "process"),
    }
    try:
        built = {reward.name: reward for reward in build(plan)}
    except RewardError as error:
        raise TrainerError("bad_reward", error.sentence, error.hint) from error
    for name, (folder, kind) in judges.items():
        if name not in plan.names:
            continue
        # A judge beside a base in 4 bits is held in 4 bits as well: the card is a small one.
        judge = load_judge(folder or "", kind, config.load_in_4bit, config.max_length + TEMPLATE_ROOM)
        built[name] = Reward(name, plan.weight_of(name), cast(Score, judge))
    return [built[name] for name in plan.names]


def scored(reward: Reward, texts: Sequence[str], prompts: Sequence[Prompt]) -> list[float | None]:
    """Return what one reward says of answers; its failure ends the run with its own words."""
    try:
        return reward(texts, [prompt.text for prompt in prompts], [prompt.task for prompt in prompts])
    except RewardError as error:
        raise TrainerError("bad_reward", error.sentence, error.hint) from error


def as_event(
    step: int, prompt: Prompt, text: str, rewards: Sequence[Reward], scores: Mapping[str, float | None]
) -> Completion:
    """Return one try as a live table shows it."""
    return Completion(
        step=step,
        prompt=prompt.text[:LONGEST_TEXT],
        text=text[:LONGEST_TEXT],
        answer=prompt.task.answer[:LONGEST_TEXT],
        reward=weighted(rewards, scores),
        rewards=dict(scores),
    )


def weighted(rewards: Sequence[Reward], scores: Mapping[str, float | None]) -> float | None:
    """Return the weighted sum of what the rewards say of one answer; None where none has a say."""
    said = [(reward.weight, scores[reward.name]) for reward in rewards]
    counted = [weight * score for weight, score in said if score is not None]
    return sum(counted) if counted else None


def _shown(events: Sequence[Completion]) -> Iterator[Completion]:
    """Yield the tries of the first prompts."""
    first = list(dict.fromkeys(event.prompt for event in events))[:SHOWN_PROMPTS]
    return islice((event for event in events if event.prompt in first), SHOWN_ROWS)


class PromptOrder(RepeatSampler):  # type: ignore[misc]
    """TRL's order of prompts, drawn anew for each epoch from seed and epoch, so that a resume finds its place."""

    def __init__(self, trainer: Any, dataset: Any) -> None:
        args = trainer.args
        super().__init__(
            dataset,
            mini_repeat_count=args.num_generations,
            batch_size=args.generation_batch_size // args.num_generations,
            repeat_count=args.num_iterations * args.steps_per_generation,
            seed=args.seed,
        )
        self._trainer = trainer

    def __iter__(self) -> Iterator[int]:
        epoch = int((self._trainer.state.epoch or 0) + 1e-6)
        self.generator: torch.Generator = torch.Generator().manual_seed(self.seed + epoch)
        yield from super().__iter__()
