"""The answers that were tried: the latest at hand, the earlier ones read backwards, both undone by a resume."""

from __future__ import annotations

from pathlib import Path

import pytest

from desktop.core import completions
from desktop.core.completions import Completions, EarlierCompletions
from tests.fakes import FakeTrainer, events_of
from trainer_image.contract import Completion, RunFolder


@pytest.fixture
def trainer(tmp_path: Path) -> FakeTrainer:
    return FakeTrainer(RunFolder(tmp_path))


def tries(trainer: FakeTrainer, first: int, last: int) -> None:
    for step in range(first, last + 1):
        trainer.step(step).completion(step, text=f"first of {step}").completion(step, text=f"second of {step}")


def texts(found: list[Completion]) -> list[str]:
    return [one.text for one in found]


def test_the_latest_are_kept_and_all_are_counted(trainer: FakeTrainer) -> None:
    tries(trainer, 1, 5)
    kept = Completions(kept=3)
    assert kept.add(events_of(trainer))
    assert texts(kept.all()) == ["second of 4", "first of 5", "second of 5"]
    assert (len(kept), kept.total) == (3, 10)
    assert not kept.add(events_of(trainer.step(6))[-1:])


def test_a_resume_takes_back_what_came_after_it(trainer: FakeTrainer) -> None:
    tries(trainer.begin(), 1, 3)
    tries(trainer.begin(resumed_from=2), 3, 3)
    kept = Completions()
    kept.add(events_of(trainer))
    assert [one.step for one in kept.all()] == [1, 1, 2, 2, 3, 3]
    kept.add(events_of(trainer.hello())[-1:])
    assert kept.all() == []


def test_rewards_are_named_in_the_order_of_their_first_word(trainer: FakeTrainer) -> None:
    trainer.completion(1, rewards={"format": 1.0}).completion(1, rewards={"exact_answer": None, "format": 0.0})
    kept = Completions()
    kept.add(events_of(trainer))
    assert kept.reward_names() == ("format", "exact_answer")


@pytest.mark.parametrize("chunk", [1, 7, 150, 1_000_000])
def test_earlier_ones_come_backwards_whatever_the_chunk(
    trainer: FakeTrainer, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(completions, "CHUNK", chunk)
    tries(trainer.begin(), 1, 3)
    with trainer.folder.events.open("ab") as file:
        file.write(b'{"kind": "completion", "step": 4')  # being written
    reader = EarlierCompletions(trainer.folder.events)
    assert texts(reader.read(3)) == ["second of 3", "first of 3", "second of 2"]
    assert texts(reader.read(10)) == ["first of 2", "second of 1", "first of 1"]
    assert reader.read(10) == []


def test_earlier_ones_leave_out_what_resumes_have_undone(trainer: FakeTrainer) -> None:
    tries(trainer.begin(), 1, 4)
    tries(trainer.begin(resumed_from=1), 2, 3)
    tries(trainer.begin(resumed_from=2), 3, 3)
    reader = EarlierCompletions(trainer.folder.events)
    everything = Completions()
    everything.add(events_of(trainer))
    assert list(reversed(reader.read(100))) == everything.all()


def test_no_log_is_no_completions(tmp_path: Path) -> None:
    assert EarlierCompletions(tmp_path / "events.jsonl").read(5) == []
