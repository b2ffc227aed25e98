"""The machine as it is now, asked again and again."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers.hardware import Hardware
from desktop.controllers.jobs import Jobs
from desktop.engine import gpus as gpus_doorway
from desktop.engine.checks import Check
from desktop.engine.gpus import Gpus
from tests.fakes import FakeCard, FakeNvml


class Doctor:
    """Stands for the engine's Doctor."""

    def check_engine(self) -> Check:
        return Check("engine", "ok", "Docker 28 answers.")

    def examine(self) -> list[Check]:
        return [self.check_engine(), Check("disk", "warn", "10 GiB free.")]


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    made = FakeNvml([FakeCard(), FakeCard(load=None)])
    monkeypatch.setattr(gpus_doorway, "pynvml", made)
    return made


@pytest.fixture
def hardware(jobs: Jobs, nvml: FakeNvml) -> Hardware:
    doctor: Any = Doctor()
    return Hardware(Gpus(), doctor, jobs)


def test_cards_and_engine_are_told_from_the_start(hardware: Hardware, qtbot: QtBot) -> None:
    with qtbot.waitSignals([hardware.sampled, hardware.engine_checked]):
        hardware.start()
    assert [sample.load_percent for sample in hardware.samples] == [41, None]
    assert hardware.engine == Check("engine", "ok", "Docker 28 answers.")
    assert hardware.absent_because == ""
    assert [samples for _, samples in hardware.history] == [hardware.samples]


def test_without_a_driver_there_is_a_reason_and_no_history(hardware: Hardware, nvml: FakeNvml, qtbot: QtBot) -> None:
    nvml.cards = None
    with qtbot.waitSignal(hardware.sampled) as sampled:
        hardware._sample()
    assert sampled.args == [[]]
    assert hardware.absent_because
    assert not hardware.history


def test_a_slow_driver_is_not_asked_twice_at_once(
    hardware: Hardware, nvml: FakeNvml, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, asked = threading.Event(), []
    count = nvml.nvmlDeviceGetCount

    def slow() -> int:
        asked.append(1)
        assert gate.wait(60)
        return count()

    monkeypatch.setattr(nvml, "nvmlDeviceGetCount", slow)
    hardware._sample()
    hardware._sample()
    gate.set()
    with qtbot.waitSignal(hardware.sampled):
        pass
    assert len(asked) == 1
    with qtbot.waitSignal(hardware.sampled):
        hardware._sample()


def test_the_whole_examination(hardware: Hardware, qtbot: QtBot) -> None:
    with qtbot.waitSignal(hardware.checked) as checked:
        hardware.examine()
    assert [check.name for check in checked.args[0]] == ["engine", "disk"]
