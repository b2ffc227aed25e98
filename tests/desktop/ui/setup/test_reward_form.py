"""The rewards: ticked, weighed, each with its own knobs; files checked, judges picked from finished runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from desktop.ui.setup.reward_template import TEMPLATE
from desktop.ui.setup.reward_words import REWARD_WORDS
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench
from trainer_image.contract import REWARD_NAMES, REWARD_TAKES, Finished, RunConfig

StartRun = Callable[..., str]


@pytest.fixture
def rewarded(window: MainWindow, config: RunConfig) -> MainWindow:
    window.config_dock.form.set_config(config.model_copy(update={"method": "grpo"}))
    window.actions_by_name["every_knob"].setChecked(True)
    return window


def test_every_reward_has_words_and_a_box(rewarded: MainWindow) -> None:
    rewards = rewarded.config_dock.form.rewards
    assert set(REWARD_WORDS) == set(REWARD_NAMES)
    for name in REWARD_NAMES:
        assert rewards.box(name).isVisible()
        assert rewards.box(name).accessibleDescription() == REWARD_WORDS[name][1]
        assert rewards.weight(name).accessibleName()


def test_weights_stand_beside_what_is_ticked(rewarded: MainWindow, qtbot: QtBot) -> None:
    form = rewarded.config_dock.form
    rewards = form.rewards
    assert not rewards.weight("exact_answer").isVisible()
    qtbot.mouseClick(rewards.box("length"), Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    assert rewards.weight("exact_answer").isVisible()
    assert rewards.weight("length").isVisible()
    assert not rewards.weight("number").isVisible()
    rewards.weight("length").selectAll()
    qtbot.keyClicks(rewards.weight("length"), "0.25")
    form.check_now()
    assert form.config is not None
    assert (form.config.rewards, form.config.reward_weights) == (("exact_answer", "length"), (1.0, 0.25))
    rewards.weight("length").setText("much")
    form.check_now()
    assert form.fields["reward_weights"].problem.isVisible()
    rewards.box("length").click()
    form.check_now()
    assert form.config is not None
    assert form.config.reward_weights == ()


def test_without_any_reward_one_is_asked_for(rewarded: MainWindow) -> None:
    form = rewarded.config_dock.form
    form.rewards.box("exact_answer").click()
    form.check_now()
    assert form.config is None
    assert form.fields["rewards"].problem.isVisible()


@pytest.mark.parametrize("reward", REWARD_TAKES)
def test_the_knobs_of_a_reward_are_shown_below_it_while_it_is_ticked(rewarded: MainWindow, reward: str) -> None:
    form = rewarded.config_dock.form
    for knob in REWARD_TAKES[reward]:
        assert not form.fields[knob].isVisible()
    form.rewards.box(reward).click()
    form.check_now()
    for knob in REWARD_TAKES[reward]:
        assert form.fields[knob].isVisible()
        # What nobody has filled in yet is asked for, not complained about.
        assert not form.fields[knob].problem.isVisible()


def test_a_reward_file_is_written_from_the_template_and_checked(
    rewarded: MainWindow, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, sources = rewarded.config_dock.form, rewarded.config_dock.reward_sources
    form.rewards.box("custom").click()
    file = tmp_path / "mine.py"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(file), ""))
    sources.new.click()
    assert file.read_text() == TEMPLATE
    form.check_now()
    assert form.config is not None
    assert form.config.reward_file == str(file)
    sources.check.click()
    qtbot.waitUntil(lambda: sources.checked.text().startswith("✓"))
    file.write_text("def reward(completion):\n    return 1\n")
    sources.check.click()
    qtbot.waitUntil(lambda: "▲ Line 1" in sources.checked.text())
    form.fields["reward_file"].set_value("/elsewhere.py")
    assert not sources.checked.isVisible()


def test_the_template_does_what_it_says() -> None:
    names: dict[str, Callable[..., float]] = {}
    exec(TEMPLATE, names)
    assert names["reward"]("It is 42.", "How much?", "42", {}) == 1
    assert names["reward"]("It is 41.", "How much?", "42", {}) == 0
    assert names["reward"](" ", "How much?", "", {}) == 0


def test_a_template_that_cannot_be_written_is_told(
    rewarded: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = str(tmp_path / "missing" / "mine.py")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (nowhere, ""))
    rewarded.config_dock.reward_sources.write_template()
    assert "cannot be written" in rewarded.bar.sentence.whole_text()


def test_a_judge_is_picked_from_the_finished_runs_of_its_method(
    rewarded: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    form, sources = rewarded.config_dock.form, rewarded.config_dock.reward_sources
    form.rewards.box("model").click()
    menu = sources.pickers["reward_model"].menu()
    menu.aboutToShow.emit()
    (nothing,) = menu.actions()
    assert not nothing.isEnabled()
    judge, other = start_run("judge", method="reward"), start_run("manner")
    for run_id in (judge, other):
        bench.trainer(run_id).files.adapter.mkdir()
        bench.trainer(run_id).say(Finished(step=1, adapter="adapter", seconds=1))
        qtbot.waitUntil(lambda run_id=run_id: bench.services.runs.get(run_id).state == "finished")
    menu.aboutToShow.emit()
    (offered,) = menu.actions()
    assert offered.text().startswith("judge")
    offered.trigger()
    form.check_now()
    assert form.config is not None
    assert form.config.reward_model == str(bench.trainer(judge).files.adapter)


def test_the_tab_key_goes_as_one_reads(rewarded: MainWindow, qtbot: QtBot) -> None:
    form, sources = rewarded.config_dock.form, rewarded.config_dock.reward_sources
    for name in ("custom", "regex"):
        form.rewards.box(name).click()
    form.check_now()
    wanted: list[QWidget] = [
        form.fields["method"].editor,
        form.rewards.box("exact_answer"),
        form.rewards.weight("exact_answer"),
        form.rewards.box("regex"),
        form.fields["reward_regex"].editor,
        form.rewards.box("custom"),
        form.fields["reward_file"].editor,
        sources.check,
        sources.new,
        form.rewards.box("process"),
        rewarded.config_dock.presets.buttons["test"],
        rewarded.config_dock.search,
        form.fields["num_train_epochs"].editor,
        rewarded.config_dock.panel.start,
    ]
    wanted[0].setFocus()
    reached: list[QWidget] = []
    for _ in range(80):
        focused = QApplication.focusWidget()
        reached.append(focused)
        if focused is wanted[-1]:
            break
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    assert [part for part in reached if part in wanted] == wanted
