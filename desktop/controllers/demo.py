"""The built-in example: a small real model, two hundred answers of a sea captain, and a question to ask afterwards."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from desktop.body import EngineName
from desktop.controllers.jobs import Jobs
from desktop.controllers.setup import Setup
from desktop.engine.example_model import ExampleModel
from desktop.errors import AppError, ConfigError
from desktop.paths import EXAMPLE_DATASET
from trainer_image.contract import RunConfig

NAME = "Sea captain (example)"
QUESTION = "How do I keep bread fresh?"


class Demo(QObject):
    """Prepares the example's model, and says what to run."""

    def __init__(self, model: ExampleModel, setup: Setup, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._setup = setup
        self._jobs = jobs

    def prepare(
        self, engine: EngineName, done: Callable[[RunConfig], None], failed: Callable[[AppError], None]
    ) -> None:
        """Make engine and model ready, then call ``done`` with the example's config."""

        def convert() -> None:
            if self._setup.is_offline() and not self._model.is_there():
                sentence = "The example's model has to be downloaded once, and Tunedeck is offline."
                failed(ConfigError(sentence, "Switch Offline off for the first time.", "offline"))
                return
            self._jobs.run("build", lambda: self._model.ensure(engine), lambda _: done(self.config()), failed)

        self._setup.ensure(engine, convert, failed)

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
