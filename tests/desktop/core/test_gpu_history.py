"""The history of the cards: written by the trainer, read by the app while it grows."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from desktop.core.gpu_history import GpuHistory
from tests.fakes import GIB, FakeCard, FakeNvml
from trainer_image.cards import sampler as sampler_module
from trainer_image.cards.readings import MIB
from trainer_image.cards.sampler import Sampler
from trainer_image.cards.visible import Card
from trainer_image.contract import Clock, RunFolder

CARDS = (Card(0, 2, "RTX 3060", "GPU-a", 12 * GIB, 12 * GIB), Card(1, 3, "RTX 3060", "GPU-b", 12 * GIB, 12 * GIB))


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    made = FakeNvml([FakeCard(), FakeCard(fan=None, throttle=0x20, load=99)])
    monkeypatch.setitem(sys.modules, "pynvml", made)  # type: ignore[arg-type]
    return made


def wait_for(history: GpuHistory, lines: int) -> None:
    until = time.monotonic() + 60
    while len(history) < lines and time.monotonic() < until:
        history.poll()
        time.sleep(0.005)
    assert len(history) >= lines


@pytest.fixture
def stranger() -> Iterator[int]:
    """The number of a process that leads a session of its own, as another program's does."""
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield process.pid
    process.kill()
    process.wait()


def test_what_the_trainer_writes_the_app_reads(tmp_path: Path, nvml: FakeNvml, stranger: int) -> None:
    assert nvml.cards is not None
    nvml.cards[0].processes.update({os.getpid(): 2 * GIB, stranger: GIB})
    sampler = Sampler(RunFolder(tmp_path), CARDS, every_s=0.01)
    history = GpuHistory(RunFolder(tmp_path).gpus)
    wait_for(history, 3)
    sampler.stop()
    assert [(card.number, card.name, card.total_bytes) for card in history.cards.values()] == [
        (2, "RTX 3060", 12 * GIB),
        (3, "RTX 3060", 12 * GIB),
    ]
    assert abs(history.times[-1] - time.time()) < 60
    assert np.all(np.diff(history.times) >= 0)
    assert history.column(2, "used_mib")[0] == 3 * GIB / MIB
    assert history.column(2, "own_mib")[0] == 2 * GIB / MIB
    assert history.column(3, "load_percent")[0] == 99
    assert np.isnan(history.column(3, "fan_percent")).all()
    assert np.isnan(history.column(3, "own_mib")).all()
    assert history.column(3, "throttle")[0] == 0x20


def test_a_card_that_falls_off_the_bus_is_a_gap(tmp_path: Path, nvml: FakeNvml) -> None:
    sampler = Sampler(RunFolder(tmp_path), CARDS, every_s=0.01)
    history = GpuHistory(RunFolder(tmp_path).gpus)
    wait_for(history, 1)
    nvml.lost = {"GPU-b"}
    until = time.monotonic() + 60
    while not np.isnan(history.column(3, "load_percent")).any() and time.monotonic() < until:
        history.poll()
    sampler.stop()
    assert np.isnan(history.column(3, "load_percent")[-1])
    assert history.column(2, "load_percent")[-1] == 41


def test_a_clock_that_was_set_leaves_no_gap(tmp_path: Path, nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [0.0]

    def wall() -> float:
        return time.time() + wrong[0]

    monkeypatch.setattr(sampler_module, "Clock", lambda: Clock(wall))
    monkeypatch.setattr(sampler_module, "time", SimpleNamespace(time=wall))
    sampler = Sampler(RunFolder(tmp_path), CARDS, every_s=0.01)
    history = GpuHistory(RunFolder(tmp_path).gpus)
    wait_for(history, 2)
    before = history.times
    drawn = before.copy()
    wrong[0] = 3600.0
    wait_for(history, len(history) + 20)
    wrong[0] = -3600.0
    wait_for(history, len(history) + 20)
    sampler.stop()
    assert np.abs(np.diff(history.times)).max() < 60
    assert abs(history.times[-1] - wall()) < 60
    assert (before == drawn).all()


@pytest.mark.parametrize("cards", [(), CARDS])
def test_without_cards_or_driver_nothing_is_written(tmp_path: Path, nvml: FakeNvml, cards: tuple[Card, ...]) -> None:
    nvml.cards = None
    Sampler(RunFolder(tmp_path), cards, every_s=0.01).stop()
    assert not RunFolder(tmp_path).gpus.exists()


def head(*numbers: int, columns: str = '"load_percent","used_mib"') -> str:
    cards = ",".join(f'{{"number":{number},"name":"A","total":1}}' for number in numbers)
    return f'{{"cards":[{cards}],"columns":[{columns}]}}\n'


def test_a_resume_on_other_cards_goes_on_beside(tmp_path: Path) -> None:
    path = tmp_path / "gpus.jsonl"
    path.write_text(head(0, 1) + "[1,[10,100],[20,200]]\n[2,[11,101],null]\n" + head(1) + "[9,[30,null]]\n[10,[31")
    history = GpuHistory(path)
    assert history.poll()
    assert history.times.tolist() == [1, 2, 9]
    np.testing.assert_array_equal(history.column(0, "load_percent"), [10, 11, np.nan])
    np.testing.assert_array_equal(history.column(1, "load_percent"), [20, np.nan, 30])
    np.testing.assert_array_equal(history.column(1, "used_mib"), [200, np.nan, np.nan])
    assert np.isnan(history.column(7, "load_percent")).tolist() == [True] * 3
    assert not history.poll()
    with path.open("a") as file:
        file.write(",32]]\n")
    assert history.poll()
    assert history.column(1, "used_mib")[-1] == 32


def test_damaged_lines_are_left_out_and_newer_columns_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "gpus.jsonl"
    damage = "[1,[10,1,5]]\n\x00\x00\n[2]\n[3,[11,2,6]]\n"
    path.write_text(
        "[0,[9,9]]\n" + head(0, columns='"load_percent","used_mib","new"') + damage + "{broken\n[4,[1,1,1]]\n"
    )
    history = GpuHistory(path)
    history.poll()
    assert history.times.tolist() == [1, 3]
    assert history.column(0, "new").tolist() == [5, 6]


def test_no_file_is_no_history(tmp_path: Path) -> None:
    history = GpuHistory(tmp_path / "gpus.jsonl")
    assert not history.poll()
    assert len(history) == 0
