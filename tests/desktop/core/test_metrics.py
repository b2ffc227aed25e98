"""Metrics by their plain names."""

from __future__ import annotations

import pytest

from desktop.core.metrics import headline, label
from trainer_image.contract import METHODS


def test_every_method_has_metrics_that_matter_most() -> None:
    for method in METHODS:
        assert 1 <= len(headline(method)) <= 4


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rewards/margins", "margin"),
        ("rewards/exact_answer/mean", "reward exact_answer"),
        ("rewards/exact_answer/std", "reward exact_answer, spread"),
        ("clip_ratio/high_mean", "clip ratio high mean"),
    ],
)
def test_metrics_have_plain_names(name: str, words: str) -> None:
    assert label(name) == words
