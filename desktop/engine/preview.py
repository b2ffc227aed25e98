"""Shows what a model sees of a row: its tokenizer and its chat template live in a process of their own.

A chat template is a program that came with the model. It runs in a sandbox, and a row that it takes too long for is
given up together with its process.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from desktop.engine.model_folder import find_model_folder
from desktop.engine.seen_rows import Asked, Measured, Preview
from desktop.errors import AppError
from desktop.workers import Worker, WorkerLost
from trainer_image.formats import Row, RowProblem

SECONDS = 30.0
_SEEING = "desktop.engine.seeing"


class Previewer:
    """The eyes of one model; close it when nobody looks through them any more."""

    def __init__(self, model: str, caches: Sequence[Path] = ()) -> None:
        """Load the tokenizer; AppError says in a sentence why there is none."""
        self._folder = find_model_folder(model, caches)
        self._worker = Worker()
        self.has_chat_template: bool = self._do("load")

    def show(self, row: Row | RowProblem, asked: Asked) -> Preview:
        """Return what the model sees of a row."""
        preview: Preview = self._do("see", row, asked)
        return preview

    def measure(self, rows: Sequence[Row | RowProblem], asked: Asked) -> Measured:
        """Return how long rows are in tokens, and how much of them is learned."""
        measured: Measured = self._do("measure", list(rows), asked)
        return measured

    def close(self) -> None:
        self._worker.close()

    def _do(self, task: str, *arguments: object) -> Any:
        try:
            return self._worker.do(f"{_SEEING}:{task}", self._folder, *arguments, seconds=SECONDS)
        except WorkerLost as error:
            self.close()
            sentence = "The chat template of this model takes too long or too much memory."
            raise AppError(sentence, "Take another model.", "template") from error
        except AppError:
            if task == "load":
                self.close()
            raise
