"""The card of a model: what it stands on, figures, and no folder of this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from desktop.core.model_card import base_name, model_card
from desktop.core.passport import passport
from desktop.core.progress import Progress, advance
from desktop.core.run import Run, RunState, with_progress
from desktop.core.run_log import read_events
from tests.fakes import START, FakeTrainer
from trainer_image.contract import DatasetRef, RunConfig


@pytest.fixture
def finished(tmp_path: Path, make_config: Callable[..., RunConfig]) -> Callable[..., Run]:
    """Make a run that has trained to its end, with knobs changed."""

    def make(**knobs: object) -> Run:
        folder = tmp_path / "runs" / "r1"
        folder.mkdir(parents=True)
        run = Run("r1", "First", "docker", folder, make_config(**knobs), START, RunState.FINISHED)
        FakeTrainer(run.files).run(6)
        return with_progress(replace(run, step=6), advance(Progress(), read_events(run.files.events)))

    return make


def test_it_tells_what_decides_and_how_it_went(finished: Callable[..., Run]) -> None:
    run = finished(model="maker/base", model_revision="v2", lora_r=8)
    card = model_card(run, passport(run, DatasetRef(name="captain", number=3, sha256="0" * 64)), "ada/x")
    head, _, body = card.removeprefix("---\n").partition("---\n")
    assert head.splitlines() == [
        *("base_model: maker/base", "library_name: peft", "pipeline_tag: text-generation"),
        *("tags:", "- lora", "- sft", "- tunedeck"),
    ]
    for told in (
        "| Base model | maker/base at v2 |",
        "| Data | captain@3 (SHA-256 000000000000) |",
        "| Adapter | LoRA, rank 8, alpha 16, dropout 0 |",
        "| Last training loss | 0.5 |",
        "| Loss on the rows held back, step 6 | 1.25 |",
        "| torch | 2.9.0 |",
        'AutoPeftModelForCausalLM.from_pretrained("ada/x")',
        "No licence has been chosen yet.",
    ):
        assert told in body
    assert "license:" not in head


def test_it_names_no_folder_of_this_machine(finished: Callable[..., Run], tmp_path: Path) -> None:
    run = finished()
    card = model_card(run, passport(run, None), "ada/x")
    assert str(tmp_path) not in card
    assert str(Path.home()) not in card
    assert "base_model: maker" not in card
    assert "| Base model | tiny-model |" in card
    assert "a folder called tiny-model" in card
    assert "`base_model: OWNER/NAME`, and into adapter_config.json: `base_model_name_or_path`." in card
    assert "on captain.jsonl by" in card


@pytest.mark.parametrize("keeps_best", [False, True])
def test_its_figures_are_of_the_weights_that_are_kept(
    tmp_path: Path, make_config: Callable[..., RunConfig], keeps_best: bool
) -> None:
    config = make_config(load_best_model_at_end=keeps_best, eval_steps=2, save_steps=2)
    run = Run("r1", "First", "docker", tmp_path, config, START, RunState.FINISHED)
    trainer = FakeTrainer(run.files)
    trainer.begin().evaluate(2, 1.5, is_best=True).evaluate(6, 2.5).finish(6)
    run = with_progress(replace(run, step=6), advance(Progress(), read_events(run.files.events)))
    card = model_card(run, passport(run, None), "ada/x")
    told = ["| Loss on the rows held back, step 2 | 1.5 |", "| Loss on the rows held back, step 6 | 2.5 |"]
    assert [one in card for one in told] == [keeps_best, not keeps_best]


def test_a_whole_model_of_a_folder_names_it_in_its_card_alone(finished: Callable[..., Run]) -> None:
    run = finished(full_finetuning=True)
    assert "as `base_model: OWNER/NAME`.\n" in model_card(run, passport(run, None), "ada/x")


def test_a_whole_model_and_one_that_judges_say_so(finished: Callable[..., Run]) -> None:
    run = finished(full_finetuning=True, method="reward", model="maker/base")
    card = model_card(run, passport(run, None), "ada/x")
    assert "library_name: transformers\npipeline_tag: text-classification\ntags:\n- reward\n" in card
    assert "from_pretrained" not in card


def test_a_base_model_has_the_name_that_others_know() -> None:
    assert base_name("maker/base") == "maker/base"
    assert base_name("/x/hub/models--maker--base-1b/snapshots/0123") == "maker/base-1b"
    assert base_name("/home/ada/models/mine") == "mine"
