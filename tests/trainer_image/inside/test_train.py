"""Whole runs of the trainer on a real small model: what it learns, says, saves and takes up again."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_image.contract import COMPLETE, CheckpointRequest, DatasetRef, PauseRequest, StopRequest
from trainer_image.data.dataset import sha256_of

Row = dict[str, Any]


def _asked(number: int) -> tuple[str, str]:
    return f"Name the number after {number}.", f"After {number} comes {number + 1}."


SHAPES: dict[str, Callable[[str, str], Row]] = {
    "messages": lambda q, a: {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]},
    "sharegpt": lambda q, a: {"conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": a}]},
    "alpaca": lambda q, a: {"instruction": q, "input": "", "output": a},
    "prompt_completion": lambda q, a: {"prompt": q, "completion": a},
    "question_answer": lambda q, a: {"question": q, "answer": a},
    "text": lambda q, a: {"text": f"{q} {a}"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_trains(shape: str, new_run: Any, tmp_path: Path) -> None:
    rows = tmp_path / f"{shape}.jsonl"
    rows.write_text("".join(json.dumps(SHAPES[shape](*_asked(n))) + "\n" for n in range(8)))
    run = new_run(dataset=str(rows), max_steps=2).train()
    assert len(run.losses()) == 2
    assert all(0 < loss < 20 for loss in run.losses().values())
    assert run.events("plan")[0].train_rows == 8
    assert run.events()[-1].kind == "finished"
    assert (run.folder.adapter / "adapter_model.safetensors").stat().st_mode & 0o777 == 0o644


def test_it_learns_and_tells(new_run: Any) -> None:
    run = new_run(max_steps=20, eval_split_size=0.1, eval_steps=10, save_steps=8, save_total_limit=2).train()
    losses = list(run.losses().values())
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    hello, plan = run.events("hello")[0], run.events("plan")[0]
    assert (hello.device, hello.backend, hello.processes, hello.resumed_from) == (
        "cpu",
        "unsloth-cpu",
        1,
        None,
    )
    assert (plan.total_steps, plan.train_rows, plan.eval_rows, plan.batch_rows) == (20, 36, 4, 2)
    assert [event.step for event in run.events("evaluation")] == [10, 20]
    assert run.events("evaluation")[1].loss < run.events("evaluation")[0].loss
    assert [event.step for event in run.events("checkpoint")] == [8, 16, 20]
    assert [step for step, _ in run.folder.complete_checkpoints()] == [16, 20]
    assert [event.seq for event in run.events()] == list(range(1, len(run.events()) + 1))
    ended = [event.name for event in run.events("phase") if event.seconds is not None]
    assert ended[:3] == ["import", "load", "data"]
    assert set(ended) == {"import", "load", "data", "evaluate", "save", "train"}
    counts = {name: [] for name in ("data", "evaluate")}
    for event in run.events("phase"):
        if event.done is not None:
            assert event.seconds is None
            counts[event.name].append((event.done, event.total))
    assert counts["data"][-1] == (40, 40)
    # Four rows held back, two at once; a count falls out where another came within the second.
    assert [count for count in counts["evaluate"] if count != (1, 2)] == [(2, 2), (2, 2)]
    # Eighteen steps are one epoch: every row has been read once, and none of the padding.
    assert run.events("step")[17].tokens == plan.total_tokens
    assert run.events("step")[-1].tokens > plan.total_tokens


def test_a_pause_and_a_resume_lose_nothing(new_run: Any) -> None:
    knobs = {
        "max_steps": 8,
        "lora_dropout": 0.1,
        "gradient_accumulation_steps": 2,
        "eval_split_size": 0.1,
        "eval_steps": 3,
        "lr_scheduler_type": "cosine",
    }
    whole = new_run("whole", **knobs).train()
    halves = new_run("halves", **knobs).start()
    halves.wait_for_step(3)
    halves.ask(PauseRequest())
    assert halves.wait() == 0
    paused = halves.events()[-1]
    assert paused.kind == "paused"
    assert 3 <= paused.step < 8
    assert (halves.folder.path / paused.checkpoint / COMPLETE).exists()

    halves.train()
    assert halves.events("hello")[1].resumed_from == paused.step
    assert halves.losses() == whole.losses()
    assert halves.weights() == whole.weights()
    assert halves.events("step")[-1].tokens == whole.events("step")[-1].tokens
    one, two = ({event.step: event.loss for event in run.events("evaluation")} for run in (whole, halves))
    assert one == two
    # The old wish to pause is not meant for the resumed trainer.
    assert halves.events()[-1].kind == "finished"


def test_a_killed_run_goes_on_from_its_last_checkpoint(new_run: Any) -> None:
    whole = new_run("whole", max_steps=7, save_steps=2).train()
    run = new_run("killed", max_steps=7, save_steps=2).start()
    run.wait_for_step(3)
    os.kill(run.process.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    # What a kill in the middle of a save and of an event leaves behind.
    (run.folder.checkpoint(99)).mkdir()
    with run.folder.events.open("ab") as file:
        file.write(b'{"seq":99,"kind":"st')
    run.train()
    resumed = run.events("hello")[1].resumed_from
    assert resumed in (2, 4)
    assert run.losses() == whole.losses()
    assert run.weights() == whole.weights()
    assert not run.folder.checkpoint(99).exists()
    assert len(run.events("unknown")) == 1


def test_a_run_killed_at_its_very_end_makes_no_step_too_many(new_run: Any) -> None:
    run = new_run(max_steps=3).train()
    weights = run.weights()
    # As if the kill had come after the last checkpoint and before the end was told.
    lines = run.folder.events.read_bytes().splitlines(keepends=True)
    run.folder.events.write_bytes(b"".join(line for line in lines if b'"finished"' not in line))
    shutil.rmtree(run.folder.adapter)
    run.train()
    assert [event.step for event in run.events("step")] == [1, 2, 3]
    assert run.events()[-1].kind == "finished"
    assert run.weights() == weights


def test_sigterm_saves_and_pauses(new_run: Any) -> None:
    run = new_run(max_steps=40).start()
    run.wait_for_step(1)
    os.kill(run.process.pid, signal.SIGTERM)
    assert run.wait() == 0
    assert run.events()[-1].kind == "paused"
    assert run.folder.complete_checkpoints()[-1][0] == run.events()[-1].step


def test_requests_save_and_cancel(new_run: Any) -> None:
    run = new_run(max_steps=200, save_steps=1000).start()
    run.wait_for_step(1)
    run.ask(CheckpointRequest())
    run.wait_for(lambda events: any(event.kind == "checkpoint" for event in events))
    run.ask(StopRequest())
    assert run.wait() == 0
    end = run.events()[-1]
    assert (end.kind, end.checkpoint) == ("cancelled", f"checkpoints/checkpoint-{end.step}")
    assert len(run.events("checkpoint")) == 2


def test_a_request_before_the_first_step_is_heard(new_run: Any) -> None:
    run = new_run(max_steps=50).start()
    run.ask(StopRequest())
    assert run.wait() == 0
    assert (run.events()[-1].kind, run.events()[-1].step) == ("cancelled", 0)
    assert run.events("step") == []


def test_samples_do_not_touch_the_training(new_run: Any) -> None:
    knobs = {"lora_dropout": 0.1, "eval_split_size": 0.1, "eval_steps": 2}
    silent = new_run("silent", **knobs).train()
    asked = new_run("asked", sample_prompts=["What is 1 plus 2?"], **knobs).train()
    assert [event.step for event in asked.events("sample")] == [2, 4, 6]
    assert all(event.text for event in asked.events("sample"))
    assert asked.losses() == silent.losses()
    assert asked.weights() == silent.weights()


def test_two_processes_give_the_curve_of_one(new_run: Any) -> None:
    knobs = {"eval_split_size": 0.1, "max_steps": 5}
    one = new_run("one", gradient_accumulation_steps=2, **knobs).train()
    two = new_run("two", gradient_accumulation_steps=1, **knobs).train(processes=2)
    assert two.events("plan")[0].batch_rows == one.events("plan")[0].batch_rows == 4
    assert two.losses() == pytest.approx(one.losses(), abs=1e-5)
    assert [e.tokens for e in two.events("step")] == [e.tokens for e in one.events("step")]
    assert len(two.events("finished")) == 1
    assert two.events("hello")[0].processes == 2


def test_two_processes_pause_together(new_run: Any) -> None:
    run = new_run(max_steps=100).start(processes=2)
    run.wait_for_step(2)
    run.ask(PauseRequest())
    assert run.wait() == 0
    assert run.events()[-1].kind == "paused"
    checkpoint = run.folder.complete_checkpoints()[-1][1]
    assert {path.name for path in checkpoint.glob("rng_state_*.pth")} == {
        "rng_state_0.pth",
        "rng_state_1.pth",
    }


def test_bad_rows_are_named_by_line_or_left_out(new_run: Any, dataset: Path) -> None:
    lines = dataset.read_text().splitlines()
    lines[4], lines[9] = '{"question": "Why?"}', "{broken"
    dataset.write_text("\n".join(lines) + "\n")
    run = new_run("stopped", max_steps=1).start()
    assert run.wait() == 1
    failed = run.events()[-1]
    assert (failed.kind, failed.code) == ("failed", "bad_data")
    assert "Line 5: answer is missing" in failed.sentence
    assert "Line 10" in failed.sentence
    assert "2 rows of 40" in failed.sentence

    run = new_run("going_on", max_steps=1, bad_rows="leave_out").train()
    assert (run.events("plan")[0].train_rows, run.events("plan")[0].rows_left_out) == (38, 2)
    assert "Line 5" in run.events("warning")[0].sentence


def test_other_rows_on_resume_are_refused(new_run: Any, dataset: Path) -> None:
    run = new_run(max_steps=30).start()
    run.wait_for_step(1)
    run.ask(PauseRequest())
    assert run.wait() == 0
    dataset.write_text(dataset.read_text() + '{"question": "New?", "answer": "Yes."}\n')
    assert run.start().wait() == 1
    assert run.events()[-1].code == "data_changed"


def test_a_file_that_is_not_the_version_that_was_asked_for_is_refused(new_run: Any, dataset: Path) -> None:
    run = new_run(max_steps=1)
    ref = DatasetRef(name="captain", number=2, sha256=sha256_of(dataset))
    run.folder.dataset.write_text(ref.model_dump_json())
    dataset.write_text(dataset.read_text() + '{"question": "New?", "answer": "Yes."}\n')
    assert run.start().wait() == 1
    failed = run.events()[-1]
    assert failed.code == "data_changed"
    assert failed.sentence == "The file of captain@2 has changed since this run was asked for."


@pytest.mark.parametrize(
    ("knobs", "code", "words"),
    [
        ({"model": "/nowhere/model"}, "model_missing", "/nowhere/model"),
        ({"gpus": [3]}, "gpu_missing", "GPU 3"),
        ({"target_modules": "no_such_layer"}, "bad_config", "no layers called no_such_layer"),
        ({"target_modules": "lm_head"}, "bad_config", "lm_head alone"),
        ({"lora_r": 0}, "bad_config", "LoRA rank"),
        ({"dataset": "/nowhere/rows.jsonl"}, "bad_data", "/nowhere/rows.jsonl"),
    ],
)
def test_what_cannot_be_done_is_said(knobs: Row, code: str, words: str, new_run: Any) -> None:
    run = new_run(**knobs)
    assert run.start().wait() == 1
    failed = run.events()[-1]
    assert (failed.kind, failed.code) == ("failed", code)
    assert words in failed.sentence
    assert failed.hint


def test_a_warm_up_leaves_a_step_to_learn(new_run: Any) -> None:
    run = new_run(max_steps=2, warmup_steps=50, lr_scheduler_type="polynomial").train()
    assert [event.code for event in run.events("warning")] == ["warmup_shortened"]
    assert run.events("step")[-1].learning_rate > 0


def test_stray_output_stays_in_the_log(new_run: Any) -> None:
    run = new_run(max_steps=1, optim="adamw_8bit").train()
    assert run.events("unknown") == []
    assert [event.code for event in run.events("warning")] == ["optim_overridden"]
    assert "Unsloth" in run.folder.log.read_text()
