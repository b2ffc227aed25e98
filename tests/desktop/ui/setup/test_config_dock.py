"""The form: made from every knob, checked as you type, and the button that starts a run once."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QFileDialog, QInputDialog, QLineEdit, QPlainTextEdit
from pytestqt.qtbot import QtBot

from desktop.controllers.notices import Notice
from desktop.core.presets import PRESETS
from desktop.ui.setup.config_form import ConfigForm
from desktop.ui.setup.relevance import relevant_knobs
from desktop.ui.setup.reward_list import RewardList, RewardWeights
from desktop.ui.setup.saved_configs import SavedConfigs
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.another import BESIDE, NEEDED, another_value
from tests.desktop.ui.window_fakes import Bench
from trainer_image.contract import (
    CHECKED,
    METHODS,
    REWARD_NAMES,
    SCORED,
    Knob,
    Method,
    RunConfig,
    check_config,
    knobs,
)


def enter(field_editor: object, knob: Knob, value: object, qtbot: QtBot) -> None:
    """Change a field as a person does."""
    match field_editor:
        case RewardList():
            for name in knob.choices:
                if field_editor.box(name).isChecked() != (name in value):  # type: ignore[operator]
                    field_editor.box(name).click()
        case RewardWeights():
            rewards = field_editor.parent()
            while not isinstance(rewards, ConfigForm):
                rewards = rewards.parent()
            for entry, weight in zip(rewards.rewards.ticked(), value, strict=True):  # type: ignore[call-overload]
                entry.weight.setText(str(weight))
        case QCheckBox():
            field_editor.click()
        case QComboBox():
            field_editor.setCurrentIndex(field_editor.findData(value))
        case QPlainTextEdit():
            field_editor.setPlainText("\n".join(value))  # type: ignore[arg-type]
        case QLineEdit():
            field_editor.selectAll()
            field_editor.del_()
            words = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            qtbot.keyClicks(field_editor, words)


@pytest.fixture
def filled(window: MainWindow, config: RunConfig) -> MainWindow:
    window.config_dock.form.set_config(config)
    return window


@pytest.mark.parametrize("knob", knobs(), ids=lambda knob: knob.name)
def test_every_knob_has_a_field_that_changes_the_config(qtbot: QtBot, config: RunConfig, knob: Knob) -> None:
    form = ConfigForm()
    qtbot.addWidget(form)
    method = "sft" if "sft" in knob.methods else knob.methods[0]
    form.set_config(config.model_copy(update={"method": method, **BESIDE.get(knob.name, {})}))
    field = form.fields[knob.name]
    assert field.label.text() == knob.label
    assert field.label.buddy() is field.editor
    assert field.editor.accessibleName().startswith(knob.label)
    value = another_value(knob)
    enter(field.editor, knob, value, qtbot)
    form.check_now()
    assert form.config is not None, form.problems
    assert getattr(form.config, knob.name) == value
    if not knob.required:
        assert not field.reset.isHidden()
        field.reset.click()
        form.check_now()
        assert form.values()[knob.name] == knob.default
        assert (form.config is None) == (knob.name in NEEDED)
        assert field.reset.isHidden()


@pytest.mark.parametrize("method", METHODS)
def test_configs_come_back_as_they_went_in(qtbot: QtBot, config: RunConfig, method: Method) -> None:
    form = ConfigForm()
    qtbot.addWidget(form)
    names = [knob.name for knob in knobs(method) if knob.name not in ("method", "num_generations", "full_finetuning")]
    changed = {knob.name: another_value(knob) for knob in knobs(method) if knob.name in names}
    beside = {"loss_type": "cpo", "simpo_gamma": 0.5} if method == "dpo" else {}
    named = [name for name in reversed(REWARD_NAMES) if method in SCORED or name != "model"]
    every_reward = {"rewards": tuple(named), "reward_weights": (0.5,) * (len(named) - 1) + (1.5,)}
    rewarded = every_reward if method in CHECKED else {}
    odd = {**changed, **beside, **rewarded, "lr_scheduler_type": "cosine_with_min_lr", "load_in_4bit": True, "gpus": ()}
    wanted, problems = check_config({**config.model_dump(), **odd, "method": method, "learning_rate": 0.00012345678})
    assert wanted is not None, problems
    form.set_config(wanted)
    assert form.config == wanted


def test_knobs_without_effect_are_greyed_with_the_reason(filled: MainWindow, qtbot: QtBot) -> None:
    form, window = filled.config_dock.form, filled
    window.actions_by_name["every_knob"].setChecked(True)
    rate, epochs, length = form.fields["learning_rate"], form.fields["num_train_epochs"], form.fields["max_length"]
    rate_help = rate.help.text()
    form.set_values({"learning_rate": 1e-3, "find_learning_rate": True})
    for field in (rate, epochs, form.fields["save_steps"]):
        assert field.isVisible()
        assert not field.editor.isEnabled()
        assert field.help.text().startswith("No effect now. The search for a learning rate")
        assert field.editor.accessibleDescription() == field.help.text()
    assert length.editor.isEnabled()
    assert form.config is not None
    assert form.config.learning_rate == 1e-3, "it stays for the run after the search"
    form.set_values({"find_learning_rate": False, "max_steps": 60})
    assert (rate.editor.isEnabled(), rate.help.text()) == (True, rate_help)
    assert not epochs.editor.isEnabled()
    assert "ends the run at 60 steps" in epochs.help.text()
    form.set_values({"max_steps": None})
    assert epochs.editor.isEnabled()


def test_what_has_no_effect_and_is_wrong_can_be_mended(filled: MainWindow) -> None:
    form = filled.config_dock.form
    form.set_values({"learning_rate": "fast", "find_learning_rate": True})
    assert form.fields["learning_rate"].editor.isEnabled()
    assert [problem.knob for problem in form.problems] == ["learning_rate"]
    form.set_values({"learning_rate": 1e-3})
    assert not form.fields["learning_rate"].editor.isEnabled()


def test_every_problem_stands_at_its_knob_at_once(filled: MainWindow, qtbot: QtBot) -> None:
    form = filled.config_dock.form
    for name, text in (("learning_rate", "fast"), ("lora_r", "0"), ("seed", "-1")):
        form.fields[name].editor.selectAll()  # type: ignore[union-attr]
        qtbot.keyClicks(form.fields[name].editor, text)
    qtbot.waitUntil(lambda: len(form.problems) == 3)
    assert form.config is None
    assert "a number" in form.fields["learning_rate"].problem.text()
    assert "1 or more" in form.fields["lora_r"].problem.text()
    # An expert's knob with a problem comes out by itself.
    assert form.fields["seed"].isVisible()
    assert form.fields["seed"].problem.isVisible()
    assert not form.fields["max_length"].problem.isVisible()


def test_what_is_not_filled_in_yet_is_no_complaint(window: MainWindow) -> None:
    form = window.config_dock.form
    assert {problem.knob for problem in form.problems} == {"model", "dataset"}
    assert form.fields["model"].problem.isHidden()
    window.actions_by_name["start"].trigger()
    assert not form.fields["model"].problem.isHidden()


def test_beginners_see_four_steps_and_experts_every_knob(filled: MainWindow, qtbot: QtBot) -> None:
    form, dock = filled.config_dock.form, filled.config_dock
    assert {name for name, field in form.fields.items() if field.isVisible()} == {"dataset"}
    assert not dock.search.isVisible()
    filled.actions_by_name["every_knob"].trigger()
    shown = {name for name, field in form.fields.items() if field.isVisible()}
    assert shown == relevant_knobs(form.values()) - {"model", "model_revision"}
    qtbot.keyClicks(dock.search, "decay")
    assert form.fields["weight_decay"].isVisible()
    assert not form.fields["num_train_epochs"].isVisible()
    dock.search.clear()
    filled.actions_by_name["every_knob"].trigger()
    assert not form.fields["weight_decay"].isVisible()


def test_switching_between_the_views_loses_nothing(filled: MainWindow, qtbot: QtBot) -> None:
    form, switch = filled.config_dock.form, filled.actions_by_name["every_knob"]
    odd = {"lora_r": 24, "seed": 5, "warmup_steps": 0.1, "sample_prompts": ("Who are you?",), "packing": True}
    form.set_values(odd)
    before = {name: field.value() for name, field in form.fields.items()}
    for _ in range(4):
        switch.trigger()
        qtbot.wait(20)
        assert {name: field.value() for name, field in form.fields.items()} == before
    form.set_values({"method": "grpo"})
    switch.trigger()
    form.set_values({"method": "sft"})
    switch.trigger()
    assert {name: field.value() for name, field in form.fields.items()} == before


def test_the_view_is_remembered(filled: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    filled.actions_by_name["every_knob"].trigger()
    again = MainWindow(bench.services)
    qtbot.addWidget(again)
    assert again.actions_by_name["every_knob"].isChecked()
    assert again.config_dock.form.shows_experts
    again.actions_by_name["every_knob"].trigger()
    assert bench.services.settings.value("form/experts", type=bool) is False


def test_finding_a_knob_shows_every_knob(filled: MainWindow) -> None:
    filled.actions_by_name["find"].trigger()
    assert filled.config_dock.search.isVisible()
    assert filled.config_dock.search.hasFocus()


def test_presets_set_their_knobs_and_say_why(filled: MainWindow, config: RunConfig) -> None:
    dock = filled.config_dock
    assert not any(button.isChecked() for button in dock.presets.buttons.values())
    for preset in PRESETS:
        dock.presets.buttons[preset.key].click()
        assert dock.form.config is not None
        assert dock.keeper.chosen is not None
        for name, value in dock.keeper.chosen.values.items():
            assert getattr(dock.form.config, name) == value
        assert dock.form.config.dataset == config.dataset
        assert dock.presets.buttons[preset.key].isChecked()
        assert dock.presets.sentence.text() == preset.sentence
        assert "there is no graphics card" in dock.presets.reasons.text()
        assert dock.keeper.own == []


def test_a_file_dropped_anywhere_is_the_dataset(window: MainWindow, bench: Bench) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(bench.dataset))])
    actions, buttons, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPoint(5, 5).toPointF(), actions, data, buttons, keys))
    assert window.config_dock.form.values()["dataset"] == str(bench.dataset)
    data.setUrls([QUrl.fromLocalFile(str(bench.model))])
    window.dropEvent(QDropEvent(QPoint(5, 5).toPointF(), actions, data, buttons, keys))
    assert window.config_dock.form.values()["model"] == str(bench.model)


def test_start_makes_a_run_and_shows_it(filled: MainWindow, bench: Bench, config: RunConfig, qtbot: QtBot) -> None:
    qtbot.mouseClick(filled.config_dock.panel.start, Qt.MouseButton.LeftButton)
    (run,) = bench.services.runs.all()
    assert run.config == config
    assert run.engine == "docker"
    assert filled.selection.run_id == run.id
    assert filled.views.current == "watch"
    qtbot.waitUntil(lambda: len(bench.engine.started) == 1)
    assert bench.services.library.last_used() == config


def test_a_double_click_starts_one_run(filled: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    button = filled.config_dock.panel.start
    for _ in range(3):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert len(bench.services.runs.all()) == 1
        filled.views.show("setup")


def test_a_form_that_is_not_seen_is_shown_before_it_starts(filled: MainWindow, bench: Bench) -> None:
    filled.views.show("judge")
    filled.actions_by_name["start"].trigger()
    assert bench.services.runs.all() == []
    assert filled.views.current == "setup"


def test_the_wheel_scrolls_and_changes_nothing(filled: MainWindow) -> None:
    box = filled.config_dock.form.fields["lr_scheduler_type"].editor
    place, nothing = QPointF(4, 4), QPoint(0, 0)
    turn = QWheelEvent(
        place,
        box.mapToGlobal(place),
        nothing,
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(box, turn)
    assert filled.config_dock.form.values()["lr_scheduler_type"] == "linear"


def test_what_start_finds_out_stands_at_its_knob(filled: MainWindow, bench: Bench) -> None:
    bench.dataset.unlink()
    filled.actions_by_name["start"].trigger()
    assert bench.services.runs.all() == []
    assert "There is no dataset file" in filled.config_dock.form.fields["dataset"].problem.text()
    bench.dataset.write_text("{}")
    filled.config_dock.form.fields["dataset"].set_value(str(bench.dataset) + "x")
    filled.config_dock.form.check_now()
    assert filled.config_dock.form.problems == []


def test_engine_follows_what_answers_until_it_is_chosen(filled: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    panel, hardware = filled.config_dock.panel, bench.services.hardware
    broken = type(bench.doctor.checks[0])("Docker", "fail", "Docker does not answer.", "Start it.")
    hardware.engine_checked.emit(broken)
    assert panel.engine == "process"
    hardware.engine_checked.emit(bench.doctor.checks[0])
    assert panel.engine == "docker"
    qtbot.mouseClick(panel.engine_buttons["process"], Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    hardware.engine_checked.emit(bench.doctor.checks[0])
    assert panel.engine == "process"


def test_where_runs_were_wanted_last_is_chosen_at_the_next_start(
    window: MainWindow, bench: Bench, qtbot: QtBot
) -> None:
    panel = window.config_dock.panel
    qtbot.mouseClick(panel.engine_buttons["process"], Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    again = MainWindow(bench.services)
    qtbot.addWidget(again)
    bench.services.hardware.engine_checked.emit(bench.doctor.checks[0])
    assert again.config_dock.panel.engine == "process"
    assert "Chosen because" not in again.config_dock.panel.engine_detail.text()


def test_a_clone_runs_where_its_run_did(filled: MainWindow, bench: Bench, config: RunConfig, qtbot: QtBot) -> None:
    panel = filled.config_dock.panel
    run_id = bench.services.runs.start(config, engine="process")
    assert panel.engine == "docker"
    filled.selection.select(run_id)
    filled.actions_by_name["load_config"].trigger()
    assert panel.engine == "process"
    bench.services.hardware.engine_checked.emit(bench.doctor.checks[0])
    assert panel.engine == "process"


def test_a_build_is_announced_only_where_there_will_be_one(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    panel, setup = window.config_dock.panel, bench.services.setup
    with qtbot.waitSignal(setup.readiness_known) as told:
        panel.take_engine("process")
    assert told.args == ["process", True]
    assert panel.engine_detail.text() == "In its own Python environment."
    setup.readiness_known.emit("process", False)
    assert panel.engine_detail.text().endswith("The next start installs it.")
    with qtbot.waitSignal(setup.readiness_known):
        setup.changed.emit("process")
    assert panel.engine_detail.text() == "In its own Python environment."


def test_a_new_run_begins_at_the_first_step(filled: MainWindow, qtbot: QtBot) -> None:
    dock = filled.config_dock
    bar = dock.steps.verticalScrollBar()
    dock.steps.reveal("seed")
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    bar.setValue(bar.maximum())
    filled.actions_by_name["new_run"].trigger()
    qtbot.waitUntil(lambda: bar.value() == 0)


def test_the_example_is_prepared_then_started_once(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    assert window.config_dock.panel.welcome.isVisible()
    with qtbot.waitSignal(bench.services.runs.run_added):
        window.actions_by_name["example"].trigger()
        assert not window.actions_by_name["example"].isEnabled()
        assert window.config_dock.panel.welcome.preparing.isVisible()
        window.actions_by_name["example"].trigger()
    (run,) = bench.services.runs.all()
    assert run.config == bench.services.demo.config()
    qtbot.waitUntil(lambda: not window.config_dock.panel.welcome.isVisibleTo(window.config_dock))


def test_saved_configs(
    filled: MainWindow, bench: Bench, config: RunConfig, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved, actions, library = filled.config_dock.saved, filled.actions_by_name, bench.services.library
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("mine", True))
    actions["save_config"].trigger()
    assert library.read("mine") == config
    assert saved.name == "mine"
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("ours", True))
    actions["rename_config"].trigger()
    assert [known.name for known in library.configs()] == ["ours"]
    filled.config_dock.form.fields["seed"].set_value(1)
    saved.picker.activated.emit(saved.picker.currentIndex())
    assert filled.config_dock.form.values()["seed"] == config.seed
    actions["delete_config"].trigger()
    assert library.configs() == []
    filled.bar.action.click()
    assert library.read("ours") == config


def test_the_list_of_saved_configs(
    filled: MainWindow, bench: Bench, config: RunConfig, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    saved, actions, library = filled.config_dock.saved, filled.actions_by_name, bench.services.library
    manager = saved.manager
    actions["manage_configs"].trigger()
    assert "will stand here" in manager.empty.text()
    assert not actions["delete_config"].isEnabled()
    library.save("alpha", config, "docker")
    library.save("beta", config.model_copy(update={"seed": 7}), "process")
    assert shown_configs(saved) == ["alpha", "beta"]
    manager.search.setText("without BETA")
    assert shown_configs(saved) == ["beta"]
    manager.search.clear()
    manager.engines.setCurrentIndex(manager.engines.findData("docker"))
    assert shown_configs(saved) == ["alpha"]
    manager.engines.setCurrentIndex(0)

    manager.list.setCurrentRow(1)
    qtbot.keyClicks(manager.notes, "the one with seven")
    qtbot.waitUntil(lambda: library.get("beta").notes == "the one with seven")
    manager.search.setText("seven")
    assert shown_configs(saved) == ["beta"]
    manager.search.clear()
    manager.use.click()
    assert filled.config_dock.form.values()["seed"] == 7
    assert filled.config_dock.panel.engine == "process"
    assert saved.name == "beta"

    press(saved, "Duplicate config")
    assert shown_configs(saved) == ["alpha", "beta", "beta 2"]
    assert manager.name == "beta 2"
    assert library.get("beta 2").notes == "the one with seven"
    press(saved, "Delete config")
    assert shown_configs(saved) == ["alpha", "beta"]
    filled.bar.action.click()
    assert library.get("beta 2").notes == "the one with seven"

    file = str(tmp_path / "out.json")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (file, ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (file, ""))
    manager.list.setCurrentRow(1)
    press(saved, "Export config…")
    actions["import_config"].trigger()
    assert manager.name == "beta 3"
    assert filled.bar.sentence.whole_text() == "Saved as beta 3."


def test_saving_over_a_config_can_be_taken_back(
    filled: MainWindow, bench: Bench, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = bench.services.library
    library.save("mine", config.model_copy(update={"seed": 7}))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("mine", True))
    filled.actions_by_name["save_config"].trigger()
    assert library.read("mine") == config
    filled.bar.action.click()
    assert library.read("mine").seed == 7


def shown_configs(saved: SavedConfigs) -> list[str]:
    return [saved.manager.list.item(row).text() for row in range(saved.manager.list.count())]


def press(saved: SavedConfigs, name: str) -> None:
    next(made for made in saved.manager.buttons if made.accessibleName() == name).click()


def test_errors_of_saved_configs_are_notices(filled: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    with qtbot.waitSignal(bench.services.notices.posted) as posted:
        filled.config_dock.saved._try(lambda: bench.services.library.read("nobody"))
    notice = posted.args[0]
    assert isinstance(notice, Notice)
    assert filled.bar.sentence.whole_text() == notice.sentence
