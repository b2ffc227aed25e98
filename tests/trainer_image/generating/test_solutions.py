"""What STaR learns from: which solutions count as right, which are kept, and what a kill leaves of the notebook."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer_image.formats import Message, Task
from trainer_image.generating.prompts import Prompt
from trainer_image.generating.solutions import KEPT_FOR_EACH, Notebook, Try, as_row, right_ones, share_of, with_hint
from trainer_image.rewards.kinds import Reward

REWARDS = [Reward("number", 1.0, lambda *_: []), Reward("format", 0.5, lambda *_: [])]


def _prompt(answer: str = "#### 7", last: str = "user") -> Prompt:
    turns = (Message("system", "Be brief."), Message(last, "How many?"))  # type: ignore[arg-type]
    return Prompt(Task(line=3, row=2, prompt=turns, answer=answer), [1, 2, 3], fits=True)


@pytest.mark.parametrize(
    ("scores", "share"),
    [
        ({"number": 1.0, "format": 1.0}, 1.0),
        ({"number": 1.0, "format": 0.0}, 1 / 1.5),
        ({"number": 1.0, "format": None}, 1.0),
        ({"number": None, "format": None}, None),
    ],
)
def test_the_share_is_of_what_the_rewards_can_give(scores: dict[str, float | None], share: float | None) -> None:
    assert share_of(REWARDS, scores) == (pytest.approx(share) if share is not None else None)


def test_right_means_whole_not_blank_and_rewarded() -> None:
    tries = [
        Try(0, 0, "cut 7", 1.0, is_whole=False),
        Try(0, 1, "half of it", 0.66, is_whole=True),
        Try(0, 2, "  \n", 1.0, is_whole=True),
        Try(0, 3, "nobody says", None, is_whole=True),
        Try(1, 0, "7", 0.995, is_whole=True),
    ]
    assert right_ones(tries) == {1: [tries[4]]}


def test_a_few_different_solutions_of_a_problem_are_kept_whatever_their_order() -> None:
    tries = [Try(4, attempt, f"way {attempt // 2} ", 1.0, is_whole=True) for attempt in range(20)]
    kept = right_ones(reversed(tries))[4]
    assert [one.text for one in kept] == [f"way {number} " for number in range(KEPT_FOR_EACH)]
    assert [one.attempt for one in kept] == [0, 2, 4, 6]


def test_a_hint_tells_the_final_answer_and_is_not_learned() -> None:
    told = with_hint(_prompt("3 + 4 = 7\n#### 7"))
    assert told is not None
    assert told[0] == Message("system", "Be brief.")
    assert told[1].content.startswith("How many?\n\nThe right answer is 7. ")
    row = as_row(_prompt(), Try(0, 0, " It is 7.\n", 1.0, is_whole=True), is_hinted=True)
    assert [turn["content"] for turn in row["messages"]] == ["Be brief.", "How many?", "It is 7."]
    assert row["hinted"]


def test_without_an_answer_there_is_no_hint() -> None:
    assert with_hint(_prompt(answer="")) is None
    assert with_hint(_prompt(last="assistant")) is None


def test_a_notebook_outlives_a_kill(tmp_path: Path) -> None:
    one, two, three = (Try(number, 0, f"é{number}\u2028", 1.0, is_whole=True) for number in range(3))
    Notebook(tmp_path / "rounds", "round-1.tries", 0).add([one])
    Notebook(tmp_path / "rounds", "round-1.tries", 1).add([two])
    with (tmp_path / "rounds" / ".round-1.tries.0.jsonl").open("a") as file:
        file.write('{"problem": 9, "att')
    again = Notebook(tmp_path / "rounds", "round-1.tries", 0)
    again.add([three])
    assert again.read() == [one, three, two]
    assert Notebook(tmp_path / "rounds", "round-2.tries", 0).read() == []
