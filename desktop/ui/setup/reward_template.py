"""What a reward file of one's own begins with."""

from __future__ import annotations

TEMPLATE = '''"""A reward of your own: the trainer asks it what each answer is worth. It runs in the trainer only."""


def reward(completion: str, prompt: str, answer: str, row: dict) -> float | None:
    """Return what an answer is worth: more is better, and None has no say.

    completion  what the model answered
    prompt      what it was asked
    answer      the row's right answer, empty where the row has none
    row         every column of the row
    """
    if not completion.strip():
        return 0.0
    return 1.0 if answer and answer in completion else 0.0
'''
