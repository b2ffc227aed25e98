"""The queue: runs that wait for their cards, their hour or their turn, started one app alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal

from desktop.body import EngineName
from desktop.controllers.chain import Chain
from desktop.controllers.following import Following
from desktop.controllers.launching import Launching
from desktop.controllers.notices import Notices
from desktop.controllers.run_book import RunBook
from desktop.core import folders
from desktop.core.config_values import read_config_file, read_values
from desktop.core.queue import Around, Move, blocks, in_order, moved, position_at_end
from desktop.core.run import Run, RunState, decide_state
from desktop.core.settings import SettingsTable
from desktop.core.store import Store
from desktop.errors import AppError, ConfigError
from trainer_image.contract import RunConfig

AfterFailure = Literal["go_on", "stop"]
AFTER_FAILURE = "queue.after_failure"
STOPPED = "queue.stopped"
"""Names of the two choices in the settings; the second is null, or why the queue is stopped."""

FREE_AFTER_S = 15.0
"""How long the next run waits for the body of the one before to go, which may still hold a card's memory."""


def can_move(run: Run) -> bool:
    """Say whether a run may still be given other cards: one that has begun goes on where it was."""
    return run.state is RunState.WAITING and run.progress.last_seq < 0


def _has_begun(run: Run) -> ConfigError:
    return ConfigError(f"{run.name} has begun already.", "Clone it into the form to train it another way.")


class Queue(QObject):
    """Says what every waiting run waits for, and starts those that wait for nothing more."""

    changed = Signal()
    """The order, what keeps a run, or whether the queue goes on."""

    def __init__(
        self,
        book: RunBook,
        store: Store,
        following: Following,
        launching: Launching,
        chain: Chain,
        notices: Notices,
        cards: tuple[int, ...],
    ) -> None:
        super().__init__()
        self._book = book
        self._store = store
        self._settings = SettingsTable(store)
        self._following = following
        self._launching = launching
        self._chain = chain
        self._notices = notices
        self.cards = cards
        self._configs: dict[str, tuple[int, int]] = {}
        """By run, which state of its config file was read."""
        self._ready_since: dict[str, float] = {}
        self._shown: object = None
        self.starts_only: frozenset[str] | None = None
        """The runs that this app may start, for one that does not stay; None is any."""
        self.patience_s = 0.0
        """How long a run has to be ready before this app starts it: a keeper lets a window go first."""
        following.looked.connect(self.step)
        following.ended.connect(self._stop_after_failure)

    # What there is

    def order(self) -> list[Run]:
        """Return the runs that wait, the next one first."""
        return in_order(self._book.runs.values())

    def would_wait_for(self, config: RunConfig, engine: EngineName) -> str:
        """Return what a run would wait for if it were started now, as a part of a sentence; empty for nothing."""
        run = Run("", "", engine, Path(), config, datetime.now(UTC), RunState.WAITING, position=self.next_position())
        return blocks({**self._book.runs, run.id: run}, self._around(starts_by_hand=True))[run.id]

    @property
    def has_prospects(self) -> bool:
        """Say whether something waits that time alone may start."""
        if self.stopped_because is not None:
            return False
        before = [self._book.runs.get(run.after or "") for run in self.order()]
        return any(one is None or one.state.can_cancel or one.state is RunState.FINISHED for one in before)

    @property
    def stopped_because(self) -> str | None:
        """Why the queue is stopped, as a part of a sentence that may be empty; None where it goes on."""
        why = self._settings.read(STOPPED)
        return why if isinstance(why, str) else None

    @property
    def after_failure(self) -> AfterFailure:
        """What the queue does when a run fails."""
        return "stop" if self._settings.read(AFTER_FAILURE) == "stop" else "go_on"

    # What the user wants

    def choose_after_failure(self, choice: AfterFailure) -> None:
        self._settings.write(AFTER_FAILURE, choice)
        self.changed.emit()

    def pause(self) -> None:
        """Start nothing more by itself; what runs goes on."""
        self._stop("")

    def go_on(self) -> None:
        """Start again what waits."""
        self._settings.write(STOPPED, None)
        self.step()

    def next_position(self) -> float:
        """Return a place behind everything that waits."""
        return position_at_end(self._book.runs.values())

    def add_again(self, run_id: str) -> None:
        """Put a run that has begun already at the end of the queue, to go on from its last checkpoint."""
        run = self._book.runs[run_id]
        if not self._store.take_over(run_id, state=run.state, to=RunState.WAITING):
            return  # another app has done it a moment before
        self._book.change(run_id, state=RunState.WAITING, failure=None, ended=None, body=None)
        self._book.place(run_id, self.next_position())
        folders.write_place(self._book.runs[run_id])
        self.enter(run_id)

    def enter(self, run_id: str) -> None:
        """Start a run that was just put into the queue if nothing keeps it, else say what it waits for."""
        # Who starts a run by hand has been told that an engine is silent, and means it though the queue is stopped.
        self._show_reasons(blocks(self._book.runs, self._around(starts_by_hand=True)))
        run = self._book.runs[run_id]
        if not run.waiting_for:
            self._start(run_id)
        else:
            self._notices.post("info", f"{run.name} is in the queue: it {run.waiting_for}.", run_id=run_id)
        self._tell_changes()

    def start_now(self, run_id: str) -> None:
        """Start a run that waits whatever else is going on; a chain's second needs its first all the same."""
        run = self._book.runs[run_id]
        before = self._book.runs.get(run.after or "")
        if before is not None and before.state is not RunState.FINISHED:
            raise ConfigError(f"{run.name} needs what {before.name} makes.", "It starts by itself after that one.")
        if self._store.take_over(run_id):
            self._take_changes(run_id)
            self._launching.launch(run_id)
            self._tell_changes()

    def move(self, run_id: str, how: Move) -> None:
        """Give a run that waits another place; ConfigError where it does not wait in the queue."""
        movable = [run for run in self.order() if run.position is not None]
        if run_id not in {run.id for run in movable}:
            run = self._book.runs[run_id]
            raise ConfigError(
                f"{run.name} does not wait in the queue: it is {run.state}.", "`tunedeck queue show` lists what does."
            )
        for each, position in moved(movable, run_id, how).items():
            self._place(each, position, self._book.runs[each].not_before)
        self.step()

    def start_at(self, run_id: str, when: datetime | None) -> None:
        """Let a run that waits start at this moment and not before; with None as soon as it may."""
        run = self._book.runs[run_id]
        if run.state is not RunState.WAITING or not self._store.take_over(run_id, to=RunState.WAITING):
            raise _has_begun(run)
        self._place(run_id, run.position, when)
        self.step()

    def run_on(self, run_id: str, gpus: tuple[int, ...] | None) -> None:
        """Give a run that has not begun other cards: None is all of them, an empty tuple the processor."""
        if missing := sorted(set(gpus or ()) - set(self.cards)):
            raise ConfigError(f"This machine has no GPU {', '.join(map(str, missing))}.", "Choose another card.")
        self._following.open(self._book.runs[run_id])
        run = self._book.runs[run_id]
        if not can_move(run):
            raise _has_begun(run)
        changed = replace(run, config=read_values({**run.config.model_dump(mode="json"), "gpus": gpus}))
        if not self._store.change_waiting(changed, lambda: folders.write_config(changed)):
            raise _has_begun(run)
        self._book.change(run_id, config=changed.config)
        self.step()

    def _place(self, run_id: str, position: float | None, not_before: datetime | None) -> None:
        self._book.place(run_id, position, not_before)
        folders.write_place(self._book.runs[run_id])

    def take_out(self, run_id: str) -> bool:
        """Take a run out of the queue: one that was to go on is again what it was, a new one is cancelled.

        Return False where another app has just started it.
        """
        run = self._book.runs[run_id]
        live = self._following.open(run)
        if self._book.runs[run_id].progress.last_seq < 0 or run.after is not None:
            done = self._chain.give_up(run_id)
        elif done := self._store.take_over(run_id):
            self._book.place(run_id, None)
            folders.write_place(self._book.runs[run_id])
            before = self._book.runs[run_id].progress
            state, failure = decide_state(before, None, launched_after=live.launch.after_seq)
            state = RunState.INTERRUPTED if state.is_live else state
            self._book.change(run_id, state=state, failure=failure, waiting_for="")
            self._following.recall_failure(run_id)
        self._tell_changes()
        return done

    # What happens by itself

    def step(self) -> None:
        """Look what each run waits for, and start those that are ready."""
        self._chain.settle()
        if not self.order():
            self._tell_changes()
            return
        for run in self.order():
            self._take_changes(run.id)
        found = blocks(self._book.runs, self._around())
        self._show_reasons(found)
        now = time.monotonic()
        ready = [run_id for run_id, why in found.items() if not why]
        self._ready_since = {run_id: self._ready_since.get(run_id, now) for run_id in ready}
        for run_id in ready:
            is_ours = self.starts_only is None or run_id in self.starts_only
            # Each one as the others are by then: this app or another one may have started something meanwhile.
            is_still_ready = not blocks(self._book.runs, self._around()).get(run_id, "gone")
            if is_ours and is_still_ready and now - self._ready_since[run_id] >= self.patience_s:
                self._start(run_id)
        self._tell_changes()

    def _start(self, run_id: str) -> None:
        live = {run.id for run in self._book.runs.values() if run.state.is_live}
        if self._store.take_over(run_id, known_live=live):
            self._take_changes(run_id)
            self._launching.launch(run_id)

    def _take_changes(self, run_id: str) -> None:
        """Another app may have given a run that waits other cards: its folder has the last word."""
        run = self._book.runs[run_id]
        with suppress(OSError, AppError):  # what is wrong with it is said at the start
            facts = run.files.config.stat()
            state = (facts.st_ino, facts.st_mtime_ns)
            if self._configs.get(run_id) != state:
                self._book.change(run_id, config=read_values(read_config_file(run.files.config)))
                self._configs[run_id] = state

    def _around(self, *, starts_by_hand: bool = False) -> Around:
        now = time.monotonic()
        leaving = (id for id, since in self._following.leftovers.items() if now - since < FREE_AFTER_S)
        return Around(
            cards=self.cards,
            now=datetime.now(UTC),
            leaving=frozenset() if starts_by_hand else frozenset(leaving),
            silent=frozenset() if starts_by_hand else frozenset(self._following.silent),
            stopped_because=None if starts_by_hand else self.stopped_because,
        )

    def _show_reasons(self, found: Mapping[str, str]) -> None:
        for run_id, why in found.items():
            self._book.change(run_id, waiting_for=why)

    def _stop(self, why: str) -> None:
        self._settings.write(STOPPED, why)
        self.step()

    def _stop_after_failure(self, run_id: str) -> None:
        run = self._book.runs.get(run_id)
        if run is None or run.failure is None or run.failure.code == "gpu_lost":
            return
        if self.after_failure == "stop" and self.order() and self.stopped_because is None:
            self._stop(f"because {run.name} did not finish")
            sentence = f"The queue is stopped, because {run.name} did not finish."
            self._notices.post("warning", sentence, "Look at that run, then let the queue go on.", run_id)

    def _tell_changes(self) -> None:
        order = [(run.id, run.waiting_for, run.name, run.config.gpus) for run in self.order()]
        shown = (order, self.stopped_because)
        if shown != self._shown:
            self._shown = shown
            self.changed.emit()
