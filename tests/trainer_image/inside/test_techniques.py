"""What a run can do beside plain SFT with LoRA: packing, raw text, all weights, DoRA, the best checkpoint, a search."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from trainer_image.arguments import Machine, SequencePlan, training_arguments
from trainer_image.contract import PauseRequest, RunConfig, Warned
from trainer_image.data.batches import Flat, Padded, as_sequences, pack
from trainer_image.data.encoding import Encoded
from trainer_image.training.lr_search import HIGHEST, LOWEST, Search

ARGUMENTS = SimpleNamespace(per_device_train_batch_size=1, gradient_accumulation_steps=1, world_size=1)


def rows_of(*lengths: int) -> list[Encoded]:
    return [Encoded(n, n, [n] * length, [n] * length) for n, length in enumerate(lengths, 1)]


def test_packing_loses_and_cuts_nothing() -> None:
    rows = rows_of(5, 9, 3, 10, 1, 7, 2, 2)
    packed = pack(rows, 10)
    assert sorted(row.row for sequence in packed for row in sequence) == list(range(1, 9))
    assert all(sum(row.tokens for row in sequence) <= 10 for sequence in packed)
    # 39 tokens need four sequences of ten, and best fit finds them.
    assert len(packed) == 4


def test_packed_rows_do_not_see_each_other(model: str) -> None:
    import unsloth  # noqa: F401
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).train()
    rows = [
        Encoded(1, 1, list(range(100, 117)), list(range(100, 117))),
        Encoded(2, 2, list(range(500, 509)), [-100] * 4 + list(range(504, 509))),
    ]
    losses = []
    for plan, collate in ((SequencePlan(True, 64), Flat()), (SequencePlan(False, 64), Padded(2))):
        batch = collate(list(as_sequences(rows, plan)))
        batch.pop("packed_seq_lengths", None)
        with torch.no_grad():
            # With a cache for generation transformers would drop the walls between the rows.
            losses.append(float(network(**batch, use_cache=False).loss))
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_a_packed_run_pauses_and_resumes_bit_by_bit(new_run: Any) -> None:
    knobs = {"packing": True, "max_steps": 6, "max_length": 64, "eval_split_size": 0.1, "eval_steps": 2}
    whole = new_run("whole", **knobs).train()
    assert whole.events("plan")[0].train_rows == 36
    halves = new_run("halves", **knobs).start()
    halves.wait_for_step(2)
    halves.ask(PauseRequest())
    assert halves.wait() == 0
    halves.train()
    assert len(halves.events("hello")) == 2
    assert halves.losses() == whole.losses()
    assert halves.weights() == whole.weights()
    assert halves.events("step")[-1].tokens == whole.events("step")[-1].tokens


def test_raw_text_is_read_whole(new_run: Any, tmp_path: Path) -> None:
    text = tmp_path / "book.txt"
    text.write_text("\n\n".join(f"Chapter {n}. " + "The sea was calm that day. " * 40 for n in range(4)))
    run = new_run(dataset=str(text), method="pretrain", max_length=64, max_steps=6, learning_rate=1e-3).train()
    plan = run.events("plan")[0]
    assert plan.rows_cut == 0
    assert plan.total_tokens > 4 * 200
    assert run.losses()[6] < run.losses()[1]


def test_all_weights_are_trained_and_the_model_answers(new_run: Any) -> None:
    run = new_run(full_finetuning=True, lora_r=16, max_steps=3, save_steps=2).train()
    plan = run.events("plan")[0]
    assert plan.trainable_parameters == plan.total_parameters
    assert (run.folder.adapter / "config.json").is_file()
    assert (run.folder.adapter / "model.safetensors").stat().st_size > 200e6
    assert not (run.folder.adapter / "optimizer.pt").exists()


@pytest.mark.parametrize(
    "knobs",
    [
        {"use_dora": True},
        {"use_rslora": True, "target_modules": "q_proj,v_proj,no_such_layer"},
        {"neftune_noise_alpha": 5.0},
        {"load_in_4bit": True, "bnb_4bit_quant_type": "fp4", "bnb_4bit_use_double_quant": False},
        {"lr_scheduler_type": "cosine_with_min_lr", "min_lr_rate": 0.5},
    ],
    ids=lambda knobs: next(iter(knobs)),
)
def test_techniques(knobs: dict[str, Any], new_run: Any) -> None:
    run = new_run(max_steps=3, **knobs).train()
    assert run.events()[-1].kind == "finished"
    assert len(run.losses()) == 3
    saved = json.loads((run.folder.adapter / "adapter_config.json").read_text())
    assert saved["use_dora"] is knobs.get("use_dora", False)
    told = [event.sentence for event in run.events("warning") if event.code == "layers_unknown"]
    assert len(told) == ("target_modules" in knobs)
    assert all("no layers called no_such_layer, so" in sentence for sentence in told)
    if "min_lr_rate" in knobs:
        assert run.events("step")[-1].learning_rate >= 1e-4


def test_the_best_evaluation_is_kept_and_the_run_stops_early(new_run: Any) -> None:
    # A learning rate that ruins the model at once: the first evaluation is the best one.
    knobs = {"eval_split_size": 0.2, "eval_steps": 2, "max_steps": 30, "warmup_steps": 0, "save_total_limit": 1}
    run = new_run(learning_rate=0.05, early_stopping_patience=2, load_best_model_at_end=True, **knobs).train()
    found = run.events("evaluation")
    best = min(found, key=lambda event: math.inf if event.loss is None else event.loss)
    finished = run.events()[-1]
    assert found[-1].step < 30
    assert any(event.code == "stopped_early" for event in run.events("warning"))
    assert found[0].is_best
    assert finished.best_step == best.step
    kept = (run.folder.checkpoint(best.step) / "adapter_model.safetensors").read_bytes()
    assert (run.folder.adapter / "adapter_model.safetensors").read_bytes() == kept


def test_a_run_that_had_stopped_early_makes_no_more_steps(new_run: Any) -> None:
    knobs = {"eval_split_size": 0.2, "eval_steps": 1, "max_steps": 30, "warmup_steps": 0, "save_total_limit": 1}
    run = new_run(learning_rate=0.05, early_stopping_patience=1, load_best_model_at_end=True, **knobs).train()
    finished, losses, weights = run.events()[-1], run.losses(), run.weights()

    def resume_before_the_end() -> None:
        # As if the kill had come after the last checkpoint and before the end was told.
        lines = run.folder.events.read_bytes().splitlines(keepends=True)
        run.folder.events.write_bytes(b"".join(line for line in lines if b'"finished"' not in line))
        shutil.rmtree(run.folder.adapter)
        run.train()

    resume_before_the_end()
    again = run.events()[-1]
    assert (again.step, again.best_step) == (finished.step, finished.best_step)
    assert (run.losses(), run.weights()) == (losses, weights)
    assert not any(event.code == "best_lost" for event in run.events("warning"))

    shutil.rmtree(run.folder.checkpoint(finished.best_step))
    resume_before_the_end()
    assert any(event.code == "best_lost" for event in run.events("warning"))
    assert run.events()[-1].best_step != finished.best_step
    assert (run.folder.adapter / "adapter_model.safetensors").is_file()


def test_the_search_for_a_learning_rate(new_run: Any) -> None:
    # A warm-up as long as the run is no matter: the search has a schedule of its own.
    run = new_run(find_learning_rate=True, max_steps=60, warmup_steps=60).train()
    assert run.events("warning") == []
    rates = [event.learning_rate for event in run.events("step")]
    assert rates == sorted(rates)
    assert rates[0] < 1e-6
    (suggestion,) = run.events("suggestion")
    assert suggestion.knob == "learning_rate"
    assert 1e-5 < suggestion.value < 1e-2
    assert run.events()[-1].adapter is None
    assert not run.folder.complete_checkpoints()


def test_a_search_that_is_paused_names_nothing(new_run: Any) -> None:
    run = new_run(find_learning_rate=True, max_steps=100).start()
    run.wait_for_step(12)
    run.ask(PauseRequest())
    assert run.wait() == 0
    assert run.events()[-1].kind == "cancelled"
    assert not run.events("suggestion")


@pytest.mark.parametrize(
    "knobs",
    [
        {"learning_rate": 0.5},
        {"lr_scheduler_type": "cosine_with_min_lr", "min_lr_rate": 0.5},
        {"warmup_steps": 50},
        {"num_train_epochs": 0.1},
    ],
    ids=lambda knobs: next(iter(knobs)),
)
def test_a_search_raises_the_rate_its_own_way(knobs: dict[str, Any], tmp_path: Path) -> None:
    rises = []
    for turned in ({}, knobs):
        config = RunConfig.model_validate({"model": "m", "dataset": "d", "find_learning_rate": True, **turned})
        given = training_arguments(config, Machine("cpu", bf16=False), str(tmp_path))
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=given["learning_rate"])
        trainer = SimpleNamespace(
            args=ARGUMENTS, train_dataset=[], optimizer=optimizer, add_callback=lambda callback: None
        )
        Search(trainer)
        schedule = trainer.create_scheduler(given["max_steps"])
        rates = []
        for _ in range(given["max_steps"]):
            rates.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        rises.append(rates)
    assert rises[0] == rises[1]
    assert rises[0] == sorted(rises[0])
    assert (rises[0][0], rises[0][-1]) == (pytest.approx(LOWEST), pytest.approx(HIGHEST))


@pytest.mark.parametrize(("steps", "words"), [(30, "names none"), (6, "6 steps, too few")])
def test_a_search_that_learns_nothing_says_why(steps: int, words: str) -> None:
    search = Search(SimpleNamespace(args=ARGUMENTS, train_dataset=[], add_callback=lambda callback: None))
    for rate in range(steps):
        search.on_log(ARGUMENTS, None, SimpleNamespace(), {"loss": 2.0 + rate / 10, "learning_rate": rate / 1000})
    verdict = search.verdict()
    assert isinstance(verdict, Warned)
    assert words in verdict.sentence


@pytest.mark.parametrize(
    ("method", "file"), [("sft", ""), ("dpo", "dpo_oasst.jsonl"), ("kto", "hh_rlhf_selected.jsonl")]
)
def test_the_longest_batch_leaves_no_trace(
    method: str, file: str, new_run: Any, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried before the first step: dropout on, so that one number drawn too many would show."""
    knobs: dict[str, Any] = {"method": method, "max_steps": 2, "lora_dropout": 0.1, "learning_rate": 1e-3}
    if file:
        knobs |= {"dataset": str(shared_data / file)}
    plain = new_run("plain", **knobs).train()
    monkeypatch.setenv("TUNEDECK_PROBE", "1")
    probed = new_run("probed", **knobs).train()
    assert "probe" in {event.name for event in probed.events("phase")}
    assert probed.losses() == plain.losses()
    assert probed.weights() == plain.weights()
    assert [event.metrics for event in probed.events("step")] == [event.metrics for event in plain.events("step")]
    assert [event.tokens for event in probed.events("step")] == [event.tokens for event in plain.events("step")]
