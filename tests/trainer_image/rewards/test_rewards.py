"""Outcome rewards: each says 1 where a person would, and what rows lack for it is told beforehand."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from trainer_image.contract import REWARD_NAMES
from trainer_image.rewards.kinds import RewardPlan
from trainer_image.rewards.registry import NEEDS_A_MODEL, REWARDS, build, missing_of

GSM8K = "Weng earns 12/60 = $<<12/60=0.2>>0.2 per minute.\nWorking 50 minutes, she earned 0.2 x 50 = $10.\n#### 10"


@dataclass(frozen=True)
class Asked:
    answer: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    line: int = 1


def _score(name: str, completion: str, task: Asked | None = None, **knobs: Any) -> float | None:
    (reward,) = build(RewardPlan((name,), **knobs))
    (score,) = reward([completion], ["Question"], [task or Asked()])
    return score


# The right answer


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        ("She earned 0.2 * 50 = 10.\n#### 10", GSM8K),
        ("#### $10.00", GSM8K),
        ("<think>Is it 9?\n#### 9</think>The answer is 10.", GSM8K),
        ("So the final answer is: **10 dollars**.", GSM8K),
        ("Answer: \\$10", GSM8K),
        ("We get $\\boxed{10}$.", GSM8K),
        ("0.2 times 50 is this:\n0.2 x 50 = 10", GSM8K),
        ("Working 50 minutes, she earned 0.2 x 50 = $<<0.2*50=10>>10.", GSM8K),
        ("<answer>10</answer>", GSM8K),
        ("<answer>The answer is 10</answer>", GSM8K),
        ("#### Step 1\n0.2 x 50\n#### Result\nThe answer is 10", GSM8K),
        ("The answer is 1,234,567", "1234567"),
        ("\\boxed{\\dfrac{3}{4}}", "3/4"),
        ("\\boxed{\\frac{3}{4}}", "0.75"),
        ("\\boxed{\\text{Paris}}", "paris"),
        ("The capital is easy.\nParis.", "Paris"),
        ("The answer is (B)", "#### (b)"),
        ("x = \u22127", "-7"),
        ("The answer is 50%", "50"),
        ("\\boxed{\\left( 1, 2 \\right)}", "(1,2)"),
    ],
)
def test_the_right_answer_is_found(completion: str, answer: str) -> None:
    assert _score("exact_answer", completion, Asked(answer)) == 1.0


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        ("#### 11", GSM8K),
        ("She works 10 minutes.\n#### 50", GSM8K),
        ("The answer is 10 or 11", GSM8K),
        ("<think>The answer is 10", GSM8K),
        ("", GSM8K),
        ("10 is wrong.\nNo idea", GSM8K),
        ("The answer is 100", GSM8K),
        ("The answer is -10", GSM8K),
        ("London", "Paris"),
        ("The answer is not Paris", "Paris"),
        ("10 5", "105"),
        ("The answer is (A)", "(B)"),
    ],
)
def test_another_answer_is_not(completion: str, answer: str) -> None:
    assert _score("exact_answer", completion, Asked(answer)) == 0.0


@pytest.mark.parametrize(
    ("completion", "answer", "score"),
    [
        ("First 12, then 3, so 10 in all.", GSM8K, 1.0),
        ("It is 10, and not 11.", GSM8K, 0.0),
        ("#### 10\n\nChecked in 2 ways.", GSM8K, 1.0),
        ("about 1,234.5 km", "1234.5", 1.0),
        ("It is 0.33333", "1/3", 1.0),
        ("It is \\frac{1}{3}", "0.3333333", 1.0),
        ("It is 0.3", "1/3", 0.0),
        ("-5", "5", 0.0),
        ("3 - 8 = -5", "-5", 1.0),
        ("6.02e23", "602000000000000000000000", 1.0),
        ("25%", "0.25", 1.0),
        ("25 \\%", "25", 1.0),
        ("10001", "10000", 0.0),
        ("no number", "5", 0.0),
        ("\u7b54\u6848\u662f18\u3002", "18", 1.0),
    ],
)
def test_the_last_number_counts(completion: str, answer: str, score: float) -> None:
    assert _score("number", completion, Asked(answer)) == score


# Form


@pytest.mark.parametrize(
    ("completion", "score"),
    [
        ("<think>hm</think><answer>5</answer>", 1.0),
        ("\n<think>\nhm\n</think>\n\n<answer>5</answer>\n", 1.0),
        ("<think>hm</think><answer></answer>", 0.0),
        ("<answer>5</answer><think>hm</think>", 0.0),
        ("<think>hm</think><think>hm</think><answer>5</answer>", 0.0),
        ("<think>hm</think> so <answer>5</answer>", 0.0),
        ("Well: <think>hm</think><answer>5</answer>", 0.0),
        ("<think>hm</think><answer>5", 0.0),
        ("5", 0.0),
    ],
)
def test_the_format_is_kept(completion: str, score: float) -> None:
    assert _score("format", completion) == score


def test_a_format_may_be_of_words() -> None:
    template = "Reasoning: ... Final answer: ..."
    assert _score("format", "Reasoning: because.\nFinal answer: 5", template=template) == 1.0
    assert _score("format", "Final answer: 5", template=template) == 0.0


def test_length_falls_smoothly() -> None:
    scores = [_score("length", "x" * count, length=100) for count in (0, 1, 100, 125, 150, 175, 200, 999)]
    assert scores[:3] == [0.0, 1.0, 1.0]
    assert scores[3:6] == sorted((s for s in scores[3:6] if s), reverse=True)
    assert scores[4] == pytest.approx(0.5)
    assert scores[6:] == [0.0, 0.0]


def test_a_pattern_is_searched() -> None:
    assert _score("regex", "It is 42.", regex=r"\d+") == 1.0
    assert _score("regex", "It is 42.", regex=r"^\d+$") == 0.0
    assert _score("regex", " 42\n", regex=r"^\d+$") == 1.0


def test_a_pattern_that_runs_away_costs_its_completion_only() -> None:
    (reward,) = build(RewardPlan(("regex",), regex=r"^(a+)+$"))
    assert reward(["aaa", "a" * 40 + "b", "aa"], ["?"] * 3, [Asked()] * 3) == [1.0, 0.0, 1.0]


# Code

DOUBLE = "Sure:\n```python\ndef double(x):\n    return 2 * x\n```\nIt doubles."

HUMAN_EVAL = """
METADATA = {}

def check(candidate):
    assert candidate(2) == 4
    assert candidate(3) == 6
    for n in range(3):
        assert candidate(n) == n
"""

TEST_FUNCTIONS = """
def test_it():
    assert double(2) == 4

def test_other():
    assert double(2) == 5
"""


@pytest.mark.skipif(sys.platform != "linux", reason="code is shut in by seccomp, which is of Linux")
@pytest.mark.parametrize(
    ("completion", "fields", "score"),
    [
        (DOUBLE, {"test_list": ["assert double(2) == 4", "assert double(2) == 5"]}, 0.5),
        (DOUBLE, {"tests": "import math\nX = 2\nassert double(X) == 4\nassert double(math.pi) > 6"}, 1.0),
        (DOUBLE, {"tests": TEST_FUNCTIONS}, 0.5),
        (DOUBLE, {"test": HUMAN_EVAL, "entry_point": "double"}, pytest.approx(2 / 3)),
        (DOUBLE, {"test": "def check(f):\n    assert f(2) == 4\n\ncheck(double)"}, 1.0),
        ("print(2 * int(input()))", {"tests": [{"input": "2\n", "output": "4\n"}, {"input": "3", "output": "5"}]}, 0.5),
        ("print(input())", {"input_output": '{"inputs": ["a\\n", "b\\n"], "outputs": ["a\\n", "b\\n"]}'}, 1.0),
        (DOUBLE, {"input_output": {"fn_name": "double", "inputs": [[2], [3]], "outputs": [4, 5]}}, 0.5),
        ("I cannot.", {"tests": ["assert double(2) == 4"]}, 0.0),
        (DOUBLE, {}, None),
    ],
)
def test_code_earns_the_share_of_its_tests(completion: str, fields: dict[str, Any], score: float | None) -> None:
    assert _score("code", completion, Asked(fields=fields)) == score


# The plan


def test_rewards_come_in_order_with_their_weights() -> None:
    built = build(RewardPlan(("length", "model", "number"), (0.5, 2.0, 1.0)))
    assert [(reward.name, reward.weight) for reward in built] == [("length", 0.5), ("number", 1.0)]


def test_every_reward_is_described_and_can_be_named() -> None:
    fields = RewardPlan.__dataclass_fields__
    assert all(kind.label and kind.help and (not kind.knob or kind.knob in fields) for kind in REWARDS.values())
    assert set(NEEDS_A_MODEL) < set(REWARDS) == set(REWARD_NAMES)


def test_what_rows_lack_is_told_with_their_lines() -> None:
    plan = RewardPlan(("exact_answer", "number", "code", "json_schema", "length"))
    tasks = [
        Asked("five", {"tests": ["assert True"]}, line=3),
        Asked("#### 5", {"tests": "assert ("}, line=4),
        Asked("", {}, line=5),
    ]
    assert missing_of(plan, tasks) == [
        "Line 3: the reward number needs a number in the answer, and this row has none.",
        "Line 3: the reward json_schema needs a schema, and this row has none.",
        "Line 4: the reward code needs tests, and those of this row cannot be read.",
        "Line 4: the reward json_schema needs a schema, and this row has none.",
        "Line 5: the reward exact_answer needs an answer, and this row has none.",
        "Line 5: the reward number needs a number in the answer, and this row has none.",
        "Line 5: the reward code needs tests, and this row has none.",
        "Line 5: the reward json_schema needs a schema, and this row has none.",
    ]
    assert missing_of(RewardPlan(("json_schema",), json_schema="{}"), tasks) == []
