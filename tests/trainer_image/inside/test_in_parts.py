"""Answers that the memory does not hold all at once are made in parts, which is remembered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from trainer_image.contract import RunFolder, read_event
from trainer_image.reporter import Reporter
from trainer_image.trainers.in_parts import in_parts

PROMPTS = [[number] for number in range(11)]


class Card:
    """A way to generate that holds so many answers at once."""

    def __init__(self, holds: int, *, with_chances: bool) -> None:
        self.holds = holds
        self.asked: list[int] = []
        self._with_chances = with_chances

    def generate(self, prompt_ids: list[list[int]], images: None, fields: dict[str, Any]) -> Any:
        self.asked.append(len(prompt_ids))
        if len(prompt_ids) > self.holds:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        answers = [[*ids, 7] for ids in prompt_ids]
        return (answers, None) if self._with_chances else answers


@pytest.mark.parametrize("with_chances", [True, False])
def test_every_prompt_gets_its_answer_in_order(tmp_path: Path, with_chances: bool) -> None:
    card, reporter = Card(3, with_chances=with_chances), Reporter(RunFolder(tmp_path))
    generate = in_parts(card.generate, reporter)
    answers = [[number, 7] for number in range(11)]
    for _ in range(2):
        assert generate(PROMPTS, None, {}) == ((answers, None) if with_chances else answers)
    assert card.asked == [11, 5, 2, 2, 2, 2, 2, 1] + [2] * 5 + [1]
    reporter.close()
    (warned,) = [read_event(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    assert warned.kind == "warning"
    assert warned.code == "generating_in_parts"


def test_one_answer_that_does_not_fit_ends_the_run(tmp_path: Path) -> None:
    reporter = Reporter(RunFolder(tmp_path))
    with pytest.raises(torch.OutOfMemoryError):
        in_parts(Card(0, with_chances=True).generate, reporter)(PROMPTS, None, {})
    reporter.close()
