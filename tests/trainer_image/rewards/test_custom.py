"""The user's own reward file: checked without running it, run with every mistake told by its line."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from trainer_image.rewards import custom
from trainer_image.rewards.kinds import RewardError, RewardPlan
from trainer_image.rewards.registry import build
from trainer_image.rewards.reward_file import check_reward_file


@dataclass(frozen=True)
class Asked:
    answer: str = "5"
    fields: Mapping[str, Any] = field(default_factory=lambda: {"level": 2})
    line: int = 7


def _file(folder: Path, text: str) -> Path:
    path = folder / "mine.py"
    path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
    return path


def _scores(path: Path, *completions: str) -> list[float | None]:
    (reward,) = build(RewardPlan(("custom",), file=str(path)))
    return reward(completions, ["Question"] * len(completions), [Asked()] * len(completions))


ONE = """
    def reward(completion: str, prompt: str, answer: str, row: dict) -> float:
        if not completion:
            return None
        return (answer in completion) * row["level"]
"""
MANY = """
    def rewards(completions, prompts, answers, rows):
        return [len(c) / 2 for c in completions]
"""


def test_one_by_one_or_all_at_once(tmp_path: Path) -> None:
    assert check_reward_file(_file(tmp_path, ONE)) == []
    assert _scores(_file(tmp_path, ONE), "5", "6", "") == [2.0, 0.0, None]
    assert check_reward_file(_file(tmp_path, MANY)) == []
    assert _scores(_file(tmp_path, MANY), "5", "abc") == [0.5, 1.5]


def test_nothing_is_left_beside_the_file(tmp_path: Path) -> None:
    _scores(_file(tmp_path, ONE), "5")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def reward(:\n", "Line 1: this is no Python (invalid syntax). Mend it."),
        ("x = 1\n", "mine.py has no function reward. Write def reward(completion, prompt, answer, row), at the left"),
        ("class A:\n    def reward(self): pass\n", "mine.py has no function reward."),
        ("\nasync def reward(completion, prompt, answer, row):\n    return 1\n", "Line 2: reward is async."),
        ("def reward(completion, prompt):\n    return 1\n", "Line 1: reward does not take answer and row."),
        ("def reward(completion, prompt, answer, row, more):\n    return 1\n", "Line 1: reward asks for more, which"),
        ("def reward(completion, prompt, /, answer, row):\n    return 1\n", "takes completion by position only"),
        ("def reward(completion, prompt, answer, row):\n    yield 1\n", "Line 1: reward yields."),
        ("def reward(completion, prompt, answer, row):\n    print(1)\n", "Line 1: reward returns nothing."),
        (
            "def reward(**all):\n    return 1\ndef rewards(**all):\n    return []\n",
            "Line 3: rewards stands beside reward",
        ),
        ("\0", "no Python"),
    ],
)
def test_a_file_is_refused_with_the_line(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    assert any(problem in said for said in check_reward_file(path)), check_reward_file(path)
    with pytest.raises(RewardError, match=r"mine\.py cannot be used"):
        build(RewardPlan(("custom",), file=str(path)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert check_reward_file(tmp_path / "none.py") == [
        "none.py cannot be read (No such file or directory). Choose a Python file."
    ]


def test_checking_runs_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path = _file(tmp_path, f"open({str(trace)!r}, 'w')\ndef reward(**all):\n    return 1")
    assert check_reward_file(path) == []
    assert not trace.exists()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("    return 1 / 0", "mine.py, line 2: ZeroDivisionError: division by zero (for a completion"),
        ("    return helper()\ndef helper():\n    raise KeyError('x')", "mine.py, line 4: KeyError: 'x' (for a"),
        ("    exit(3)\n    return 1", "mine.py, line 2: SystemExit: 3 (for a completion"),
        ("    raise KeyboardInterrupt\n    return 1", "mine.py, line 2: KeyboardInterrupt (for a completion"),
        (
            "    raise Odd\n    return 1\nclass Odd(Exception):\n    def __str__(self):\n        return 1 / 0",
            "mine.py, line 2: Odd (for a completion",
        ),
        ("    return 'good'", "mine.py returned a value of the type str (for a completion of the row in line 7)."),
        ("    return float('nan')", "mine.py returned nan (for a completion"),
        ("    return float('inf')", "mine.py returned inf (for a completion"),
        ("    return -1e39", "mine.py returned -1e+39, which is too large (for a completion"),
        ("    return [1]", "mine.py returned a value of the type list"),
        (
            "    return 1\nimport nowhere",
            "line 3: ModuleNotFoundError: No module named 'nowhere' (while it was loaded).",
        ),
        ("    return 1\ndel reward", "mine.py has no function reward any more"),
    ],
)
def test_what_goes_wrong_is_told_with_the_line(tmp_path: Path, body: str, sentence: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"def reward(completion, prompt, answer, row):\n{body}\n", encoding="utf-8")
    with pytest.raises(RewardError) as caught:
        _scores(path, "5")
    assert sentence in caught.value.sentence
    assert caught.value.hint


@pytest.mark.parametrize(
    "loop",
    [
        "while True:\n        pass",
        "while True:\n        try: len('')\n        except Exception: pass",
        "try:\n        while True: pass\n    except: pass\n    while True: pass",
    ],
)
def test_a_loop_without_an_end_is_told_with_its_line(
    loop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custom, "SECONDS_FOR_ONE", 0.2)
    path = _file(tmp_path, f"def reward(completion, prompt, answer, row):\n    {loop}\n    return 1")
    with pytest.raises(RewardError) as caught:
        _scores(path, "5")
    assert f"{path.name}, line " in caught.value.sentence
    assert "took longer than 0.2 s (for a completion" in caught.value.sentence


def test_many_slow_answers_are_told_before_the_run_counts_as_hung(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custom, "SECONDS_FOR_MANY", 0.2)
    slow = "import time\ndef reward(completion, prompt, answer, row):\n    time.sleep(0.15)\n    return 1"
    path = _file(tmp_path, slow)
    with pytest.raises(RewardError) as caught:
        _scores(path, "5", "6", "7")
    assert "took longer than 0.2 s (all answers of a step" in caught.value.sentence


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("return [1]", "mine.py: rewards returned 1 numbers for 2 completions."),
        ("return 3", "mine.py: rewards returned a value of the type int for 2 completions."),
        ("return [1, 'x']", "mine.py returned a value of the type str (for a completion of the row in line 7)."),
        ("return [1, completions[9]]", "mine.py, line 1: IndexError: list index out of range (in rewards)."),
    ],
)
def test_what_goes_wrong_with_many(tmp_path: Path, body: str, sentence: str) -> None:
    path = _file(tmp_path, f"def rewards(completions, prompts, answers, rows): {body}")
    with pytest.raises(RewardError) as caught:
        _scores(path, "5", "6")
    assert caught.value.sentence == sentence
