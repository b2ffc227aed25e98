"""DPO, ORPO, KTO, reward and process reward models on a real small model: as TRL trains them, told, saved, used."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from trainer_image.contract import PauseRequest
from trainer_image.data.encoding import NOT_LEARNED
from trainer_image.data.pairs import LabelledAnswer, encode_labelled, encode_pairs, one_sided
from trainer_image.data.steps import encode_steps
from trainer_image.formats import Labelled, Message, Preference, Steps, Task

ROOT = Path(__file__).parents[3]
PREFERENCES = {"rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies"}
PREFERENCES |= {"logps/chosen", "logps/rejected"}
SCORES = {"accuracy", "margin", "mean_reward", "min_reward", "max_reward"}


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(path)


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _turns(*contents: str) -> tuple[Message, ...]:
    return tuple(Message("assistant" if place % 2 else "user", content) for place, content in enumerate(contents))


@pytest.fixture
def pairs(shared_data: Path) -> list[dict[str, Any]]:
    """The eight shortest real pairs; the last two are longer than 128 tokens."""
    rows = _read(shared_data / "dpo_oasst.jsonl")
    return sorted(rows, key=lambda row: len(row["prompt"]) + max(len(row["chosen"]), len(row["rejected"])))[:8]


@pytest.fixture
def sums(tmp_path: Path) -> str:
    """Sums in two steps, of which the first is wrong in every other row."""
    rows = []
    for first in range(1, 9):
        for second in range(1, 6):
            is_right = (first + second) % 2 == 0
            total = first + second + (0 if is_right else 7)
            steps = [f"{first} plus {second} is {total}.", f"So it is {total}."]
            rows.append({"prompt": f"What is {first} plus {second}?", "completions": steps, "labels": [is_right, True]})
    return _write(tmp_path / "sums.jsonl", rows)


# The ids


def test_the_ids_of_a_pair_are_those_of_the_whole_conversation(tokenizer: Any) -> None:
    prompt = _turns("What is red?", "A colour.", "And two?")
    example = Preference(3, 2, prompt, _turns("", "A number.")[1:], _turns("", "A colour, too.")[1:])
    (pair,) = encode_pairs([example], tokenizer, 4096)
    for ids, answer in ((pair.chosen_ids, example.chosen), (pair.rejected_ids, example.rejected)):
        turns = [message.as_turn() for message in (*prompt, *answer)]
        assert pair.prompt_ids + ids == tokenizer.apply_chat_template(turns)["input_ids"]
        # All that follows the prompt is judged: the answer, the end of the turn, and what the template writes after it.
        assert tokenizer.decode(ids) == answer[0].content + tokenizer.eos_token + "\n"
    asked = tokenizer.apply_chat_template([message.as_turn() for message in prompt], add_generation_prompt=True)
    assert pair.prompt_ids == asked["input_ids"]
    assert (pair.row, pair.line, pair.was_cut) == (2, 3, False)
    assert pair.learned == len(pair.chosen_ids) + len(pair.rejected_ids)


def test_a_model_without_a_template_gets_the_turns_joined(model: str) -> None:
    from transformers import AutoTokenizer

    plain = AutoTokenizer.from_pretrained(model)
    plain.chat_template = None
    example = Preference(1, 1, _turns("Red is a"), _turns("", "colour")[1:], _turns("", "number")[1:])
    (pair,) = encode_pairs([example], plain, 4096)
    assert plain.decode(pair.prompt_ids) == "Red is a\n"
    assert plain.decode(pair.chosen_ids) == "colour" + plain.eos_token
    assert plain.decode(pair.rejected_ids) == "number" + plain.eos_token


def test_long_pairs_are_cut_at_the_end_and_empty_ones_are_left_out(tokenizer: Any) -> None:
    def encode(chosen: str, rejected: str, max_length: int) -> Any:
        example = Preference(1, 1, _turns("Count."), _turns("", chosen)[1:], _turns("", rejected)[1:])
        return next(encode_pairs([example], tokenizer, max_length))

    whole = encode("one two three four", "one", 4096)
    length = len(whole.prompt_ids) + len(whole.rejected_ids)
    cut = encode("one two three four", "one", length)
    assert cut.was_cut
    assert cut.chosen_ids == whole.chosen_ids[: len(whole.rejected_ids)]
    assert cut.rejected_ids == whole.rejected_ids
    assert encode("one", "two", len(whole.prompt_ids)).learned == 0
    # Cut behind its first token, the rest of the pair is the same answer twice.
    assert encode("one two", "one three", len(whole.prompt_ids) + 1).learned == 0


def test_the_ids_of_labelled_answers_and_steps(tokenizer: Any) -> None:
    prompt = _turns("What is 1 plus 1?")
    (answer,) = encode_labelled([Labelled(1, 1, prompt, _turns("", "Two.")[1:], True)], tokenizer, 4096)
    turns = [message.as_turn() for message in (*prompt, Message("assistant", "Two."))]
    assert answer.prompt_ids + answer.completion_ids == tokenizer.apply_chat_template(turns)["input_ids"]

    steps = Steps(1, 1, prompt, ("1 plus 1 is 2.", "So it is 3."), (True, False))
    (solution,) = encode_steps([steps], tokenizer, 4096)
    asked = tokenizer.apply_chat_template([prompt[0].as_turn()], add_generation_prompt=True)["input_ids"]
    assert solution.input_ids[: len(asked)] == asked
    assert tokenizer.decode(solution.input_ids[len(asked) :]) == "1 plus 1 is 2.\nSo it is 3.\n"
    judged = [(place, label) for place, label in enumerate(solution.labels) if label != NOT_LEARNED]
    assert [label for _, label in judged] == [1, 0]
    assert [tokenizer.decode(solution.input_ids[place]) for place, _ in judged] == ["\n", "\n"]
    assert solution.learned == 2


# Each method


@pytest.mark.parametrize(
    "knobs",
    [
        {"loss_type": "sigmoid"},
        {"loss_type": "hinge"},
        {"loss_type": "robust", "label_smoothing": 0.1},
        {"loss_type": "cpo", "label_smoothing": 0.1},
        {"method": "orpo", "gradient_checkpointing": True},
        {"full_finetuning": True, "lora_r": 16},
    ],
    ids=lambda knobs: "-".join(str(value) for value in knobs.values()),
)
def test_pairs_train(knobs: dict[str, Any], new_run: Any, shared_data: Path) -> None:
    rows = str(shared_data / "dpo_oasst.jsonl")
    run = new_run(**({"method": "dpo", "dataset": rows, "max_steps": 2, "eval_split_size": 0.05} | knobs)).train()
    assert len(run.losses()) == 2
    assert all(set(event.metrics) >= PREFERENCES for event in run.events("step"))
    (evaluation,) = run.events("evaluation")
    assert set(evaluation.metrics) >= PREFERENCES
    assert evaluation.loss is not None
    plan = run.events("plan")[0]
    assert (plan.train_rows, plan.eval_rows, plan.rows_left_out, plan.rows_cut) == (46, 2, 2, 44)
    assert 0 < run.events("step")[-1].tokens <= plan.total_tokens
    assert run.events()[-1].kind == "finished"
    # The copy of the adapter that TRL makes as a reference is not part of the result.
    assert not (run.folder.adapter / "ref").exists()


def test_kto_trains_on_pairs_and_answers(new_run: Any, shared_data: Path) -> None:
    knobs = {"method": "kto", "per_device_train_batch_size": 4, "max_steps": 2, "learning_rate": 1e-3}
    rows = str(shared_data / "dpo_oasst.jsonl")
    run = new_run(dataset=rows, eval_split_size=0.05, sample_prompts=["Hi?"], warmup_steps=0, **knobs).train()
    first, second = run.events("step")
    assert first.loss == 0.5
    assert second.loss != 0.5
    for step in (first, second):
        # A batch may hold good answers only, or bad ones only; then there is no margin.
        assert {"kl", "rewards/chosen", "logps/chosen"} <= set(step.metrics) or "rewards/rejected" in step.metrics
    assert {"kl", *PREFERENCES} - {"rewards/accuracies"} <= set(run.events("evaluation")[0].metrics)
    assert run.events("sample")[0].text


@pytest.mark.parametrize(
    ("labels", "words"), [((True, True), "is labelled good"), ((False,), "is labelled bad"), ((True, False), "")]
)
def test_labels_of_one_kind_are_told(labels: tuple[bool, ...], words: str) -> None:
    answers = [LabelledAnswer(row, row, [1], [2], label) for row, label in enumerate(labels)]
    assert words in (one_sided(answers) or "")
    assert bool(one_sided(answers)) is bool(words)


def test_kto_wants_two_rows_at_once(new_run: Any, shared_data: Path) -> None:
    run = new_run(method="kto", dataset=str(shared_data / "dpo_oasst.jsonl"), per_device_train_batch_size=1)
    assert run.start().wait() == 1
    assert "Rows at once has to be 2 or more" in run.events()[-1].sentence


@pytest.mark.parametrize("file", ["ranking_oasst.jsonl", "hh_rlhf_selected.jsonl"])
def test_reward_models_train(file: str, new_run: Any, shared_data: Path) -> None:
    rows = str(shared_data / file)
    run = new_run(method="reward", dataset=rows, max_steps=2, eval_split_size=0.05, gradient_checkpointing=True).train()
    assert all(set(event.metrics) >= SCORES for event in run.events("step"))
    evaluation = run.events("evaluation")[0]
    assert set(evaluation.metrics) >= SCORES
    assert evaluation.loss is not None
    assert run.events("plan")[0].train_rows + run.events("plan")[0].eval_rows <= len(_read(Path(rows)))


def test_samples_are_asked_without_a_trace(new_run: Any, shared_data: Path) -> None:
    rows = str(shared_data / "dpo_oasst.jsonl")
    knobs = {"method": "dpo", "dataset": rows, "max_steps": 3, "eval_split_size": 0.05, "eval_steps": 2}
    knobs |= {"lora_dropout": 0.1, "learning_rate": 1e-3}
    silent = new_run("silent", **knobs).train()
    asked = new_run("asked", sample_prompts=["Hi?"], **knobs).train()
    assert [event.step for event in asked.events("sample")] == [2, 3]
    assert asked.losses() == silent.losses()
    assert asked.weights() == silent.weights()


# As TRL does it


@pytest.fixture
def plain_trl(tmp_path: Path, model: str) -> Callable[..., list[dict[str, float]]]:
    """Train by plain TRL and return what it logs at each step."""

    def train(
        trainer: str, rows: Iterable[dict[str, Any]], model: str = model, **arguments: Any
    ) -> list[dict[str, float]]:
        settings = tmp_path / "plain.json"
        values = {"trainer": trainer, "model": model, "rows": _write(tmp_path / "plain.jsonl", rows)}
        values |= {"output": str(tmp_path / "plain"), "arguments": arguments}
        settings.write_text(json.dumps(values), "utf-8")
        variables = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "UNSLOTH_DISABLE_STATISTICS": "1"}
        done = subprocess.run(
            [sys.executable, Path(__file__).with_name("plain_trl.py"), settings],
            env={**os.environ, **variables, "UNSLOTH_FORCE_CPU": "1"},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
            timeout=300,
            check=True,
        )
        return [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("STEP ")]

    return train


SAME = {"learning_rate": 1e-3, "max_steps": 3, "warmup_steps": 0}


def _as_turns(row: dict[str, Any], *columns: str) -> dict[str, Any]:
    asked = {"prompt": [{"role": "user", "content": row["prompt"]}]}
    return asked | {name: [{"role": "assistant", "content": row[name]}] for name in columns}


def _assert_alike(run: Any, plain: list[dict[str, float]], number: int = 3) -> None:
    steps = run.events("step")
    assert len(steps) == len(plain) == 3
    for step, logged in list(zip(steps, plain, strict=True))[:number]:
        assert step.loss == pytest.approx(logged["loss"], abs=1e-4)
        assert step.metrics == pytest.approx({name: logged[name] for name in step.metrics}, abs=1e-3, rel=1e-3)


@pytest.mark.parametrize(
    ("knobs", "arguments"),
    [({}, {"beta": 0.1}), ({"loss_type": "ipo", "beta": 0.3}, {"loss_type": ["ipo"], "beta": 0.3})],
    ids=["sigmoid", "ipo"],
)
def test_dpo_trains_as_by_plain_trl(
    knobs: Any, arguments: Any, new_run: Any, plain_trl: Any, pairs: Any, tmp_path: Path
) -> None:
    run = new_run(method="dpo", dataset=_write(tmp_path / "pairs.jsonl", pairs), **SAME, **knobs).train()
    assert run.events("plan")[0].rows_cut == 2
    rows = [_as_turns(row, "chosen", "rejected") for row in pairs]
    _assert_alike(run, plain_trl("dpo", rows, max_length=128, **SAME, **arguments))


@pytest.mark.parametrize(
    ("trainer", "knobs", "arguments"),
    [
        ("cpo", {"method": "dpo", "loss_type": "simpo"}, {"loss_type": "simpo", "beta": 2.0, "simpo_gamma": 0.5}),
        ("orpo", {"method": "orpo"}, {"beta": 0.1}),
    ],
    ids=["simpo", "orpo"],
)
def test_pairs_without_a_reference_train_as_by_plain_trl(
    trainer: str, knobs: Any, arguments: Any, new_run: Any, plain_trl: Any, pairs: Any, tmp_path: Path, model: str
) -> None:
    # These two of TRL's trainers add a second end token to a text that ends in a line break, as this model's template
    # has it; so both train a model whose template ends in the end token.
    other = tmp_path / "model"
    other.mkdir()
    for file in Path(model).iterdir():
        (other / file.name).symlink_to(file)
    template = (other / "chat_template.jinja").read_text("utf-8")
    turn_ends = "+ '\n'}}{% endfor %}"
    changed = template.replace(turn_ends, "+ ('' if loop.last and not add_generation_prompt else '\n')}}{% endfor %}")
    assert changed != template
    (other / "chat_template.jinja").unlink()
    (other / "chat_template.jinja").write_text(changed, "utf-8")

    dataset = _write(tmp_path / "pairs.jsonl", pairs)
    run = new_run(model=str(other), dataset=dataset, **SAME, **knobs).train()
    rows = [_as_turns(row, "chosen", "rejected") for row in pairs]
    _assert_alike(run, plain_trl(trainer, rows, model=str(other), max_length=128, **SAME, **arguments))


def test_kto_trains_as_by_plain_trl(new_run: Any, plain_trl: Any, pairs: Any, tmp_path: Path) -> None:
    labelled = [
        {"prompt": row["prompt"], "completion": row[side], "label": side == "chosen"}
        for row in pairs
        for side in ("chosen", "rejected")
    ]
    knobs = {"desirable_weight": 1.5, "undesirable_weight": 0.8}
    run = new_run(method="kto", dataset=_write(tmp_path / "labelled.jsonl", labelled), **SAME, **knobs).train()
    # TRL reads the rows in their order; ours are mixed first.
    mixed = random.Random(3407).sample(labelled, len(labelled))
    rows = [_as_turns(row, "completion") | {"label": row["label"]} for row in mixed]
    _assert_alike(run, plain_trl("kto", rows, max_length=128, beta=0.1, **SAME, **knobs))


def test_reward_models_train_as_by_plain_trl(new_run: Any, plain_trl: Any, pairs: Any, tmp_path: Path) -> None:
    # TRL leaves out what is longer than 128 tokens, where we cut.
    fitting = pairs[:6]
    knobs = {"center_rewards_coefficient": 0.01}
    run = new_run(method="reward", dataset=_write(tmp_path / "pairs.jsonl", fitting), **SAME, **knobs).train()
    rows = [_as_turns(row, "chosen", "rejected") for row in fitting]
    # From the second step on they part: our head learns in 32 bits, TRL's in those of the base model.
    _assert_alike(run, plain_trl("reward", rows, max_length=128, **SAME, **knobs), number=1)


# Over pauses, processes and micro-batches


@pytest.mark.parametrize("method", ["dpo", "reward"])
def test_a_pause_and_a_resume_lose_nothing(method: str, new_run: Any, shared_data: Path) -> None:
    rows = str(shared_data / "dpo_oasst.jsonl")
    knobs = {"method": method, "dataset": rows, "max_steps": 5, "lora_dropout": 0.1, "learning_rate": 1e-3}
    knobs |= {"eval_split_size": 0.05, "eval_steps": 2}
    whole = new_run("whole", **knobs).train()
    halves = new_run("halves", **knobs).start()
    halves.wait_for_step(2)
    halves.ask(PauseRequest())
    assert halves.wait() == 0
    assert halves.events()[-1].kind == "paused"
    assert halves.events()[-1].step < 5
    halves.train()
    assert halves.losses() == whole.losses()
    assert halves.weights() == whole.weights()
    one, two = ({event.step: event.metrics for event in run.events("evaluation")} for run in (whole, halves))
    assert one == two


def test_two_processes_give_the_curve_of_one(new_run: Any, shared_data: Path) -> None:
    rows = str(shared_data / "dpo_oasst.jsonl")
    knobs = {"method": "dpo", "dataset": rows, "max_steps": 3, "eval_split_size": 0.1, "learning_rate": 1e-4}
    knobs |= {"warmup_steps": 0}
    one = new_run("one", gradient_accumulation_steps=2, **knobs).train()
    two = new_run("two", gradient_accumulation_steps=1, **knobs).train(processes=2)
    assert two.losses() == pytest.approx(one.losses(), abs=1e-5)
    assert [event.tokens for event in two.events("step")] == [event.tokens for event in one.events("step")]
    for ours, theirs in zip(two.events("step"), one.events("step"), strict=True):
        assert ours.metrics["rewards/margins"] == pytest.approx(theirs.metrics["rewards/margins"], abs=1e-4)


def test_micro_batches_give_the_same_loss_of_steps(new_run: Any, sums: str) -> None:
    knobs = {"method": "prm", "dataset": sums, "max_steps": 2, "warmup_steps": 0, "eval_split_size": 0.1}
    one = new_run("one", per_device_train_batch_size=4, **knobs).train()
    two = new_run("two", per_device_train_batch_size=1, gradient_accumulation_steps=4, **knobs).train()
    # Padding moves the last digits of 16 bits.
    assert two.losses() == pytest.approx(one.losses(), rel=0.02)
    for run in (one, two):
        assert run.events("step")[0].metrics["accuracy"] in {number / 8 for number in range(9)}
        assert "accuracy" in run.events("evaluation")[0].metrics


def test_what_is_counted_of_steps() -> None:
    import torch

    from trainer_image.trainers.steps import count_steps, measures

    # Judged right, wrong, wrong, right; the last one is no step.
    logits = torch.tensor([[[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]])
    labels = torch.tensor([[1, 0, 1, 0, NOT_LEARNED]])
    assert measures(count_steps(logits, labels)) == {"accuracy": 0.5, "precision_wrong": 0.5, "recall_wrong": 0.5}
    assert measures(count_steps(logits, torch.tensor([[1, 1, 1, 1, 1]])))["precision_wrong"] == 0
    assert "recall_wrong" not in measures(count_steps(logits, torch.tensor([[1, 1, 1, 1, 1]])))


# What comes out judges


def test_a_reward_model_tells_good_from_bad(new_run: Any, tmp_path: Path) -> None:
    rows = [
        {
            "prompt": f"Say something about {n}.",
            "chosen": f"I love {n}, thank you.",
            "rejected": f"{n} is awful, go away.",
        }
        for n in range(40)
    ]
    run = new_run(
        method="reward",
        dataset=_write(tmp_path / "rows.jsonl", rows),
        max_steps=24,
        learning_rate=5e-4,
        eval_split_size=0.1,
    ).train()
    assert run.events("evaluation")[-1].metrics["accuracy"] == 1
    tasks = [Task(1, 1, (Message("user", f"Say something about {n}."),)) for n in (77, 77, 99)]
    answers = ["I love 77, thank you.", "77 is awful, go away.", "I love 99, thank you."]
    judge = _judge(run.folder.adapter, "reward")
    love, hate, other = judge(answers, ["", "", ""], tasks)
    assert love > hate + 1
    assert other > hate + 1
    assert judge.name == "model"
    # One by one or in a batch, an answer is worth the same.
    assert judge(answers[:1], [""], tasks[:1])[0] == pytest.approx(love, abs=0.05)


def test_a_process_reward_model_finds_the_wrong_step(new_run: Any, sums: str) -> None:
    rows = Path(sums)
    easy = [row | {"labels": [label, label]} for row in _read(rows) for label in row["labels"][:1]]
    for row in easy:
        word = "Surely" if row["labels"][0] else "Perhaps"
        row["completions"] = [f"{word}, {step}" for step in row["completions"]]
    _write(rows, easy)
    run = new_run(method="prm", dataset=sums, max_steps=24, learning_rate=5e-4, eval_split_size=0.1).train()
    assert run.events("evaluation")[-1].metrics["accuracy"] == 1
    judge = _judge(run.folder.adapter, "process")
    task = Task(1, 1, (Message("user", "What is 2 plus 2?"),))
    right, wrong = "Surely, 2 plus 2 is 4.\n\nSurely, So it is 4.", "Surely, 2 plus 2 is 4.\nPerhaps, So it is 9."
    scores = judge([right, wrong, ""], ["", "", ""], [task, task, task])
    assert scores[0] > 0.5 > scores[1]
    assert scores[2] == 0
    ((first, second),) = judge.score_steps([(task.prompt, wrong.splitlines())])
    assert (first, second) == (max(first, second), pytest.approx(scores[1], abs=0.05))
    assert judge.name == "process"


def test_a_model_trained_whole_judges_too(new_run: Any, shared_data: Path) -> None:
    rows = str(shared_data / "dpo_oasst.jsonl")
    run = new_run(method="reward", dataset=rows, max_steps=1, full_finetuning=True, lora_r=16, max_length=64).train()
    task = Task(1, 1, (Message("user", "Hello?"),))
    (score,) = _judge(run.folder.adapter, "reward")(["Hello."], [""], [task])
    assert -10 < score < 10


def test_what_is_no_judge_is_refused(model: str, tmp_path: Path) -> None:
    from trainer_image.errors import TrainerError

    with pytest.raises(TrainerError, match="no reward model"):
        _judge(Path(model), "reward")
    with pytest.raises(TrainerError, match="no process reward model in"):
        _judge(tmp_path / "nowhere", "process")
    (tmp_path / "adapter_config.json").write_text(
        json.dumps({"task_type": "CAUSAL_LM", "base_model_name_or_path": model})
    )
    with pytest.raises(TrainerError, match="holds a model, but no reward model"):
        _judge(tmp_path, "reward")


def _judge(folder: Path, kind: str) -> Any:
    os.environ |= {"UNSLOTH_FORCE_CPU": "1", "UNSLOTH_DISABLE_STATISTICS": "1", "HF_HUB_OFFLINE": "1"}
    import unsloth  # noqa: F401

    from trainer_image.generating.judges import load_judge

    return load_judge(folder, kind)  # type: ignore[arg-type]
