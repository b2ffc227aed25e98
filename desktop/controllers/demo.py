"""The built-in example: a small real model, two hundred answers of a sea captain, and a question to ask afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, Signal

from desktop.body import EngineName
from desktop.controllers.jobs import Jobs
from desktop.controllers.setup import Setup
from desktop.engine.example_model import CONVERTING, ExampleModel
from desktop.engine.steps import BuildStep, Fetched
from desktop.errors import AppError, ConfigError
from desktop.paths import EXAMPLE_DATASET
from trainer_image.contract import RunConfig

NAME = "Sea captain (example)"
QUESTION = "How do I keep bread fresh?"


@dataclass(frozen=True)
class Doing:
    """What is done for the example at this moment."""

    words: str
    share: float | None = None
    """How much of it is done; None where nobody can say."""


@dataclass
class _Attempt:
    """One wish to have the example; ``given_up`` is heard on the lane of the builds."""

    engine: EngineName
    failed: Callable[[AppError], None]
    given_up: threading.Event = field(default_factory=threading.Event)
    leave: Callable[[], None] = lambda: None
    is_fetching: bool = False
    """Whether what is done at this moment needs the network."""


class Demo(QObject):
    """Prepares the example's model, and says what to run."""

    changed = Signal()
    """Look at ``doing``: the preparing has begun, has come further, or has ended."""

    def __init__(self, model: ExampleModel, setup: Setup, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._setup = setup
        self._jobs = jobs
        self._attempt: _Attempt | None = None
        self._began = 0.0
        self.doing: Doing | None = None
        """None while nothing is prepared."""
        setup.progressed.connect(self._take_build)

    @property
    def seconds(self) -> float:
        """Return for how long it has been prepared."""
        return time.monotonic() - self._began

    def prepare(
        self, engine: EngineName, done: Callable[[RunConfig], None], failed: Callable[[AppError], None]
    ) -> None:
        """Make engine and model ready, then call ``done`` with the example's config; one wish at a time."""
        attempt = self._attempt = _Attempt(engine, failed)
        self._began = time.monotonic()

        def fail(error: AppError) -> None:
            self._end(attempt, lambda: failed(error))

        def make_model() -> None:
            if self._setup.is_offline() and not self._model.is_there():
                sentence = "The example's model has to be downloaded once, and Tunedeck is offline."
                fail(ConfigError(sentence, "Switch Offline off for the first time.", "offline"))
                return
            self._take(attempt, Doing("its model is made ready"), is_fetching=False)
            self._jobs.run(
                "build",
                lambda: self._model.ensure(engine, tell, attempt.given_up),
                lambda _: self._end(attempt, lambda: done(self.config())),
                fail,
            )

        def tell(text: str, fetched: Fetched | None) -> None:
            words = f"{text} · {fetched.sentence}" if fetched is not None else text
            doing = Doing(words, _share(fetched))
            self._jobs.call_soon(lambda: self._take(attempt, doing, is_fetching=text != CONVERTING))

        attempt.leave = lambda: self._setup.leave(engine, make_model)
        self._show(attempt, Doing("looking whether the trainer is ready"))
        self._setup.ensure(engine, make_model, fail)

    def cancel(self) -> None:
        """Give the preparing up; who waits for it is told at once, and nothing half made stays."""
        self._give_up(AppError("The example was stopped before its start.", "Try it whenever you like.", "cancelled"))

    def follow_offline(self, is_offline: bool) -> None:
        """Stop when Tunedeck goes offline while the trainer is built or the model is fetched."""
        if is_offline and self._attempt is not None and self._attempt.is_fetching:
            what = "what it needs has to be fetched, and Tunedeck is offline"
            sentence = f"The example was stopped before its start: {what}."
            self._give_up(ConfigError(sentence, "Try it once Tunedeck is online again.", "offline"))

    def _give_up(self, why: AppError) -> None:
        attempt = self._attempt
        if attempt is not None:
            attempt.given_up.set()
            self._end(attempt, lambda: attempt.failed(why))
            attempt.leave()

    def close(self) -> None:
        """End what is prepared, as the app ends."""
        if self._attempt is not None:
            self._attempt.given_up.set()

    def _take_build(self, engine: EngineName, step: BuildStep) -> None:
        if self._attempt is not None and self._attempt.engine == engine:
            self._take(self._attempt, Doing(step.sentence, _share(step.fetched)), is_fetching=True)

    def _take(self, attempt: _Attempt, doing: Doing, *, is_fetching: bool) -> None:
        begins = is_fetching and not attempt.is_fetching
        attempt.is_fetching = is_fetching
        self._show(attempt, doing)
        if begins and attempt is self._attempt:  # it may have gone offline just before
            self.follow_offline(self._setup.is_offline())

    def _show(self, attempt: _Attempt, doing: Doing) -> None:
        if attempt is self._attempt:
            self.doing = doing
            self.changed.emit()

    def _end(self, attempt: _Attempt, settle: Callable[[], None]) -> None:
        if attempt is self._attempt:
            self._attempt = self.doing = None
            self.changed.emit()
            settle()

    def config(self) -> RunConfig:
        """Return the example's config."""
        return RunConfig(
            model=str(self._model.folder),
            dataset=str(EXAMPLE_DATASET),
            num_train_epochs=2.0,
            per_device_train_batch_size=4,
            gradient_accumulation_steps=1,
            learning_rate=5e-4,
            max_length=256,
            lora_r=16,
            lora_alpha=32,
            gradient_checkpointing=False,
            eval_split_size=0.05,
            sample_prompts=(QUESTION,),
            save_steps=25,
            offline=True,
        )


def _share(fetched: Fetched | None) -> float | None:
    return fetched.done / fetched.total if fetched is not None and fetched.total else None
