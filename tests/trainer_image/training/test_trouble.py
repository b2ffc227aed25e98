"""Losses that go wrong, and those that only look so."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

import pytest

from trainer_image.training.trouble import Divergence


def said(losses: Iterable[float]) -> list[tuple[int, str]]:
    watched = Divergence()
    told = [(step, watched.take(step, loss)) for step, loss in enumerate(losses, 1)]
    return [(step, sentence) for step, sentence in told if sentence]


def noisy(level: float, spread: float, count: int) -> list[float]:
    dice = random.Random(1)
    return [level + dice.uniform(-spread, spread) for _ in range(count)]


def test_a_loss_that_explodes_is_told_once_it_lasts() -> None:
    ((step, sentence),) = said([*noisy(1.2, 0.2, 40), *noisy(9.0, 0.5, 20)])
    assert step == 45
    assert sentence.startswith("The loss explodes: it is")
    assert "was 1.2" in sentence or "was 1.1" in sentence


def test_a_loss_that_explodes_in_the_first_steps_is_told() -> None:
    """The losses of a real run with a learning rate of 1."""
    real = [4.28, 26.0, 19.0, 28.3, 29.8, 17.9, 16.2, 15.7, 21.0, 18.5, 15.4, 26.8, 22.6, 26.1, 17.8, 17.6]
    assert said([*real, *noisy(18.0, 3.0, 60)]) == [(6, "The loss explodes: it is 17.9 at step 6 and was 4.28.")]


def test_a_loss_that_is_no_number_is_told_once() -> None:
    ((step, sentence),) = said([*noisy(1.2, 0.2, 20), *[math.nan] * 30])
    assert (step, sentence) == (23, "The loss is no number any more since step 21.")


@pytest.mark.parametrize(
    "losses",
    [
        noisy(1.0, 0.5, 300),
        [3.0 / (1 + step / 20) + 0.3 for step in range(300)],
        [*noisy(1.0, 0.2, 50), 9.0, 8.0, *noisy(1.0, 0.2, 50), 30.0, *noisy(1.0, 0.2, 50)],
        [*noisy(1.0, 0.1, 30), math.nan, *noisy(1.0, 0.1, 5), math.inf, *noisy(1.0, 0.1, 30)],
        noisy(0.0, 0.4, 300),  # what a method that rewards tries calls its loss
        [0.001 * step for step in range(500)],
        [math.nan, 2.0, 2.0],
        [9.0] * 8,
        [0.05, *noisy(6.0, 3.0, 60)],  # a first row with nothing in it
        noisy(30.0, 12.0, 60),  # a method whose loss begins high
        [*[90.0, 14.0, 210.0, 60.0, 340.0, 120.0, 95.0, 180.0, 70.0, 260.0], *noisy(150.0, 140.0, 60)],
    ],
    ids=[
        "noise",
        "learning",
        "spikes",
        "a step left out",
        "around zero",
        "a slow rise",
        "short",
        "shorter",
        "an easy row",
        "high",
        "wide",
    ],
)
def test_what_is_no_divergence(losses: list[float]) -> None:
    assert said(losses) == []
