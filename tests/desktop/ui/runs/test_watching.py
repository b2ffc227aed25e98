"""What each method is watched by: its own charts, rounds, placement, full memory, and the search for a rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from desktop.core.run import RunState
from desktop.ui.charts.metric_words import TITLES, main_chart, small_charts, title_of
from desktop.ui.runs.model import subline
from desktop.ui.runs.phase_line import PHASE_WORDS
from desktop.ui.runs.run_facts import facts_of
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench, FakeTrainer
from trainer_image.contract import (
    METHODS,
    Batch,
    Clock,
    Evaluation,
    Finished,
    OutOfMemory,
    PhaseName,
    Placement,
    PlacementName,
    Round,
    Step,
    Suggestion,
    Warned,
)

StartRun = Callable[..., str]
GRPO = {
    "reward": 0.5,
    "reward_std": 0.3,
    "rewards/exact_answer/mean": 0.4,
    "rewards/exact_answer/std": 0.1,
    "rewards/format/mean": 0.9,
    "completions/mean_length": 180.0,
    "completions/clipped_ratio": 0.1,
    "kl": 0.002,
    "entropy": 0.7,
    "num_tokens": 1000.0,
}


@pytest.fixture
def watching(window: MainWindow) -> MainWindow:
    window.views.show("watch")
    return window


def say_step(trainer: FakeTrainer, number: int, metrics: Mapping[str, float], rate: float = 1e-4) -> None:
    trainer.wait(1)
    trainer.say(
        Step(
            step=number,
            epoch=0.1,
            loss=1.0 / number,
            learning_rate=rate,
            grad_norm=1.0,
            tokens=number * 100,
            tokens_per_s=100,
            step_s=1,
            metrics=dict(metrics),
        )
    )


def test_titles_are_plain_and_every_phase_has_words() -> None:
    assert title_of("rewards/margins") == "Chosen ahead of rejected (margin)"
    assert title_of("rewards/exact_answer/mean") == "Reward: exact answer"
    assert title_of("rewards/mine/mean") == "Reward mine"
    assert title_of("logits/chosen") == "Logits chosen"
    assert all(sentence.endswith(".") for _, sentence in TITLES.values())
    assert set(PHASE_WORDS) == set(PhaseName.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", METHODS)
def test_charts_are_in_a_sensible_order_and_none_is_lost(method: str) -> None:
    known = ["loss", "learning_rate", "grad_norm", "tokens_per_s", *GRPO, "rewards/margins", "mine"]
    large = main_chart(method, known)  # type: ignore[arg-type]
    first, others = small_charts(method, known)  # type: ignore[arg-type]
    assert large == ("reward" if method in ("grpo", "rloo", "rlhf") else "loss")
    assert len(set(first)) == len(first) <= 7
    assert {large, *first, *others} == set(known) - {"num_tokens"}


def test_rewards_are_drawn_large_and_the_rest_small(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    trainer, curves = bench.trainer(start_run(method="grpo")), watching.plots_dock.curves
    for number in range(1, 5):
        say_step(trainer, number, {**GRPO, "reward": number / 10})
    trainer.say(
        Evaluation(step=2, loss=0.1, metrics={"reward": 0.15, "kl": 0.001}, seconds=1, is_best=True),
        Evaluation(step=4, loss=0.1, metrics={"reward": 0.12}, seconds=1),
    )
    qtbot.waitUntil(lambda: len(curves.main.data_of("raw")[0]) == 4 and len(curves.main.data_of("evaluation")[0]) == 2)
    assert curves.main.title.text() == "Reward"
    assert list(curves.main.data_of("raw")[1]) == [0.1, 0.2, 0.3, 0.4]
    assert list(curves.main.data_of("evaluation")[1]) == [0.15, 0.12]
    qtbot.waitUntil(lambda: [list(part) for part in curves.main.data_of("best")] == [[2], [0.15]])
    names = [name for name, _ in curves.small.shown()]
    assert names[:4] == ["rewards/exact_answer/mean", "rewards/format/mean", "completions/mean_length", "kl"]
    assert list(curves.small["kl"].data_of("raw")[1]) == [0.002] * 4
    assert list(curves.small["kl"].data_of("evaluation")[0]) == [2]
    assert "In the log: kl" in curves.small["kl"].title.toolTip()
    # Nothing is wider than a small screen has room for.
    assert curves.width() < watching.plots_dock.width() <= 1280 - 300
    numbers = watching.plots_dock.head.numbers
    assert numbers["main"].name.text() == "reward"
    assert numbers["main"].value.text() == "0.4"
    assert numbers["evaluation"].value.text() == "0.12"
    assert "best was at step 2" in numbers["evaluation"].toolTip()


def test_more_charts_on_demand(watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot) -> None:
    trainer, curves = bench.trainer(start_run(method="grpo")), watching.plots_dock.curves
    say_step(trainer, 1, GRPO)
    qtbot.waitUntil(lambda: len(curves.small.shown()) == 7)
    assert curves.more.isVisible()
    curves.more.click()
    shown = {name for name, _ in curves.small.shown()}
    assert {"loss", "learning_rate", "entropy", "rewards/exact_answer/std"} <= shown
    assert all(chart.isVisible() for _, chart in curves.small.shown())
    curves.more.click()
    assert len(curves.small.shown()) == 7


def test_another_run_has_its_own_charts(watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot) -> None:
    curves = watching.plots_dock.curves
    grpo, dpo = start_run("one", method="grpo"), start_run("two", method="dpo")
    say_step(bench.trainer(grpo), 1, GRPO)
    say_step(bench.trainer(dpo), 1, {"rewards/margins": 0.5, "rewards/accuracies": 0.75})
    watching.selection.select(dpo)
    qtbot.waitUntil(lambda: [name for name, _ in curves.small.shown()][:2] == ["rewards/margins", "rewards/accuracies"])
    assert curves.main.title.text() == "Loss"
    assert watching.plots_dock.head.numbers["headline"].value.text() == "0.75"
    watching.selection.select(grpo)
    assert curves.main.title.text() == "Reward"
    assert not curves.small["rewards/margins"].isVisible()


def test_a_metric_with_gaps_is_a_line_all_the_same(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    trainer, curves = bench.trainer(start_run(method="dpo")), watching.plots_dock.curves
    for number in range(1, 6):
        say_step(trainer, number, {"rewards/margins": float(number)} if number % 2 else {})
    qtbot.waitUntil(lambda: len(curves.main.data_of("raw")[0]) == 5)
    x, y = curves.small["rewards/margins"].data_of("raw")
    assert (list(x), list(y)) == ([1, 3, 5], [1, 3, 5])


def test_what_stands_still_is_drawn_as_it_is(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    trainer, curves = bench.trainer(start_run()), watching.plots_dock.curves
    for number in range(1, 40):
        say_step(trainer, number, {"mean_token_accuracy": 0.1}, rate=1e-4 * number)
    qtbot.waitUntil(lambda: len(curves.small["learning_rate"].data_of("raw")[0]) == 39)
    for name in ("learning_rate", "mean_token_accuracy"):
        raw, smoothed = (curves.small[name].data_of(curve)[1] for curve in ("raw", "smoothed"))
        assert list(raw) == list(smoothed)


def test_placement_and_batch_stand_in_the_head(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    trainer, head = bench.trainer(start_run()), watching.plots_dock.head
    assert not head.place.isVisible()
    fits = "Both cards, a copy each: it fits on one."
    trainer.say(Placement(placement="data_parallel", cards=[0, 1], processes=2, sentence=fits))
    trainer.say(
        Batch(
            per_device_train_batch_size=8,
            gradient_accumulation_steps=1,
            gradient_checkpointing=False,
            sentence="8 rows at once.",
        )
    )
    qtbot.waitUntil(lambda: head.place.whole_text() == f"{fits} 8 rows at once.")
    assert head.place.isVisible()


def test_full_memory_is_marked_and_told_once(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    trainer, curves = bench.trainer(start_run("big")), watching.plots_dock.curves
    told: list[str] = []
    bench.services.notices.posted.connect(lambda notice: told.append(notice.sentence))
    trainer.step(1, 2.0)
    trainer.step(2, 1.0)
    trainer.say(
        OutOfMemory(
            attempt=1,
            attempts=3,
            per_device_train_batch_size=1,
            gradient_accumulation_steps=8,
            sentence="The memory of card 0 was full at step 2.",
        )
    )
    qtbot.waitUntil(lambda: list(curves.main.data_of("memory full")[0]) == [2])
    assert told == ["big: The memory of card 0 was full at step 2."]
    assert watching.bar.hint.whole_text() == "Try 1 of 3."
    # A window that opens later knows the mark, and does not tell old news.
    again = MainWindow(bench.services)
    qtbot.addWidget(again)
    assert again.bar.is_empty


def test_a_warning_is_marked_told_and_stands_in_the_head(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    trainer, curves = bench.trainer(start_run("big")), watching.plots_dock.curves
    head = watching.plots_dock.head
    told: list[tuple[str, str]] = []
    bench.services.notices.posted.connect(lambda notice: told.append((notice.level, notice.sentence)))
    trainer.warn("Some rows were cut.")  # about the data, before the first step: no mark
    trainer.say(Warned(code="warmup_shortened", sentence="The warm-up is shortened.", hint="Lower Warm-up."))
    trainer.open_phase("train").step(1, 2.0).step(2, 2.0)
    trainer.say(Warned(code="diverged", sentence="The loss explodes at step 2.", hint="Lower the learning rate."))
    qtbot.waitUntil(lambda: list(curves.main.data_of("warning")[0]) == [2], timeout=60_000)
    qtbot.waitUntil(lambda: head.warned.whole_text().startswith("The loss explodes"), timeout=60_000)
    assert head.warned.whole_text() == "The loss explodes at step 2. (and 2 more) Lower the learning rate."
    assert "Some rows were cut. Raise Longest row." in head.warned_line.toolTip().splitlines()
    assert head.warned_line.isVisible()
    assert told == [
        ("warning", "big: Some rows were cut."),
        ("info", "big: The warm-up is shortened."),
        ("warning", "big: The loss explodes at step 2."),
    ]
    # The same a moment later is the same news; much later it is news again.
    for minutes in (1, 10):
        trainer.wait(60 * minutes).step(2 + minutes, 9.0)
        trainer.say(Warned(code="diverged", sentence=f"The loss explodes again after {minutes} min."))
    qtbot.waitUntil(lambda: len(curves.main.data_of("warning")[0]) == 3, timeout=60_000)
    assert told[3:] == [("warning", "big: The loss explodes again after 10 min.")]
    # A window that opens later knows the marks, and does not tell old news.
    again = MainWindow(bench.services)
    qtbot.addWidget(again)
    assert again.bar.is_empty
    # What a resume undoes holds no more; what is said of the data does.
    trainer.hello(1)
    qtbot.waitUntil(lambda: not len(curves.main.data_of("warning")[0]), timeout=60_000)
    qtbot.waitUntil(lambda: head.warned.whole_text().startswith("The warm-up is shortened."), timeout=60_000)


def test_rows_that_were_left_out_by_choice_are_counted_and_nobody_is_called(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    run_id = start_run("mine", bad_rows="leave_out")
    trainer, head = bench.trainer(run_id), watching.plots_dock.head
    told: list[str] = []
    bench.services.notices.posted.connect(lambda notice: told.append(notice.sentence))
    left_out = Warned(code="rows_left_out", sentence="2 rows cannot be used and are left out. Line 3: no answer.")
    short = Warned(code="too_few_rows", sentence="There are too few rows to hold one back.")
    trainer.plan(100, rows_left_out=2).say(left_out).say(short).step(1, 2.0)
    qtbot.waitUntil(lambda: head.place.whole_text() == "2 rows left out.", timeout=60_000)
    assert head.place.toolTip() == left_out.sentence
    assert head.warned.whole_text() == short.sentence
    assert told == [f"mine: {short.sentence}"]
    # A resume says both again, and neither is news.
    trainer.wait(3600).hello(1)
    trainer.plan(100, rows_left_out=2).say(left_out).say(short).step(2, 2.0)
    qtbot.waitUntil(lambda: bench.services.runs.get(run_id).step == 2, timeout=60_000)
    assert told == [f"mine: {short.sentence}"]


def test_of_a_run_that_has_ended_its_place_is_a_fact(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    run_id = start_run("done")
    trainer, head = bench.trainer(run_id), watching.plots_dock.head
    trainer.say(Placement(placement="one", cards=[], processes=1, sentence="The run trains on the CPU."))
    trainer.say(Warned(code="may_not_fit", sentence="The run may not fit.", hint="It is tried all the same."))
    qtbot.waitUntil(lambda: head.place.whole_text() == "The run trains on the CPU.", timeout=60_000)
    qtbot.waitUntil(head.warned_line.isVisible, timeout=60_000)
    trainer.step(1, 2.0).say(Finished(step=1, adapter="adapter", seconds=1))
    qtbot.waitUntil(lambda: head.place.whole_text() == "Ran on the CPU.", timeout=60_000)
    assert head.place.toolTip() == "As it began: The run trains on the CPU."
    assert not head.warned_line.isVisible(), "it did fit"


def test_every_way_to_use_the_cards_is_a_fact(bench: Bench, start_run: StartRun) -> None:
    run_id = start_run("done")
    ended = replace(bench.services.runs.get(run_id), state=RunState.PAUSED)

    def fact(placement: PlacementName, *cards: int, batch: Batch | None = None) -> str:
        placed = Placement(placement=placement, cards=list(cards), processes=len(cards) or 2, sentence="...")
        return facts_of(replace(ended, progress=replace(ended.progress, placement=placed, batch=batch)))

    assert fact("data_parallel") == "Ran on the CPU in 2 processes together."
    assert fact("one", 1).startswith("Ran on card 1")
    assert fact("data_parallel", 0, 1) == "Ran on cards 0 and 1, a copy of the model on each."
    assert fact("sharded", 0, 1, 2) == "Ran on cards 0, 1 and 2, the weights shared out over them."
    batch = Batch(
        per_device_train_batch_size=2, gradient_accumulation_steps=4, gradient_checkpointing=True, sentence="..."
    )
    assert fact("layers", 0, 1, batch=batch) == (
        "Ran on cards 0 and 1, the layers split over them. Batch 2 × 4, with gradient checkpointing."
    )


def test_a_warning_is_told_though_the_clock_was_set_back(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    trainer, told = bench.trainer(start_run("big")), []
    bench.services.notices.posted.connect(lambda notice: told.append(notice.sentence))
    wrong = [0.0]
    watching._warnings._clock = Clock(lambda: time.time() + wrong[0])
    wrong[0] = -7200.0
    trainer.set_clock(-7200.0).warn("Some rows were cut.")
    qtbot.waitUntil(lambda: told == ["big: Some rows were cut."], timeout=60_000)


def test_rounds_are_told(watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot) -> None:
    trainer, rounds = bench.trainer(start_run(method="star")), watching.plots_dock.rounds
    assert not rounds.isVisible()
    for number in (1, 2):
        solved = 40 * number
        trainer.say(Round(round=number, rounds=3, problems=200, solved=solved, hinted=20, kept=solved + 20, seconds=90))
    qtbot.waitUntil(lambda: len(rounds.lines()) == 2)
    assert rounds.isVisible()
    assert rounds.lines()[1] == (
        "Round 2 of 3: 80 of 200 problems solved, 20 more with a hint; 100 solutions kept to learn from; 2 min."
    )
    assert not watching.plots_dock.head.numbers["evaluation"].isVisible()


def test_a_search_has_its_curve_and_its_button(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    run_id = start_run(find_learning_rate=True)
    trainer, rate = bench.trainer(run_id), watching.plots_dock.rate
    for number in range(1, 6):
        say_step(trainer, number, {}, rate=10.0 ** (number - 7))
    qtbot.waitUntil(lambda: len(rate.chart.data_of("loss")[0]) == 5)
    assert rate.isVisible()
    assert not watching.plots_dock.curves.isVisible()
    assert not watching.actions_by_name["checkpoint"].isEnabled()
    assert rate.chart.data_of("loss")[0] == pytest.approx(np.logspace(-6, -2, 5))
    assert not rate.use.isVisible()
    trainer.say(Suggestion(knob="learning_rate", value=2.13e-4, sentence="The loss fell fastest there."))
    trainer.say(Finished(step=5, adapter=None, seconds=5))
    qtbot.waitUntil(rate.use.isVisible)
    assert rate.use.text() == "Use 2.1e-4"
    assert list(rate.chart.data_of("suggested")[0]) == [2.13e-4]
    qtbot.waitUntil(lambda: bench.services.runs.get(run_id).state == "finished")
    assert "suggests 2.1e-4" in subline(bench.services.runs.get(run_id))
    assert watching.bar.action.text() == "Show"
    rate.use.click()
    assert watching.views.current == "setup"
    assert watching.config_dock.form.values()["learning_rate"] == 2.1e-4


def test_a_run_that_waits_says_for_what(watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot) -> None:
    start_run("manners", method="rlhf")
    waiting = next(run for run in bench.services.runs.all() if run.state == "waiting")
    assert "manners (1 of 2: reward model)" in subline(waiting)
    watching.selection.select(waiting.id)
    assert "manners (1 of 2" in watching.plots_dock.waiting.text()
    assert watching.plots_dock.head.now.whole_text().startswith("Waits for")
    assert not watching.actions_by_name["pause"].isEnabled()
    assert not watching.actions_by_name["delete_run"].isEnabled()
    watching.actions_by_name["cancel"].trigger()
    assert bench.services.runs.get(waiting.id).state == "cancelled"
    assert watching.bar.is_empty


def test_a_judge_cannot_be_talked_to_and_says_why(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    run_id = start_run("judge", method="reward")
    bench.trainer(run_id).files.adapter.mkdir()
    bench.trainer(run_id).say(Finished(step=1, adapter="adapter", seconds=1))
    qtbot.waitUntil(lambda: bench.services.runs.get(run_id).state == "finished")
    talk = watching.actions_by_name["talk"]
    assert not talk.isEnabled()
    assert "judges answers" in talk.toolTip()
