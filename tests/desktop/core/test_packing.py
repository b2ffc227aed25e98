"""Which configs are told before a start that their rows cannot be packed, and how many sequences rows make."""

from __future__ import annotations

import pytest

from desktop.core.packing import packing_problem, sequences
from trainer_image.contract import Problem


@pytest.mark.parametrize(
    ("method", "packing", "kind", "knob"),
    [
        ("sft", True, "gemma4_text", "packing"),
        ("pretrain", False, "gpt_oss", "model"),
        ("sft", False, "gemma4_text", None),
        ("sft", True, "llama", None),
        ("pretrain", False, "qwen3", None),
        ("sft", True, "", None),
        ("dpo", True, "gemma4_text", None),
    ],
)
def test_what_the_trainer_would_refuse_is_said_at_the_knob_that_mends_it(
    method: str, packing: bool, kind: str, knob: str | None
) -> None:
    problem = packing_problem({"method": method, "packing": packing}, kind)
    assert (problem.knob if problem else None) == knob
    if isinstance(problem, Problem):
        assert kind in problem.sentence


def test_sequences_are_counted_from_a_sample_of_the_lengths() -> None:
    assert sequences(200, [80] * 50, 2048, is_cut=True) == 8
    assert sequences(10, [5000] * 10, 2048, is_cut=True) == 10
    assert sequences(10, [5000] * 10, 2048, is_cut=False) == 25
    assert sequences(1, [5], 2048, is_cut=True) == 1
