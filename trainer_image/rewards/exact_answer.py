"""The reward exact_answer: the completion's final answer is the row's, whatever it is dressed in."""

from __future__ import annotations

import re
import unicodedata

from trainer_image.rewards.answers import final_answer, marked_answer, numbers_in
from trainer_image.rewards.kinds import Score, TaskLike, each

_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}")
_WORDS = re.compile(r"\\(?:text|mathrm|textbf|mathbf|mbox)\{([^{}]*)\}")
_DRESS = re.compile(r"\\(?:left|right|!|,|;|:|\(|\)|\[|\])|[$€£¥₹*`%]|\\(?=[%$ ])")
# GSM8K's own notes of a calculation: 48/2 = <<48/2=24>>24.
_NOTES = re.compile(r"<<[^<>]*>>")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_LOOSE_BLANKS = re.compile(r"\s+(?=\W)|(?<=\W)\s+")


def build() -> Score:
    """Return the reward: 1 for the row's answer, 0 for another."""
    return each(_score)


def reference_of(answer: str) -> str:
    """Return the answer of a row: what is marked as such in its text (GSM8K's ####), or the whole text."""
    marked = marked_answer(answer)
    return answer.strip() if marked is None else marked


def _score(completion: str, task: TaskLike) -> float | None:
    reference = reference_of(task.answer)
    return float(is_same(final_answer(completion), reference)) if reference else None


def is_same(found: str, reference: str) -> bool:
    """Say whether two answers mean the same: as text, or as the only number of what was said."""
    one, two = normalise(found), normalise(reference)
    if one == two:
        return bool(two)
    right = numbers_in(two)
    if len(right) != 1 or re.sub(r"[-+\d.,/eE ]", "", two):
        return False
    # "x = 5" and "2 + 3 = 5" say what comes last.
    said = numbers_in(one.rpartition("=")[2])
    return len(said) == 1 and said[0].equals(right[0])


def normalise(answer: str) -> str:
    """Return an answer without what makes no difference: case, blanks, currency, commas, LaTeX, a dot at the end."""
    text = unicodedata.normalize("NFC", answer).replace("\u2212", "-").replace("\u2044", "/")
    text = _NOTES.sub("", text)
    text = _WORDS.sub(r"\1", _FRACTION.sub(r"\1/\2", text))
    text = _THOUSANDS.sub("", _DRESS.sub("", text))
    return _LOOSE_BLANKS.sub("", text.strip().rstrip(".")).strip().casefold()
