"""Rows that hold several answers to one question, by rank or by score, as the pairs that can be made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal

from trainer_image.formats.conversations import read_answer, read_prompt
from trainer_image.formats.kinds import Message, Preference
from trainer_image.formats.preferences import PROMPT_COLUMNS, check_question
from trainer_image.formats.rows import BadRow, Row, kind_of
from trainer_image.formats.shapes import RANKS
from trainer_image.formats.turns import FILL_IN, check_turns

RankMeaning = Literal["ranks", "order_from_0", "order_from_1"]
"""Whether ``ranking`` holds the rank of each response (1 is best), or the responses' numbers with the best first."""

MEANING_WORDS: Mapping[RankMeaning, str] = {
    "ranks": "ranking is read as the rank of each response, where 1 is the best.",
    "order_from_0": "ranking is read as the numbers of the responses, best first, counted from 0.",
    "order_from_1": "ranking is read as the numbers of the responses, best first, counted from 1.",
}
_TEXTS = ("response", "text", "content", "completion", "answer", "output")
_SCORES = ("rank", "ranking", "score", "overall_score", "overall-score", "rating", "fine-grained_score")


class RankVotes:
    """What the rankings of a whole file say about how they are meant."""

    def __init__(self) -> None:
        self.votes: Counter[RankMeaning] = Counter()
        self.undecided = 0

    def add(self, value: Mapping[str, Any]) -> None:
        """Let one row vote; most cannot, as a permutation may be meant either way."""
        if not isinstance(value.get("responses"), list):
            return
        column = _rank_column(value)
        numbers = _numbers(value.get(column))
        if column == "scores" or not numbers:
            return
        meanings = _meanings(numbers)
        if column in ("ranks", "rank"):
            self.votes["ranks"] += 1
        elif column == "order":
            self.votes["order_from_0" if 0 in numbers else "order_from_1"] += 1
        elif len(meanings) == 1:
            self.votes[meanings[0]] += 1
        elif len(meanings) > 1 and _inverse(numbers) != numbers:
            self.undecided += 1

    @property
    def meaning(self) -> RankMeaning:
        """Return the meaning that most rows leave, and ranks where none decides."""
        return max(MEANING_WORDS, key=lambda meaning: self.votes[meaning])

    def notes(self) -> Iterator[str]:
        """Yield how the rankings are read, and how many rows would allow for another reading."""
        if not self.votes and not self.undecided:
            return
        yield _sentence(self.meaning)
        if self.undecided and not self.votes:
            rows = "1 row allows" if self.undecided == 1 else f"{self.undecided} rows allow"
            yield f"{rows} for either reading of ranking, and none decides it. Compare a row with its answers."


def _sentence(meaning: RankMeaning) -> str:
    words = MEANING_WORDS[meaning]
    return words[0].upper() + words[1:]


def _meanings(numbers: Sequence[float]) -> list[RankMeaning]:
    """Return what a ranking may mean by its numbers alone."""
    size, ordered = len(numbers), sorted(numbers)
    if ordered == list(range(size)):
        return ["order_from_0"]
    found: list[RankMeaning] = ["ranks"] if ordered[0] == 1 and ordered[-1] <= size else []
    return [*found, "order_from_1"] if ordered == list(range(1, size + 1)) else found


def _inverse(numbers: Sequence[float]) -> list[float]:
    return [numbers.index(place) + 1 for place in range(1, len(numbers) + 1)]


def _numbers(ranking: Any) -> list[float]:
    """Return a list of numbers, or nothing where it is none."""
    if not isinstance(ranking, list) or any(isinstance(one, bool) for one in ranking):
        return []
    return ranking if all(isinstance(one, (int, float)) for one in ranking) else []


def _rank_column(value: Mapping[str, Any]) -> str:
    return next((name for name in RANKS if name in value), "ranking")


def read_ranking(row: Row, meaning: RankMeaning) -> tuple[list[Message], list[tuple[Message, float]]]:
    """Return the question, and the answers with how good each is: higher is better, alike is a tie."""
    value = row.value
    prompt = read_prompt(value, PROMPT_COLUMNS)
    check_question(prompt)
    answers, worths = _annotated(value) if "responses" not in value else _beside(value, meaning)
    for answer in answers:
        check_turns([*prompt, answer])
    return prompt, list(zip(answers, worths, strict=True))


def _beside(value: Mapping[str, Any], meaning: RankMeaning) -> tuple[list[Message], list[float]]:
    answers = _answers(value.get("responses"), "responses")
    column = _rank_column(value)
    ranking = value.get(column)
    numbers = _numbers(ranking)
    if not isinstance(ranking, list) or len(numbers) != len(ranking):
        held = "holds something else" if isinstance(ranking, list) else f"is {kind_of(ranking)}"
        what = "is missing" if ranking is None else f"has to be a list of numbers, and {held}"
        raise BadRow(column, "bad_ranking", f"{column} {what}.", "Write one number for each response.")
    if len(numbers) != len(answers):
        fault = f"{column} has {len(numbers)} numbers for {len(answers)} responses."
        raise BadRow(column, "bad_ranking", fault, "Write one number for each response.")
    if column == "scores":
        return answers, numbers
    fix = f"Write it as the others: {MEANING_WORDS[meaning].removeprefix('ranking is read as ')}"
    if meaning not in _meanings(numbers):
        raise BadRow(column, "bad_ranking", f"{column} {_written(numbers)} does not fit its responses.", fix)
    if meaning == "ranks":
        return answers, [-rank for rank in numbers]
    first = 0 if meaning == "order_from_0" else 1
    return answers, [-float(numbers.index(place + first)) for place in range(len(numbers))]


def _written(numbers: Sequence[float]) -> str:
    return f"[{', '.join(str(number) for number in numbers[:8])}{', …' if len(numbers) > 8 else ''}]"


def _annotated(value: Mapping[str, Any]) -> tuple[list[Message], list[float]]:
    """Read completions that are objects with their own rank or score (UltraFeedback)."""
    completions = value.get("completions")
    answers = _answers(completions, "completions")
    key = next((key for key in _SCORES if all(isinstance(one, dict) and key in one for one in completions or [])), None)
    numbers = _numbers([one[key] for one in completions or []]) if key else []
    if key is None or len(numbers) != len(answers):
        fault = "The completions have neither a rank nor a score that is a number."
        raise BadRow("completions", "bad_ranking", fault, "Give each a rank (1 is best) or a score.")
    return answers, [-number for number in numbers] if key in ("rank", "ranking") else numbers


def _answers(responses: Any, column: str) -> list[Message]:
    if not isinstance(responses, list) or len(responses) < 2:
        what = f"{len(responses)} in it" if isinstance(responses, list) else kind_of(responses)
        raise BadRow(column, "too_few_answers", f"{column} has to be a list of two answers or more, and is {what}.")
    return [_answer(one, f"{column}[{number}]") for number, one in enumerate(responses, 1)]


def _answer(response: Any, place: str) -> Message:
    if isinstance(response, Mapping) and "role" not in response:
        response = next((response[key] for key in _TEXTS if key in response), None)
    turns = read_answer({place: response}, place)
    if len(turns) != 1 or turns[0].role != "assistant":
        raise BadRow(place, "wrong_type", f"{place} has to be one answer.", FILL_IN)
    return turns[0]


def pairs_of(row: Row, meaning: RankMeaning) -> Iterator[Preference]:
    """Yield every pair of a better and a worse answer; those that are as good make none."""
    prompt, answers = read_ranking(row, meaning)
    made = 0
    for (one, worth), (other, other_worth) in combinations(answers, 2):
        if worth == other_worth or one.content.strip() == other.content.strip():
            continue
        better, worse = (one, other) if worth > other_worth else (other, one)
        made += 1
        yield Preference(row.line, row.number, tuple(prompt), (better,), (worse,))
    if not made:
        raise BadRow(_rank_column(row.value), "all_tied", "No answer is better than another.", "Take the row out.")


def best_of(row: Row, meaning: RankMeaning) -> list[Message]:
    """Return the conversation with the best answer."""
    prompt, answers = read_ranking(row, meaning)
    return [*prompt, max(answers, key=lambda answer: answer[1])[0]]
