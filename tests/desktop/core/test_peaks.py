"""What runs teach of a machine's cards: kept for good, and taken with care."""

from __future__ import annotations

from pathlib import Path

import pytest

from desktop.core.models import known_model
from desktop.core.peaks import Peak, PeakTable, as_it_ran, correction, take_peaks
from desktop.core.progress import Progress, advance
from desktop.core.store import Store
from trainer_image.contract import Batch, Gpu, Hello, OutOfMemory, Placement, Plan, RunConfig, Step
from trainer_image.fitting.memory import GIB, predict

RTX = "NVIDIA GeForce RTX 3060"
CONFIG = RunConfig.model_validate({"model": "/m", "dataset": "/d.jsonl", "load_in_4bit": True, "max_length": 2048})


def peak(ratio: float, card: str = RTX, is_exact: bool = True) -> Peak:
    return Peak("r", card, "one", 10 * GIB, int(ratio * 10 * GIB), is_exact)


@pytest.mark.parametrize(
    ("ratios", "factor"),
    [
        ([], 1.0),
        ([1.08], 1.08),
        # Few measurements never lower a prediction.
        ([0.9], 1.0),
        ([0.95, 0.95, 0.95, 0.95, 0.95], 0.95),
        # One that is far off does not count for much, and nothing is believed without bounds.
        ([1.02, 1.02, 5.0], 1.02),
        ([9.0], 1.3),
        ([0.2] * 9, 0.9),
        # Only the latest count.
        ([1.2] * 60 + [1.0] * 50, 1.0),
    ],
)
def test_the_correction_is_the_middle_of_what_was_measured(ratios: list[float], factor: float) -> None:
    assert correction([peak(ratio) for ratio in ratios], RTX) == pytest.approx(factor, abs=1e-6)


def test_another_card_teaches_nothing() -> None:
    assert correction([peak(1.2, "NVIDIA H200")], RTX) == 1.0


def test_rows_of_unknown_length_teach_only_that_more_was_needed() -> None:
    assert correction([peak(0.7, is_exact=False)] * 9, RTX) == 1.0
    assert correction([peak(1.1, is_exact=False)], RTX) == pytest.approx(1.1)


def progress(*events: object, rows_cut: int = 5, measured: int = 8 * GIB, cards: int = 1) -> Progress:
    hello = Hello(
        contract=2,
        versions={},
        device="cuda",
        backend="unsloth-cuda",
        gpus=[Gpu(index=index, name=RTX, total_bytes=12 * GIB) for index in range(cards)],
        processes=cards,
        seed=1,
        resumed_from=None,
    )
    plan = Plan(
        total_steps=9,
        epochs=1,
        batch_rows=8,
        train_rows=100,
        eval_rows=0,
        rows_left_out=0,
        rows_cut=rows_cut,
        trained_tokens=1,
        total_tokens=1,
        trainable_parameters=1,
        total_parameters=1,
        dataset_sha256="",
    )
    step = Step(
        step=9,
        epoch=1,
        loss=1,
        learning_rate=1,
        grad_norm=1,
        tokens=1,
        tokens_per_s=1,
        step_s=1,
        gpu_peak_bytes=[measured] * cards,
    )
    how = "data_parallel" if cards > 1 else "one"
    placed = Placement(
        placement=how, cards=list(range(cards)), processes=cards, sentence="x", predicted_bytes=[7 * GIB] * cards
    )
    said = [placed, hello, plan, *events, step]
    return advance(Progress(), [one.model_copy(update={"seq": seq}) for seq, one in enumerate(said)])  # type: ignore[attr-defined]


def test_a_run_is_held_against_what_really_ran() -> None:
    facts = known_model("meta-llama/Llama-3.1-8B-Instruct").facts
    assert facts is not None
    (plain,) = take_peaks("r", CONFIG, progress(), facts)
    assert plain.predicted_bytes == predict(CONFIG, facts)[0].allocated
    assert plain.measured_bytes == 8 * GIB
    assert plain.is_exact
    filled = Batch(
        per_device_train_batch_size=8, gradient_accumulation_steps=1, gradient_checkpointing=True, sentence="x"
    )
    (larger,) = take_peaks("r", CONFIG, progress(filled), facts)
    assert larger.predicted_bytes > plain.predicted_bytes
    full = OutOfMemory(
        attempt=1, attempts=3, per_device_train_batch_size=1, gradient_accumulation_steps=8, sentence="x"
    )
    assert as_it_ran(CONFIG, progress(full)).per_device_train_batch_size == 1
    assert not take_peaks("r", CONFIG, progress(rows_cut=0), facts)[0].is_exact
    assert len(take_peaks("r", CONFIG, progress(cards=2), facts)) == 2


def test_without_the_models_sizes_what_the_launcher_expected_counts() -> None:
    assert take_peaks("r", CONFIG, progress(), None)[0].predicted_bytes == 7 * GIB


def test_a_run_on_a_cpu_teaches_nothing() -> None:
    assert take_peaks("r", CONFIG, Progress(), None) == []


def test_the_rows_outlive_the_run_and_a_resume_takes_their_place(tmp_path: Path) -> None:
    store = Store(tmp_path / "t.sqlite3")
    table = PeakTable(store)
    table.keep("a", [Peak("a", RTX, "data_parallel", 10, 11)] * 2)
    table.keep("b", [Peak("b", RTX, "one", 1, 2, False)])
    table.keep("a", [Peak("a", RTX, "one", 10, 12)])
    store.delete_run("a")
    assert sorted(one.run_id for one in table.all()) == ["a", "b"]
    assert [one.is_exact for one in table.all() if one.run_id == "b"] == [False]
    store.close()
