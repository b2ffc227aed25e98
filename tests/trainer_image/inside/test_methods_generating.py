"""GRPO, RLOO and STaR on a real small model: what is tried, rewarded, learned, shown, and taken up again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_image.contract import PauseRequest, RunConfig
from trainer_image.methods import sft, star

ROWS = 12


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    path = tmp_path / "problems.jsonl"
    rows = [{"question": f"What is {n} plus {n % 3}?", "answer": str(n + n % 3), "place": n} for n in range(ROWS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def new_tries(new_run: Callable[..., Any], problems: Path) -> Callable[..., Any]:
    """A run that tries short answers to the problems; a step asks two of them twice."""

    def make(name: str = "run", **knobs: Any) -> Any:
        small = {
            "dataset": str(problems),
            "method": "grpo",
            "max_length": 96,
            "max_completion_length": 12,
            "per_device_train_batch_size": 4,
            "num_generations": 2,
            "learning_rate": 1e-3,
            "max_steps": 2,
        }
        if "rewards" not in knobs:
            small |= {"rewards": ["number", "length"], "reward_length": 20}
        return new_run(name, **(small | knobs))

    return make


def _tries(run: Any) -> list[tuple[int, str, str]]:
    return [(event.step, event.prompt, event.text) for event in run.events("completion")]


def test_grpo_tries_rewards_and_tells(new_tries: Any) -> None:
    run = new_tries(reward_weights=[1, 0.5], eval_split_size=0.2, eval_steps=2, sample_prompts=["Hello?"]).train()
    shown = run.events("completion")
    assert [event.step for event in shown] == [1] * 4 + [2] * 4
    for event in shown:
        first, second = event.prompt.removeprefix("What is ").removesuffix("?").split(" plus ")
        assert event.answer == str(int(first) + int(second))
        assert set(event.rewards) == {"number", "length"}
        assert event.reward == pytest.approx(event.rewards["number"] + 0.5 * event.rewards["length"])
    for step in run.events("step"):
        rewards = [event.reward for event in shown if event.step == step.step]
        assert step.metrics["reward"] == pytest.approx(sum(rewards) / 4)
        assert step.metrics["rewards/length/mean"] >= 0
        assert 0 < step.metrics["completions/mean_length"] <= 12
        assert {"reward_std", "entropy", "completions/clipped_ratio", "frac_reward_zero_std"} <= set(step.metrics)
        assert step.tokens_per_s > 0
    (evaluation,) = run.events("evaluation")
    assert (evaluation.step, evaluation.is_best, evaluation.loss) == (2, True, None)
    assert evaluation.metrics["reward"] >= 0
    assert [event.prompt for event in run.events("sample")] == ["Hello?"]
    assert run.events()[-1].kind == "finished"


def test_prompts_are_those_of_a_chat(new_tries: Any, tokenizer: Any) -> None:
    from trainer_image.generating.samples import prompt_ids

    run = new_tries(max_steps=1).train()
    asked = [event.prompt for event in run.events("completion")]
    ids = [prompt_ids([{"role": "user", "content": prompt}], tokenizer) for prompt in asked]
    lengths = run.events("step")[0].metrics["completions/mean_length"] * len(asked)
    assert run.events("step")[0].tokens == sum(len(one) for one in ids) + lengths


def test_a_pause_in_the_second_epoch_loses_nothing(new_tries: Any) -> None:
    knobs = {"max_steps": 6, "per_device_train_batch_size": 8, "lora_dropout": 0.1, "max_completion_length": 6}
    knobs |= {"eval_split_size": 0.1, "eval_steps": 3, "gradient_accumulation_steps": 1}
    whole = new_tries("whole", **knobs).train()
    halves = new_tries("halves", **knobs).start()
    halves.wait_for_step(3)
    halves.ask(PauseRequest())
    assert halves.wait() == 0
    paused = halves.events()[-1]
    assert paused.kind == "paused"
    halves.train()
    first = [tried for tried in _tries(halves) if tried[0] <= paused.step]
    assert first + [tried for tried in _tries(halves) if tried[0] > paused.step] == _tries(whole)
    assert halves.weights() == whole.weights()
    assert halves.events("step")[-1].tokens == whole.events("step")[-1].tokens
    assert halves.events("evaluation")[-1].metrics == whole.events("evaluation")[-1].metrics


BY_PROMPT = "def reward(completion, prompt, answer, row):\n    return row['place'] + len(prompt) / 100\n"


def test_two_processes_ask_what_one_asks(new_tries: Any, tmp_path: Path) -> None:
    """What is sampled differs; prompts, right answers and a reward that looks at nothing else do not."""
    (tmp_path / "mine.py").write_text(BY_PROMPT)
    knobs = {"rewards": ["custom"], "reward_file": str(tmp_path / "mine.py"), "per_device_train_batch_size": 2}
    knobs |= {"eval_split_size": 0.2, "eval_steps": 2}
    one = new_tries("one", gradient_accumulation_steps=2, **knobs).train()
    two = new_tries("two", gradient_accumulation_steps=1, **knobs).train(processes=2)

    def asked(run: Any) -> list[Any]:
        return [(event.step, event.prompt, event.answer, event.reward) for event in run.events("completion")]

    assert asked(one) == asked(two)
    assert len(asked(one)) == 8
    for single, double in zip(one.events("step"), two.events("step"), strict=True):
        assert double.metrics["reward"] == pytest.approx(single.metrics["reward"])
    assert [e.metrics["reward"] for e in two.events("evaluation")] == pytest.approx(
        [e.metrics["reward"] for e in one.events("evaluation")]
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return row['no_such_column']", "line 2: KeyError"),
        ("return float('nan')", "nan"),
    ],
)
def test_a_mistake_in_the_reward_file_ends_the_run(body: str, words: str, new_tries: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"def reward(completion, prompt, answer, row):\n    {body}\n")
    run = new_tries(rewards=["custom"], reward_file=str(tmp_path / "mine.py")).start()
    assert run.wait() == 1
    failed = run.events()[-1]
    assert (failed.kind, failed.code) == ("failed", "bad_reward")
    assert words in failed.sentence
    assert failed.hint


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"rewards": ["code"]}, "Line 1: the reward code needs tests"),
        ({"per_device_train_batch_size": 64}, "One step asks 32 prompts"),
        ({"max_length": 20, "max_completion_length": 16}, "No row has anything left to learn within 20 tokens"),
    ],
)
def test_what_cannot_be_trained_is_said_first(knobs: dict[str, Any], words: str, new_tries: Any) -> None:
    run = new_tries(**knobs).start()
    assert run.wait() == 1
    assert (run.events()[-1].code, run.events("step")) == ("bad_data", [])
    assert words in run.events()[-1].sentence


DIGITS = """def reward(completion, prompt, answer, row):
    return min(1.0, sum(letter.isdigit() for letter in completion) / 4)
"""


def test_grpo_learns_what_is_rewarded(new_tries: Any, tmp_path: Path) -> None:
    (tmp_path / "digits.py").write_text(DIGITS)
    knobs = {"rewards": ["custom"], "reward_file": str(tmp_path / "digits.py"), "learning_rate": 2e-3, "lora_r": 8}
    knobs |= {"per_device_train_batch_size": 8, "num_generations": 8, "max_completion_length": 10}
    run = new_tries(max_steps=8, lr_scheduler_type="constant", **knobs).train()
    rewards = [step.metrics["reward"] for step in run.events("step")]
    assert sum(rewards[-2:]) > sum(rewards[:2]) + 0.6


def test_rloo_holds_to_the_base_model(new_tries: Any) -> None:
    run = new_tries(method="rloo", max_steps=3).train()
    steps = run.events("step")
    assert len(run.events("completion")) == 12
    assert all({"reward", "kl", "rewards/number/mean"} <= set(step.metrics) for step in steps)
    # Before the first step the adapter changes nothing, after it something.
    assert steps[0].metrics["kl"] == pytest.approx(0, abs=1e-6)
    assert steps[-1].metrics["kl"] != 0


def test_a_model_that_was_trained_to_judge_rewards(new_run: Any, new_tries: Any, tmp_path: Path) -> None:
    """The chain of RLHF: a reward model first, then the model against it."""
    pairs = tmp_path / "pairs.jsonl"
    rows = [{"prompt": f"Say {n}.", "chosen": f"{n}, gladly.", "rejected": "No."} for n in range(4)]
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    judge = new_run("judge", method="reward", dataset=str(pairs), max_steps=2).train()
    run = new_tries(method="rloo", rewards=["model", "length"], reward_model=str(judge.folder.adapter)).train()
    shown = run.events("completion")
    assert len({event.rewards["model"] for event in shown}) > 1
    for step in run.events("step"):
        said = [event.rewards["model"] for event in shown if event.step == step.step]
        assert step.metrics["rewards/model/mean"] == pytest.approx(sum(said) / 4, rel=1e-3, abs=1e-4)


@pytest.fixture
def new_rounds(new_tries: Callable[..., Any]) -> Callable[..., Any]:
    """A run of STaR for which any answer with a letter in it is right, if it comes to its end."""

    def make(name: str = "run", **knobs: Any) -> Any:
        small = {
            "method": "star",
            "eval_split_size": 0,
            "rewards": ["regex"],
            "reward_regex": "[a-z]",
            "star_rounds": 2,
            "num_train_epochs": 2,
            "max_steps": None,
            "max_completion_length": 16,
        }
        return new_tries(name, **(small | knobs))

    return make


def _read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_star_learns_in_each_round_from_what_it_solved(new_rounds: Any, new_run: Any) -> None:
    run = new_rounds().train()
    rounds = run.events("round")
    assert [(event.round, event.rounds, event.problems) for event in rounds] == [(1, 2, ROWS), (2, 2, ROWS)]
    for event in rounds:
        rows = _read(run.folder.rounds / f"round-{event.round}.jsonl")
        assert len(rows) == event.kept > 0
        problems = {
            hinted: {row["messages"][0]["content"] for row in rows if row["hinted"] is hinted}
            for hinted in (False, True)
        }
        assert (len(problems[False]), len(problems[True])) == (event.solved, event.hinted)
        assert not problems[False] & problems[True]
        assert all("right answer" not in row["messages"][0]["content"] for row in rows)
        assert all([turn["role"] for turn in row["messages"]] == ["user", "assistant"] for row in rows)
    assert any(event.hinted for event in rounds)
    plans, steps = run.events("plan"), [event.step for event in run.events("step")]
    assert [plan.train_rows for plan in plans] == [event.kept for event in rounds]
    assert steps == list(range(1, len(steps) + 1))
    assert plans[-1].total_steps == steps[-1] == run.events()[-1].step
    assert run.events("completion")[0].rewards.keys() == {"regex"}

    # The last round is a plain fine-tune of the base model on its own file.
    file = run.folder.rounds / "round-2.jsonl"
    knobs = {"dataset": str(file), "num_train_epochs": 2, "per_device_train_batch_size": 4, "max_length": 96}
    plain = new_run("plain", learning_rate=1e-3, max_steps=None, **knobs).train()
    before = steps[-1] - len(plain.losses())
    assert {step - before: loss for step, loss in run.losses().items() if step > before} == plain.losses()
    assert run.weights() == plain.weights()


def test_star_goes_on_where_it_was_stopped(new_rounds: Any) -> None:
    """In the middle of sampling, and in the middle of the second round's training."""
    knobs = {"lora_dropout": 0.1, "num_train_epochs": 4}
    whole = new_rounds("whole", **knobs).train()
    run = new_rounds("stopped", **knobs).start()
    run.wait_for(lambda events: any(event.kind == "completion" for event in events))
    run.ask(PauseRequest())
    assert run.wait() == 0
    paused = run.events()[-1]
    assert (paused.kind, paused.step, paused.checkpoint) == ("paused", 0, None)
    tried = len(run.events("completion"))
    run.start()
    run.wait_for(lambda events: len([event for event in events if event.kind == "round"]) == 2)
    assert len(run.events("completion")) <= len(whole.events("completion"))
    run.ask(PauseRequest())
    assert run.wait() == 0
    assert run.events()[-1].kind == "paused"
    run.train()
    assert tried > 0
    for name in ("round-1.jsonl", "round-2.jsonl"):
        assert (run.folder.rounds / name).read_text() == (whole.folder.rounds / name).read_text()
    assert run.losses() == whole.losses()
    assert run.weights() == whole.weights()
    assert run.events("step")[-1].tokens == whole.events("step")[-1].tokens


def test_star_solves_alike_on_two_processes(new_rounds: Any, new_run: Any) -> None:
    one = new_rounds("one", star_rounds=1, star_hints=False).train()
    two = new_rounds("two", star_hints=False).train(processes=2)
    assert _read(two.folder.rounds / "round-1.jsonl") == _read(one.folder.rounds / "round-1.jsonl")
    # No wrapper of the first round takes part in the second.
    file = two.folder.rounds / "round-2.jsonl"
    knobs = {"dataset": str(file), "num_train_epochs": 2, "max_steps": None, "learning_rate": 1e-3, "max_length": 96}
    plain = new_run("plain", per_device_train_batch_size=4, **knobs).train(processes=2)
    assert list(two.losses().values())[-len(plain.losses()) :] == list(plain.losses().values())
    assert two.weights() == plain.weights()


def test_star_is_tested_with_problems_held_back(new_rounds: Any) -> None:
    """Before its rounds, between them and after the last; a stop while it is tested loses nothing."""
    knobs = {"eval_split_size": 0.25, "star_hints": False}
    whole = new_rounds("whole", **knobs).train()
    tests, plans = whole.events("evaluation"), whole.events("plan")
    ends = [plan.total_steps for plan in plans]
    assert [event.step for event in tests] == [0, *[round.step for round in tests[1:]]]
    assert len(tests) == 3
    assert tests[-1].step == ends[-1] == whole.events()[-1].step
    assert all(event.loss is None and 0 <= event.metrics["solved"] <= event.metrics["reward"] <= 1 for event in tests)
    counts = [event for event in whole.events("phase") if event.done is not None and event.name != "data"]
    ends = [event.name for event in counts if event.done == event.total]
    assert ends == ["evaluate", "generate", "evaluate", "generate", "evaluate"]
    held = ROWS - whole.events("round")[0].problems
    assert held == round(ROWS * 0.25)
    run = new_rounds("stopped", **knobs).start()
    run.wait_for(lambda events: any(event.kind == "completion" for event in events))
    run.ask(PauseRequest())
    assert run.wait() == 0
    run.train()
    assert [(event.step, event.metrics) for event in run.events("evaluation")] == [
        (event.step, event.metrics) for event in tests
    ]
    assert run.losses() == whole.losses()


def test_a_solution_with_a_mark_of_a_template_does_not_end_star(tokenizer: Any, tmp_path: Path) -> None:
    file = tmp_path / "round-1.jsonl"
    asked = {"role": "user", "content": "What is 1 plus 1?"}
    rows = [{"messages": [asked, {"role": "assistant", "content": text}]} for text in ("It is 2.", "[INST] It is 2.")]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    config = RunConfig.model_validate({"model": "m", "dataset": "d", "method": "star", "bad_rows": "stop"})
    solutions = sft.prepare(star.config_of_round(config, file), tokenizer)
    assert [item.line for item in solutions.train] == [1]
    assert [problem.line for problem in solutions.problems] == [2]


def test_star_says_that_nothing_was_solved(new_rounds: Any) -> None:
    run = new_rounds(reward_regex="no model says zqxj", star_hints=False, num_generations=1).start()
    assert run.wait() == 1
    failed = run.events()[-1]
    assert (failed.code, failed.sentence.partition(",")[0]) == (
        "bad_data",
        "The model solved none of the problems in round 1",
    )
    assert (run.events("round")[0].kept, run.events("step")) == (0, [])
