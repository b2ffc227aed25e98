"""The preset and the form: what follows, what stays the user's own, what is marked, and where a reason leads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers.hardware import GpuSample
from desktop.ui.window.main_window import MainWindow
from tests.desktop.engine.test_model_check import write_model
from tests.desktop.ui.window_fakes import Bench, make_bench

GIB = 1024**3
CARDS = [GpuSample(index, "NVIDIA GeForce RTX 3060", 12 * GIB, GIB // 2, 0, 40, 20.0, 170.0, 30) for index in (0, 1)]
WAIT_MS = 60_000
LLAMA = "meta-llama/Llama-3.1-8B-Instruct"


@pytest.fixture
def bench(tmp_path: Path, qtbot: QtBot) -> Iterator[Bench]:
    made = make_bench(tmp_path, CARDS)
    made.services.runs.load()
    made.services.hardware.samples = list(CARDS)
    yield made
    made.close()


@pytest.fixture
def fresh(window: MainWindow, bench: Bench) -> MainWindow:
    """A window with a model and rows, as a newcomer has filled it."""
    write_model(bench.model, max_position_embeddings=4096)
    window.config_dock.form.set_values({"model": LLAMA, "dataset": str(bench.dataset)})
    window.config_dock.keeper.refresh()
    return window


def test_auto_set_is_there_from_the_first_moment(window: MainWindow) -> None:
    dock = window.config_dock
    assert dock.presets.buttons["auto"].isChecked()
    assert dock.keeper.own == []


def test_the_preset_follows_the_model(fresh: MainWindow, bench: Bench) -> None:
    dock = fresh.config_dock
    assert dock.form.values()["load_in_4bit"] is True
    assert "8B in 16 bits needs" in dock.presets.reasons.text()
    assert "2 cards" in dock.presets.reasons.text()
    dock.form.set_values({"model": "HuggingFaceTB/SmolLM2-135M-Instruct"})
    dock.keeper.refresh()
    assert dock.form.values()["load_in_4bit"] is False
    assert dock.presets.buttons["auto"].isChecked()


def test_what_the_user_has_set_stays_and_is_marked(fresh: MainWindow) -> None:
    dock, form = fresh.config_dock, fresh.config_dock.form
    fresh.actions_by_name["every_knob"].trigger()
    form.fields["lora_r"].set_value(99)
    form.check_now()
    assert dock.keeper.own == ["lora_r"]
    assert form.fields["lora_r"].reset.isVisible()
    assert "what Auto Set chose: 16" in form.fields["lora_r"].reset.toolTip()
    assert not form.fields["load_in_4bit"].reset.isVisible(), "it is as the preset has it"
    form.set_values({"model": "HuggingFaceTB/SmolLM2-135M-Instruct"})
    dock.keeper.refresh()
    assert form.values()["lora_r"] == 99
    assert dock.presets.buttons["auto"].isChecked()
    assert dock.presets.reset.text().startswith("1 knob set by you")
    dock.steps.changed.click()
    assert form.fields["lora_r"].isVisible()
    assert not form.fields["max_length"].isVisible()
    dock.steps.changed.click()
    form.fields["lora_r"].reset.click()
    form.check_now()
    assert form.values()["lora_r"] == 16
    assert dock.keeper.own == []


def test_one_click_puts_everything_back(fresh: MainWindow) -> None:
    dock = fresh.config_dock
    dock.form.set_values({"lora_r": 99, "max_length": 777})
    assert dock.presets.reset.isVisible()
    dock.presets.reset.click()
    assert dock.form.values()["lora_r"] == 16
    assert not dock.presets.reset.isVisible()


def test_a_reason_leads_to_its_knob(fresh: MainWindow) -> None:
    dock = fresh.config_dock
    assert not dock.form.fields["load_in_4bit"].isVisible()
    dock.presets.reasons.linkActivated.emit("load_in_4bit")
    assert dock.form.fields["load_in_4bit"].isVisible()
    assert dock.form.fields["load_in_4bit"].editor.hasFocus()
    assert fresh.actions_by_name["every_knob"].isChecked()


def test_the_lengths_of_the_rows_are_counted_and_used(fresh: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    dock = fresh.config_dock
    dock.form.set_values({"model": str(bench.model)})
    qtbot.waitUntil(lambda: "no row is longer" in dock.presets.reasons.text(), timeout=WAIT_MS)
    assert dock.form.values()["max_length"] < 1024
    assert "120 rows are few" in dock.presets.reasons.text()


def test_a_config_from_elsewhere_has_no_preset(fresh: MainWindow, bench: Bench) -> None:
    dock, form = fresh.config_dock, fresh.config_dock.form
    form.fields["lora_r"].set_value(3)
    form.check_now()
    config = form.config
    assert config is not None
    form.set_config(config)
    dock.keeper.refresh()
    assert not any(button.isChecked() for button in dock.presets.buttons.values())
    assert form.config == config
    assert "Your own settings" in dock.presets.sentence.text()


def test_the_last_config_comes_back_with_its_preset(fresh: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    dock = fresh.config_dock
    dock.presets.buttons["best"].click()
    dock.form.set_values({"lora_r": 77})
    config = dock.form.config
    assert config is not None
    bench.services.library.remember_last(config)
    again = MainWindow(bench.services)
    qtbot.addWidget(again)
    assert again.config_dock.form.config == config
    assert again.config_dock.presets.buttons["best"].isChecked()
    assert "lora_r" in again.config_dock.keeper.own


def test_what_was_changed_and_not_started_is_there_again(fresh: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    changed = {"seed": 4242, "lora_r": 77, "dataset": str(bench.dataset), "sample_prompts": ("Why?",)}
    fresh.config_dock.form.set_values(changed)
    fresh.close()
    again = MainWindow(bench.services)
    qtbot.addWidget(again)
    found = again.config_dock.form.values()
    assert (found["seed"], found["dataset"], found["sample_prompts"]) == (4242, str(bench.dataset), ("Why?",))
    assert (found["lora_r"], again.config_dock.keeper.own) == (77, ["lora_r"])


def test_a_draft_that_cannot_be_read_is_left(fresh: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    bench.services.settings.setValue("form/draft", "{half")
    again = MainWindow(bench.services)
    qtbot.addWidget(again)
    assert again.config_dock.form.values()["seed"] == 3407


def test_a_new_run_begins_with_the_preset_again(fresh: MainWindow) -> None:
    dock = fresh.config_dock
    dock.form.set_values({"lora_r": 77})
    fresh.actions_by_name["new_run"].trigger()
    assert dock.form.values()["lora_r"] == 16
    assert dock.form.fields["model"].editor.isVisible()
    assert dock.keeper.own == []


def test_a_preset_leaves_what_was_said_of_the_data(fresh: MainWindow) -> None:
    dock, form = fresh.config_dock, fresh.config_dock.form
    form.set_values({"columns": ("prompt=q", "completion=a"), "on_trouble": "stop"})
    for choice in dock.presets.buttons.values():
        choice.click()
        assert form.values()["columns"] == ("prompt=q", "completion=a")
        assert form.values()["on_trouble"] == "stop"
        assert dock.keeper.own == []


def test_packing_says_at_once_where_the_model_does_not_bear_it(fresh: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    form, models = fresh.config_dock.form, bench.services.models
    write_model(bench.model, model_type="olmo3")
    form.set_values({"model": str(bench.model), "packing": True})
    qtbot.waitUntil(lambda: models.known(str(bench.model)).kind == "olmo3", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "packing" in [problem.knob for problem in form.problems], timeout=WAIT_MS)
    assert form.fields["packing"].isVisible(), "nobody can mend what is hidden"
    form.set_values({"packing": False})
    assert "packing" not in [problem.knob for problem in form.problems]
    form.set_values({"method": "pretrain"})
    assert any("raw text always is" in problem.sentence for problem in form.problems)
