"""Whatever a run goes through, one phase is current, it belongs to the latest start, and its time is its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtGui import QPaintEvent
from pytestqt.qtbot import QtBot

from desktop.body import GONE, Body
from desktop.controllers.preparing import Prepared
from desktop.core.progress import Progress, advance, begin_anew
from desktop.core.run import Run, RunState, decide_state, with_progress
from desktop.ui.runs.phase_line import PhaseRibbon, now_line, phase_seconds, ribbon_pieces
from desktop.ui.theme import Theme
from tests.fakes import FakeTrainer, events_of
from trainer_image.contract import Phase, RunConfig, RunFolder

UP = Body("running", handle="1")


class Watched:
    """A run as the window knows it, and who speaks for its trainer."""

    def __init__(self, folder: Path) -> None:
        self.trainer = FakeTrainer(RunFolder(folder), total_steps=100, tick=timedelta(0))
        config = RunConfig(model=str(folder), dataset=str(folder / "rows.jsonl"))
        started = self.trainer.now
        self._run = Run("a", "first", "docker", folder, config, started, RunState.STARTING, started=started)
        self._after = -1
        self._forgot: Progress | None = None

    def start_again(self) -> None:
        """Do what the app does with a run that is resumed."""
        known = self.run().progress
        self._after, self._forgot = known.last_seq, begin_anew(known)
        self._seen = len(events_of(self.trainer))
        self._run = replace(self._run, state=RunState.STARTING, started=self.trainer.now)

    def run(self, body: Body | None = UP) -> Run:
        if self._forgot is not None:
            progress = advance(self._forgot, events_of(self.trainer)[self._seen :])
        elif self.trainer.folder.events.exists():
            progress = advance(Progress(), events_of(self.trainer))
        else:
            progress = Progress()
        state, failure = decide_state(progress, body, launched_after=self._after)
        return replace(with_progress(self._run, progress), state=state, failure=failure, body=body)

    def line(self, **changes: object) -> str:
        return now_line(replace(self.run(), **changes), self.trainer.now)  # type: ignore[arg-type]

    def ribbon(self, *prepared: Prepared) -> list[tuple[str, float, bool]]:
        """Return words, whole seconds and whether it is the current one."""
        pieces = ribbon_pieces(self.run(), self.trainer.now, prepared)
        assert all(piece.seconds >= 0 for piece in pieces)
        assert sum(piece.is_current for piece in pieces) <= 1
        return [(piece.words, round(piece.seconds), piece.is_current) for piece in pieces]

    def lasts(self, name: str, seconds: float) -> None:
        self.trainer.open_phase(name).wait(seconds).say(Phase(name=name, seconds=seconds))  # type: ignore[arg-type]

    def comes_up(self, resumed_from: int | None = None) -> None:
        self.trainer.placement()
        self.lasts("import", 14)
        self.trainer.hello(resumed_from)
        self.lasts("load", 20)
        self.lasts("data", 2)
        self.trainer.plan().open_phase("train")

    def steps(self, first: int, last: int, seconds: float = 2.0) -> None:
        for step in range(first, last + 1):
            self.trainer.wait(seconds).step(step, seconds=seconds)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_first_start_names_everything_from_the_image_to_the_first_step(watched: Watched) -> None:
    trainer = watched.trainer
    trainer.wait(30)
    assert watched.line(preparing="step 2 of 4: installing") == "Step 2 of 4: installing · for 30 s"
    image, download = Prepared("image", 120.0, is_over=True), Prepared("download", 8.0, 0.25)
    assert watched.ribbon(image, download) == [("image", 120, False), ("download", 8, True)]
    trainer.wait(98).open_phase("import").wait(5)
    done = (image, replace(download, is_over=True), Prepared("start", 3.0, is_over=True))
    assert watched.run().state is RunState.STARTING  # it has not greeted yet
    assert watched.line() == "Loading the libraries · for 5 s"
    assert watched.ribbon(*done)[2:] == [("start", 3, False), ("libraries", 5, True)]
    trainer.say(Phase(name="import", seconds=5)).hello().open_phase("load").wait(20)
    assert watched.line() == "Loading the model · for 20 s"
    trainer.say(Phase(name="load", seconds=20)).plan().open_phase("train").wait(9.4)
    assert watched.line() == "Making the first step · for 9 s"
    assert watched.ribbon() == [("libraries", 5, False), ("model", 20, False), ("first step", 9, True)]
    trainer.step(1, seconds=9.4)
    watched.steps(2, 10)
    assert watched.line() == "Training · step 10 of 100 · about 3 min left"
    assert watched.ribbon()[2:] == [("first step", 9, False), ("train", 18, True)]


def test_what_happens_within_training_counts_once(watched: Watched) -> None:
    watched.comes_up()
    watched.steps(1, 10)
    watched.trainer.open_phase("evaluate").wait(7)
    assert watched.line().startswith("Evaluating · for 7 s · step 10 of 100")
    assert phase_seconds(watched.run(), watched.trainer.now)["train"] == 20
    assert watched.ribbon()[-1] == ("evaluate", 7, True)
    watched.trainer.evaluate(10, 1.0).say(Phase(name="evaluate", seconds=7))
    watched.lasts("save", 3)
    watched.steps(11, 12)
    seconds = phase_seconds(watched.run(), watched.trainer.now)
    assert seconds == {"import": 14, "load": 20, "data": 2, "train": 24, "evaluate": 7, "save": 3}
    assert [words for words, _, is_current in watched.ribbon() if is_current] == ["train"]
    watched.trainer.say(Phase(name="train", seconds=34)).finish(12)
    assert phase_seconds(watched.run(GONE), watched.trainer.now)["train"] == 24


def test_compiling_is_the_first_step_by_its_other_name(watched: Watched) -> None:
    watched.comes_up()
    watched.lasts("compile", 40)
    watched.trainer.step(1, seconds=40)
    watched.steps(2, 6)
    assert [words for words, _, _ in watched.ribbon()] == ["libraries", "model", "data", "compile", "train"]
    assert watched.ribbon()[-1] == ("train", 10, True)


def test_a_resume_shows_nothing_of_the_start_before(watched: Watched) -> None:
    watched.comes_up()
    watched.steps(1, 10)
    watched.trainer.say(Phase(name="train", seconds=20)).pause(10).wait(12 * 3600)
    assert watched.ribbon()[-1] == ("train", 18, False)  # and 2 s for the first step
    watched.start_again()
    watched.trainer.wait(4)
    assert watched.line() == "Starting the trainer · for 4 s"
    assert watched.ribbon(Prepared("start", 4.0)) == [("start", 4, True)]
    watched.trainer.placement().wait(2)
    assert watched.ribbon() == [("beginning", 2, True)]
    assert watched.line() == "Beginning · step 10 of 100"
    watched.trainer.open_phase("import").wait(6)
    assert watched.line() == "Loading the libraries · for 6 s · step 10 of 100"
    assert watched.ribbon() == [("libraries", 6, True)]
    watched.trainer.say(Phase(name="import", seconds=6)).hello(resumed_from=10).open_phase("train").wait(3)
    assert watched.ribbon() == [("libraries", 6, False), ("first step", 3, True)]


@pytest.mark.parametrize("app_was_there", [True, False])
def test_a_crash_ends_its_phases_with_its_last_word(watched: Watched, app_was_there: bool) -> None:
    watched.comes_up()
    watched.steps(1, 10)
    watched.trainer.wait(5 * 3600)
    gone = watched.run(GONE)
    assert gone.state is RunState.INTERRUPTED
    assert phase_seconds(gone, watched.trainer.now)["train"] == 20
    assert not any(piece.is_current for piece in ribbon_pieces(gone, watched.trainer.now))
    if app_was_there:
        watched.start_again()
        assert watched.ribbon() == []
    watched.trainer.placement().wait(3)
    assert watched.ribbon() == [("beginning", 3, True)]
    watched.trainer.open_phase("import").wait(6)
    assert watched.ribbon() == [("libraries", 6, True)]


def test_a_run_that_waits_to_go_on_has_no_current_phase(watched: Watched) -> None:
    watched.comes_up()
    watched.steps(1, 10)
    watched.trainer.wait(3600)
    waiting = replace(watched.run(GONE), state=RunState.WAITING, waiting_for="waits for second", failure=None)
    assert now_line(waiting, watched.trainer.now) == "Waits for second"
    pieces = ribbon_pieces(waiting, watched.trainer.now)
    assert not any(piece.is_current for piece in pieces)
    assert max(piece.seconds for piece in pieces) == 20


def test_full_memory_begins_anew_by_name(watched: Watched) -> None:
    watched.comes_up()
    watched.steps(1, 10)
    watched.trainer.run_out_of_memory(1).wait(4)
    assert watched.line() == "Beginning again with fewer rows at once · step 10 of 100"
    assert watched.ribbon() == [("beginning", 4, True)]
    watched.trainer.open_phase("import").wait(6)
    assert watched.line() == "Loading the libraries · for 6 s · step 10 of 100"
    assert watched.ribbon() == [("libraries", 6, True)]


def test_a_clock_set_back_makes_no_time_negative(watched: Watched) -> None:
    watched.comes_up()
    watched.steps(1, 10)
    watched.trainer.wait(-7200).open_phase("evaluate").wait(3)
    assert watched.line().startswith("Evaluating · for 3 s")
    assert watched.ribbon()[-1] == ("evaluate", 3, True)
    watched.trainer.wait(-60)
    assert watched.line().startswith("Evaluating · step 10")
    watched.ribbon()


def test_a_clock_set_forward_makes_no_phase_longer(watched: Watched) -> None:
    watched.comes_up()
    watched.steps(1, 10)
    watched.trainer.open_phase("evaluate").wait(3)
    before = watched.ribbon()
    watched.trainer.set_clock(3600)
    assert watched.line().startswith("Evaluating · for 3 s")
    assert watched.ribbon() == before


def test_what_was_asked_is_said_until_it_has_come(watched: Watched) -> None:
    watched.comes_up()
    watched.steps(1, 10)
    assert watched.line(asked="pause") == "Pauses after this step · Training · step 10 of 100"
    assert watched.line(asked="checkpoint").startswith("Saves after this step · Training · step 10 of 100 · about")


def test_a_phase_that_is_counted_says_how_far_it_has_come(watched: Watched) -> None:
    watched.lasts("import", 14)
    trainer = watched.trainer.hello().open_phase("data").wait(2).count("data", 512, 1_000_000)
    assert watched.line() == "Tokenising 512 of 1,000,000 rows · for 2 s"
    trainer.wait(12).count("data", 120_512, 1_000_000)
    assert watched.line() == "Tokenising 120,512 of 1,000,000 rows (about 1 min left) · for 14 s"
    piece = ribbon_pieces(watched.run(), trainer.now)[-1]
    assert (piece.words, piece.is_current, piece.share) == ("data", True, 0.120512)
    assert piece.detail == "120,512 of 1,000,000 rows, about 1 min left"
    trainer.wait(88).count("data", 1_000_000, 1_000_000).wait(1)
    assert watched.line() == "Reading the data · for 2 min"
    assert ribbon_pieces(watched.run(), trainer.now)[-1].share is None
    trainer.say(Phase(name="data", seconds=103))
    assert watched.ribbon()[-2] == ("data", 103, False)


def test_an_evaluation_is_counted_within_training(watched: Watched) -> None:
    watched.comes_up()
    watched.steps(1, 10)
    watched.trainer.open_phase("evaluate").wait(3).count("evaluate", 1, 40).wait(4).count("evaluate", 5, 40)
    line = "Evaluating 5 of 40 batches (about 35 s left) · for 7 s · step 10 of 100 · about 3 min left"
    assert watched.line() == line
    assert ribbon_pieces(watched.run(), watched.trainer.now)[-1].share == 0.125
    assert phase_seconds(watched.run(), watched.trainer.now)["train"] == 20
    watched.trainer.wait(3600)
    gone = ribbon_pieces(watched.run(GONE), watched.trainer.now)[-1]
    assert (gone.words, gone.is_current, gone.share, gone.detail) == ("evaluate", False, None, "")


def test_a_newer_trainer_may_count_any_phase(watched: Watched) -> None:
    watched.lasts("import", 14)
    watched.trainer.hello().open_phase("load").wait(5).count("load", 1, 3)
    assert watched.line() == "Loading the model, 1 of 3 · for 5 s"


class _Drawn(PhaseRibbon):
    """Keeps how often it was drawn."""

    count = 0

    def paintEvent(self, event: QPaintEvent) -> None:
        self.count += 1
        super().paintEvent(event)


def test_the_ribbon_is_drawn_anew_when_the_last_phase_ends_without_another_word(
    watched: Watched, tmp_path: Path, qtbot: QtBot
) -> None:
    settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    ribbon = _Drawn(Theme(settings), lambda: watched.trainer.now)
    qtbot.addWidget(ribbon)
    watched.trainer.begin().step(1).open_phase("save").wait(3.0)
    ribbon.show_run(watched.run())
    ribbon.show()
    qtbot.waitUntil(lambda: ribbon.count > 0, timeout=60_000)
    said, before = ribbon.toolTip(), ribbon.count
    watched.trainer.say(Phase(name="save", seconds=3.0))
    ribbon.show_run(replace(watched.run(), state=RunState.PAUSED))
    assert ribbon.toolTip() == said
    qtbot.waitUntil(lambda: ribbon.count > before, timeout=60_000)
