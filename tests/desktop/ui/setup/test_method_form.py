"""The form follows the method: what is shown, what is kept, what is sent, and where to look for the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from desktop.core.dataset.fits import KIND_OF
from desktop.core.presets import PRESETS
from desktop.ui.setup.method_picker import NEEDS_ROLE, SENTENCE_ROLE, MethodPicker
from desktop.ui.setup.method_words import METHOD_WORDS, PPO_SENTENCE
from desktop.ui.setup.relevance import relevant_knobs
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench
from trainer_image.contract import LEARNING_RATES, METHODS, Method, RunConfig, check_config, knobs

PAIRS = '{"prompt": "Two and two?", "chosen": "Four.", "rejected": "Five."}\n' * 20


@pytest.fixture
def filled(window: MainWindow, config: RunConfig) -> MainWindow:
    window.config_dock.form.set_config(config)
    return window


def choose(window: MainWindow, method: Method) -> None:
    picker = window.config_dock.form.fields["method"].editor
    assert isinstance(picker, MethodPicker)
    picker.setCurrentIndex(picker.findData(method))
    window.config_dock.form.check_now()


def test_every_method_has_its_words_and_its_rows() -> None:
    assert set(METHOD_WORDS) == set(METHODS) == set(KIND_OF)
    for words in METHOD_WORDS.values():
        assert words.sentence.endswith(".")
        assert words.needs


def test_the_list_has_groups_that_cannot_be_chosen_and_says_where_ppo_is(qtbot: QtBot) -> None:
    picker = MethodPicker()
    qtbot.addWidget(picker)
    entries = picker.model()
    rows = [entries.index(row, 0) for row in range(entries.rowCount())]
    can_be_chosen = [row.data(Qt.ItemDataRole.UserRole) for row in rows if row.flags() & Qt.ItemFlag.ItemIsEnabled]
    assert sorted(can_be_chosen) == sorted(METHODS)
    for row in rows:
        if row.data(Qt.ItemDataRole.UserRole) in METHODS:
            assert row.data(SENTENCE_ROLE)
            assert row.data(NEEDS_ROLE) in row.data(Qt.ItemDataRole.AccessibleTextRole)
    (ppo,) = [row for row in rows if row.data(Qt.ItemDataRole.UserRole) == "ppo"]
    assert "RLOO" in ppo.data(SENTENCE_ROLE)
    # With the keyboard one walks over groups as if they were not there.
    picker.show()
    picker.setFocus()
    for expected in ("pretrain", "dpo", "orpo", "kto", "reward"):
        qtbot.keyClick(picker, Qt.Key.Key_Down)
        assert picker.currentData() == expected


@pytest.mark.parametrize("method", METHODS)
def test_only_what_the_method_uses_is_shown(filled: MainWindow, method: Method) -> None:
    filled.actions_by_name["every_knob"].trigger()
    choose(filled, method)
    form = filled.config_dock.form
    shown = {name for name, field in form.fields.items() if field.isVisible()}
    # The model that is chosen has its own line, with the button that opens its fields.
    elsewhere = {"reward_weights", "model", "model_revision"}
    assert shown - elsewhere == relevant_knobs(form.values()) - elsewhere
    assert shown <= {knob.name for knob in knobs(method)}
    assert form.config is not None, form.problems
    assert METHOD_WORDS[method].sentence in form.fields["method"].help.text()


def test_switching_keeps_what_was_typed_and_sends_nothing_refused(filled: MainWindow) -> None:
    form = filled.config_dock.form
    form.fields["lora_r"].set_value(64)
    form.fields["packing"].set_value(True)
    form.fields["neftune_noise_alpha"].set_value(5.0)
    choose(filled, "dpo")
    assert form.config is not None
    assert (form.config.lora_r, form.config.packing, form.config.neftune_noise_alpha) == (64, False, None)
    form.fields["loss_type"].set_value("simpo")
    form.fields["simpo_gamma"].set_value(1.5)
    choose(filled, "sft")
    assert form.config is not None
    assert (form.config.packing, form.config.neftune_noise_alpha, form.config.loss_type) == (True, 5.0, "sigmoid")
    choose(filled, "dpo")
    assert form.config is not None
    assert (form.config.loss_type, form.config.simpo_gamma) == ("simpo", 1.5)


@pytest.mark.parametrize(
    ("method", "knob", "value", "comes", "goes"),
    [
        ("dpo", "loss_type", "simpo", {"simpo_gamma", "cpo_alpha", "label_smoothing"}, set()),
        ("dpo", "loss_type", "cpo", {"cpo_alpha"}, set()),
        ("sft", "load_in_4bit", True, {"bnb_4bit_quant_type", "bnb_4bit_use_double_quant"}, set()),
        ("sft", "full_finetuning", True, set(), {"lora_r", "lora_alpha", "use_dora", "target_modules", "load_in_4bit"}),
        ("sft", "lr_scheduler_type", "cosine_with_min_lr", {"min_lr_rate"}, set()),
        ("sft", "eval_split_size", 0, set(), {"eval_steps", "sample_prompts", "load_best_model_at_end"}),
        ("grpo", "rewards", ("code", "length"), {"code_time_limit", "reward_length"}, set()),
    ],
)
def test_knobs_come_and_go_with_what_they_belong_to(
    filled: MainWindow, method: Method, knob: str, value: object, comes: set[str], goes: set[str]
) -> None:
    filled.actions_by_name["every_knob"].trigger()
    choose(filled, method)
    form = filled.config_dock.form
    before = {name for name, field in form.fields.items() if field.isVisible()}
    form.set_values({knob: value})
    after = {name for name, field in form.fields.items() if field.isVisible()}
    assert comes <= after - before
    assert goes <= before - after
    assert form.config is not None, form.problems


def test_what_is_hidden_says_where_it_is_when_it_is_searched_for(filled: MainWindow, qtbot: QtBot) -> None:
    dock = filled.config_dock
    for text, said in (
        ("ppo", PPO_SENTENCE),
        ("simpo margin", "belongs to the preference loss simpo"),
        ("rounds", "used by STaR only"),
        ("double quantization", "switch 4-bit base on"),
        ("json schema", "tick it under Goal"),
        ("grpo", "choose it under Goal"),
        ("gibberish", "No knob is called so"),
    ):
        dock.search.setText(text)
        assert dock.form.elsewhere.isVisible()
        assert said in dock.form.elsewhere.text()
    dock.search.clear()
    assert not dock.form.elsewhere.isVisible()


def test_learning_rate_says_what_it_would_be(filled: MainWindow) -> None:
    form = filled.config_dock.form
    editor = form.fields["learning_rate"].editor
    for method in METHODS:
        choose(filled, method)
        number = editor.placeholderText().removeprefix("suits the method: ")  # type: ignore[union-attr]
        assert float(number) == LEARNING_RATES[method]
    choose(filled, "sft")
    form.set_values({"full_finetuning": True})
    assert float(editor.placeholderText().rpartition(" ")[2]) == pytest.approx(2e-5)  # type: ignore[union-attr]


@pytest.mark.parametrize("method", METHODS)
def test_every_preset_can_be_started_with_every_method(filled: MainWindow, method: Method) -> None:
    dock = filled.config_dock
    choose(filled, method)
    for preset in PRESETS:
        dock.presets.buttons[preset.key].click()
        config, problems = check_config(dock.form.values())
        assert config is not None, problems
        assert config.method == method
        assert dock.presets.buttons[preset.key].isChecked()
        assert method == "sft" or config.learning_rate is None, preset.name


def test_rows_say_which_methods_they_can_feed(filled: MainWindow, tmp_path: Path, qtbot: QtBot, bench: Bench) -> None:
    dock, fit = filled.config_dock, filled.config_dock.panel.fit
    dock.set_dataset(str(bench.dataset))
    qtbot.waitUntil(lambda: dock.panel.dataset.report is not None)
    assert fit.sentence.text().startswith("✓")
    choose(filled, "kto")
    assert "Not for" in fit.sentence.text()
    filled.actions_by_name["start"].trigger()
    assert bench.services.runs.all() == []
    assert dock.form.fields["dataset"].problem.isVisible()
    link = next(link for link in fit.links if "GRPO" in link.text())
    link.click()
    dock.form.check_now()
    assert dock.form.values()["method"] == "grpo"
    qtbot.waitUntil(lambda: fit.sentence.text().startswith("✓"))  # the rows are read for it anew


def test_a_search_for_the_learning_rate_starts_with_this_config(filled: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    dock = filled.config_dock
    dock.form.fields["seed"].set_value(11)
    dock.form.check_now()
    qtbot.mouseClick(dock.find_rate, Qt.MouseButton.LeftButton)
    (run,) = bench.services.runs.all()
    assert run.config.find_learning_rate
    assert run.config.seed == 11
    assert filled.views.current == "watch"
    filled.actions_by_name["load_config"].trigger()
    assert dock.form.config is not None
    assert not dock.form.config.find_learning_rate
    choose(filled, "grpo")
    assert not dock.find_rate.isVisible()
    assert not filled.actions_by_name["find_rate"].isEnabled()


def test_a_chain_is_started_once_however_often_one_clicks(filled: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    choose(filled, "rlhf")
    for _ in range(2):
        qtbot.mouseClick(filled.config_dock.panel.start, Qt.MouseButton.LeftButton)
        filled.views.show("setup")
    assert len(bench.services.runs.all()) == 2
