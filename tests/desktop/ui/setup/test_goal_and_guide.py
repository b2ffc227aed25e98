"""The goal in three buttons, and the guide that asks, shows what each answer costs here, and fills the form in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.core.auto_memory import GIB, Machine
from desktop.core.models import KnownModel
from desktop.ui.setup.guide_panel import GuidePanel
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.setup.test_presets import CARDS, LLAMA, WAIT_MS
from tests.desktop.ui.window_fakes import Bench, make_bench

PAIRS = '{"prompt": "Two and two?", "chosen": "Four.", "rejected": "Five."}\n' * 20


@pytest.fixture
def bench(tmp_path: Path, qtbot: QtBot) -> Iterator[Bench]:
    made = make_bench(tmp_path, CARDS)
    made.services.runs.load()
    made.services.hardware.samples = list(CARDS)
    yield made
    made.close()


@pytest.fixture
def filled(window: MainWindow, bench: Bench, qtbot: QtBot) -> MainWindow:
    dock = window.config_dock
    dock.form.set_values({"model": LLAMA, "dataset": str(bench.dataset)})
    dock.data.examine()
    qtbot.waitUntil(lambda: dock.panel.dataset.report is not None, timeout=WAIT_MS)
    dock.form.check_now()
    return window


def test_a_goal_takes_the_method_that_the_rows_can_feed(filled: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    dock, goal = filled.config_dock, filled.config_dock.steps.goal
    assert goal.buttons["teach"].isChecked()
    goal.buttons["reason"].click()
    dock.form.check_now()
    assert dock.form.values()["method"] == "grpo"
    assert goal.buttons["reason"].isChecked()
    assert "Try and be rewarded (GRPO)" in goal.sentence.text()
    assert dock.steps.checks.isVisible()
    file = tmp_path / "pairs.jsonl"
    file.write_text(PAIRS)
    dock.set_dataset(str(file))
    qtbot.waitUntil(lambda: dock.panel.dataset.report is not None, timeout=WAIT_MS)
    goal.buttons["prefer"].click()
    dock.form.check_now()
    assert dock.form.values()["method"] == "dpo"
    assert "Your rows hold nothing for it" not in goal.buttons["prefer"].toolTip()
    texts = tmp_path / "book.jsonl"
    texts.write_text('{"text": "The sea is deep."}\n' * 20)
    dock.set_dataset(str(texts))
    qtbot.waitUntil(lambda: "nothing for it" in goal.buttons["prefer"].toolTip(), timeout=WAIT_MS)


def test_a_method_without_a_goal_marks_none(filled: MainWindow) -> None:
    dock = filled.config_dock
    dock.form.set_values({"method": "reward"})
    assert not any(button.isChecked() for button in dock.steps.goal.buttons.values())
    assert "Learn to judge" in dock.steps.goal.sentence.text()


def test_the_checks_of_an_answer_lead_to_the_rewards(filled: MainWindow) -> None:
    dock = filled.config_dock
    dock.form.set_values({"method": "grpo"})
    assert not dock.form.fields["rewards"].isVisible()
    dock.steps.checks.click()
    assert dock.form.fields["rewards"].isVisible()


def test_the_guide_shows_costs_and_fills_the_form(filled: MainWindow, qtbot: QtBot) -> None:
    dock, guide = filled.config_dock, filled.config_dock.steps.guide
    dock.steps.guide_button.click()
    assert guide.isVisible()
    assert "Your 120 rows are questions and answers. They can feed SFT" in guide.rows.text()
    assert guide.goals.number == 0
    assert guide.way.key == "qlora"
    texts = [about.text() for _, about in guide.ways._lines]
    assert texts[0].startswith("✓ About")
    assert texts[1].startswith("✓ Goes over 2 cards")
    assert texts[2].startswith("✗ Needs")
    before = dock.form.values()
    guide.goals.buttons[2].click()
    assert dock.form.values() == before, "nothing changes before the button"
    assert guide.method == "grpo"
    assert "Data: some hundred questions" in guide.needs.text()
    guide.fill.click()
    values = dock.form.values()
    assert (values["method"], values["load_in_4bit"]) == ("grpo", True)
    assert not guide.isVisible()
    assert dock.form.config is not None, dock.form.problems


def test_without_a_card_the_guide_speaks_of_the_memory_that_is_free(qtbot: QtBot) -> None:
    guide, model = GuidePanel(), KnownModel("small", parameters=10**6)
    qtbot.addWidget(guide)
    guide.begin("sft", None, model, Machine((), 21 * GIB))
    assert " of 21 GB that are free in memory." in guide.ways._lines[0][1].text()
    guide.show_facts(None, model, Machine((), GIB))
    assert " GB, and 1.0 GB are free." in guide.ways._lines[0][1].text()


def test_the_guide_says_what_the_rows_cannot_feed(filled: MainWindow, qtbot: QtBot) -> None:
    dock, guide = filled.config_dock, filled.config_dock.steps.guide
    dock.steps.toggle_guide()
    guide.goals.buttons[1].click()
    assert "Your rows cannot feed it" in guide.outcome.text()
    assert guide.kinds.buttons[2].isVisible()
    guide.goals.buttons[0].click()
    assert not guide.kinds.buttons[2].isVisible()
    dock.steps.toggle_guide()
    assert not guide.isVisible()


def test_another_way_is_a_choice_of_the_user(filled: MainWindow, qtbot: QtBot) -> None:
    dock, guide = filled.config_dock, filled.config_dock.steps.guide
    dock.steps.toggle_guide()
    guide.ways.buttons[2].click()
    guide.fill.click()
    assert dock.form.values()["full_finetuning"] is True
    assert "full_finetuning" in dock.keeper.own
    assert dock.form.config is not None, dock.form.problems
