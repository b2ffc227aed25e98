"""STaR: solve the problems, learn from the right solutions, and start anew with a model that solves more of them.

Each round trains the base model again, by supervised fine-tuning on what the model of the round before has solved.
A solution is right if its rewards give at least 0.99 of what they can give (1 each, by their weights). Problems held
back are tried once before each round and after the last, so that what the rounds bring can be seen.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainer_image.arguments import generation_plan, star_plan
from trainer_image.contract import Evaluation, Round, RunConfig
from trainer_image.errors import TrainerError
from trainer_image.generating import prompts
from trainer_image.generating.solutions import Notebook, Try, as_row, right_ones
from trainer_image.methods import Parts, Stage, sft, steps_of
from trainer_image.model.loading import load_trainable
from trainer_image.reporter import write_json

KIND = prompts.KIND
METRICS = sft.METRICS
BEST = sft.BEST

load = load_trainable
prepare = prompts.prepare
trainer_arguments = sft.trainer_arguments


def stages(parts: Parts, first_stage: int) -> Iterator[Stage]:
    """Yield for each round the trainer that learns from it, once the model has solved what it can."""
    rounds, first_step = star_plan(parts.config).rounds, 0
    weights = fresh_weights(parts.model)
    for number in range(first_stage, rounds + 1):
        file = parts.reporter.folder.rounds / f"round-{number}.jsonl"
        if not file.exists() and not solve_problems(parts, number, first_step, file):
            return
        first_step = json.loads(_note_of(file).read_text("utf-8"))["first_step"]
        put_back(parts.model, weights)
        config = config_of_round(parts.config, file)
        solutions = sft.prepare(config, parts.tokenizer)
        if solutions.problems:
            first = f"{len(solutions.problems)} solutions cannot be learned and are left out. {solutions.problems[0]}"
            parts.reporter.warn(f"solutions_left_out_{number}", f"Round {number}: {first}")
        trainer = sft.build_trainer(replace(parts, config=config, prepared=solutions))
        steps, _ = steps_of(trainer)
        # What the rounds to come will solve is not known; they are taken to be like this one.
        total = first_step + steps * (rounds + 1 - number)
        yield Stage(trainer, number, first_step, total, solutions)
        first_step += steps
        let_go(trainer)
    test(parts, rounds + 1, first_step)


def config_of_round(config: RunConfig, file: Path) -> RunConfig:
    """Return how a round's own file is learned: what the user has said of the dataset's does not hold for it.

    The model wrote its rows, so one that cannot be read, as it holds the marks of a template, is nobody's to mend.
    """
    ours = {"dataset": str(file), "columns": (), "read_as": (), "loss_on": "last_answer", "eval_split_size": 0}
    return config.model_copy(update={**ours, "bad_rows": "leave_out"})


def test(parts: Parts, number: int, first_step: int) -> bool:
    """Try the problems held back with the model as it is before a round; False where the run was asked to end."""
    from trainer_image.generating.rollouts import build_rewards
    from trainer_image.generating.solving import Question, Solver

    problems, folder = parts.prepared.evaluation, parts.reporter.folder.rounds
    told = folder / f".round-{number}.held.json"
    if not problems or told.exists():
        return True
    start = time.perf_counter()
    solver = Solver(parts, problems, generation_plan(parts.config), build_rewards(parts.config), first_step)
    tries = Notebook(folder, f"round-{number}.held", parts.reporter.rank)
    asked = [Question(n, 0, problem.input_ids) for n, problem in enumerate(problems)]
    with parts.reporter.phase("evaluate"):
        if not solver.solve("evaluate", asked, tries, parts.config.seed + 250_007):
            return False
    found = tries.read()
    metrics = {
        "solved": sum(one.is_right for one in found) / len(problems),
        "reward": sum(one.share or 0.0 for one in found) / len(problems),
    }
    seconds = time.perf_counter() - start
    parts.reporter.emit(Evaluation(step=first_step, loss=None, metrics=metrics, seconds=seconds))
    if parts.reporter.rank == 0:
        write_json(told, metrics)
    return True


def solve_problems(parts: Parts, number: int, first_step: int, file: Path) -> bool:
    """Write down what a round learns from; return False where there is nothing, or the run was asked to end."""
    from trainer_image.generating.rollouts import build_rewards
    from trainer_image.generating.solving import Question, Solver, hinted_ids

    if not test(parts, number, first_step):
        return False
    start, plan, star = time.perf_counter(), generation_plan(parts.config), star_plan(parts.config)
    problems, folder, rank = parts.prepared.train, parts.reporter.folder.rounds, parts.reporter.rank
    solver = Solver(parts, problems, plan, build_rewards(parts.config), first_step)
    seed = parts.config.seed + number * 1_000_003
    with parts.reporter.phase("generate"):
        tries = Notebook(folder, f"round-{number}.tries", rank)
        asked = [Question(n, attempt, p.input_ids) for n, p in enumerate(problems) for attempt in range(plan.tries)]
        if not solver.solve("generate", asked, tries, seed):
            return False
        solved = right_ones(tries.read())
        hinted: dict[int, list[Try]] = {}
        if star.hints:
            hints = Notebook(folder, f"round-{number}.hints", rank)
            left = [n for n in range(len(problems)) if n not in solved]
            told = {n: hinted_ids(problems[n], parts.tokenizer, plan.longest_prompt) for n in left}
            asked = [Question(n, attempt, ids) for n, ids in told.items() if ids for attempt in range(plan.tries)]
            if not solver.solve("generate", asked, hints, seed + 500_009):
                return False
            hinted = right_ones(hints.read())
    rows = [as_row(problems[n], one, is_hinted=False) for n in solved for one in solved[n]]
    rows += [as_row(problems[n], one, is_hinted=True) for n in hinted for one in hinted[n]]
    parts.reporter.emit(
        Round(
            round=number,
            rounds=star.rounds,
            problems=len(problems),
            solved=len(solved),
            hinted=len(hinted),
            kept=len(rows),
            seconds=time.perf_counter() - start,
        )
    )
    if not rows:
        tell_of_nothing(parts, number)
        return False
    if rank == 0:
        write_json(_note_of(file), {"first_step": first_step})
        aside = file.with_suffix(".partial")
        aside.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        aside.rename(file)
    # The other processes go on when the file is there.
    return not parts.must_end()


def tell_of_nothing(parts: Parts, number: int) -> None:
    """Say that a round solved nothing: the end of a run that has learned nothing yet, and of the rounds otherwise."""
    sentence = f"The model solved none of the problems in round {number}, so there is nothing to learn from."
    hint = "Take easier problems, more tries for each, a longer answer or a larger model."
    if number == 1:
        raise TrainerError("bad_data", sentence, hint)
    parts.reporter.warn("nothing_solved", f"{sentence} The run ends with what it has learned.", hint)


def _note_of(file: Path) -> Path:
    """Return the file that says at which step of the run a round begins."""
    return file.with_name(f".{file.stem}.json")


def fresh_weights(model: Any) -> dict[str, Any]:
    """Return a copy of all weights that learn, as they are before anything is learned."""
    return {name: part.detach().cpu().clone() for name, part in model.named_parameters() if part.requires_grad}


def put_back(model: Any, weights: dict[str, Any]) -> None:
    """Give a model the weights back that it began with."""
    for name, part in model.named_parameters():
        if name in weights:
            part.data.copy_(weights[name])


def let_go(trainer: Any) -> None:
    """Free the model from a trainer that has done its work: what wraps it would take part in the next one's."""
    # Not by accelerate's unwrap_model: it takes a part of Unsloth's forward with it, and the next round's gradients
    # then differ in the fifth digit.
    trainer.model_wrapped = trainer.model
    trainer.accelerator.free_memory()
    gc.collect()
