"""What the driver tells of the cards, or that there is none."""

from __future__ import annotations

import pytest

from desktop.engine import gpus as doorway
from desktop.engine.gpus import Gpus, GpuSample
from tests.fakes import GIB, FakeCard, FakeNvml


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    made = FakeNvml([FakeCard()])
    monkeypatch.setattr(doorway, "pynvml", made)
    return made


def test_a_card_in_every_number(nvml: FakeNvml) -> None:
    assert Gpus().sample() == [
        GpuSample(0, "NVIDIA H200", 140 * GIB, 3 * GIB, 41, 52, pytest.approx(300.5), pytest.approx(700.0), 30, 1980)
    ]


def test_a_card_that_does_not_know_everything(nvml: FakeNvml) -> None:
    silent = FakeCard(name="Tesla T4", load=None, temperature=None, power_mw=None, limit_mw=None, fan=None)
    nvml.cards = [FakeCard(), silent]
    first, second = Gpus().sample()
    assert first.fan_percent == 30
    assert (second.index, second.name, second.total_bytes) == (1, "Tesla T4", 140 * GIB)
    assert second.fan_percent is second.power_w is second.power_limit_w is None
    assert second.load_percent is second.temperature_c is None


def test_an_idle_card_has_zeros_and_not_nothing(nvml: FakeNvml) -> None:
    nvml.cards = [FakeCard(load=0, power_mw=0, fan=0, used=0)]
    (sample,) = Gpus().sample()
    assert (sample.load_percent, sample.power_w, sample.fan_percent, sample.used_bytes) == (0, 0.0, 0, 0)


def test_a_card_says_why_it_is_slow(nvml: FakeNvml) -> None:
    nvml.cards = [FakeCard(throttle=0x1), FakeCard(throttle=0x4 | 0x20 | 0x40)]
    idle, hot = Gpus().sample()
    assert idle.throttles == ()
    assert hot.throttles == ("power limit", "too hot")


def test_the_driver_is_opened_once(nvml: FakeNvml) -> None:
    gpus = Gpus()
    for _ in range(3):
        gpus.sample()
    assert nvml.opened == 1
    assert gpus.driver_version() == "580.95.05"


def test_without_a_driver_there_are_no_cards(nvml: FakeNvml) -> None:
    nvml.cards = None
    gpus = Gpus()
    assert gpus.sample() == []
    assert gpus.absent_because
    assert gpus.driver_version() is None


def test_a_driver_that_goes_and_comes_back(nvml: FakeNvml) -> None:
    gpus = Gpus()
    cards = nvml.cards
    gpus.sample()
    nvml.cards = None
    assert gpus.sample() == []
    nvml.cards = cards
    assert len(gpus.sample()) == 1
    assert nvml.opened == 2


def test_the_fakes_words_are_those_of_the_real_driver() -> None:
    """A name that the library does not have would be found on a machine with a card only."""
    import pynvml

    for name in dir(FakeNvml):
        if name.startswith(("nvml", "NVML")):
            assert hasattr(pynvml, name), name


def test_a_card_off_the_bus_does_not_silence_the_others(nvml: FakeNvml) -> None:
    nvml.cards = [FakeCard(), FakeCard(name="RTX 3060")]
    gpus = Gpus()
    assert len(gpus.sample()) == 2
    nvml.lost = {"GPU-a"}
    assert [(sample.index, sample.name) for sample in gpus.sample()] == [(1, "RTX 3060")]
    nvml.lost = {"GPU-a", "GPU-b"}
    assert gpus.sample() == []
    assert gpus.absent_because == "no card answers"
    nvml.lost = set()
    assert len(gpus.sample()) == 2
    assert nvml.opened == 2
