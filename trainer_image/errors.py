"""Failures that a person can act on: what happened in one sentence, and what to do about it."""

from __future__ import annotations

from trainer_image.contract import FailureCode


class TrainerError(Exception):
    """The run cannot go on, and ``hint`` says what the user can do."""

    def __init__(self, code: FailureCode, sentence: str, hint: str) -> None:
        super().__init__(sentence)
        self.code: FailureCode = code
        self.sentence = sentence
        self.hint = hint
