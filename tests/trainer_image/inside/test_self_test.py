"""Processes that talk to each other, over gloo here: found out once, and remembered."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer_image.cards.visible import Card
from trainer_image.errors import TrainerError
from trainer_image.fitting.split_speed import Speeds
from trainer_image.launching import self_test
from trainer_image.launching.supervise import Signals

ROOT = Path(__file__).parents[3]
CARDS = tuple(Card(number, number, "a card", f"GPU-{number}", 1, 1) for number in range(2))


@pytest.fixture
def signals() -> Iterator[Signals]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield Signals()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CUDA_VISIBLE_DEVICES": "",
        "TUNEDECK_CACHES": str(tmp_path),
        "OMP_NUM_THREADS": "1",
    }


def test_processes_that_talk_need_no_settings_and_are_not_asked_again(
    environment: dict[str, str], signals: Signals, tmp_path: Path
) -> None:
    assert self_test.settings_for(CARDS, environment, signals) == {}
    (known,) = json.loads((tmp_path / "cards.json").read_text()).values()
    assert known["settings"] == {}
    assert known["gb_per_s"] > 0
    # Processors' matrices are not timed.
    assert self_test.speeds_of(CARDS, environment) is None
    known["settings"] = {"NCCL_P2P_DISABLE": "1"}
    key = self_test._key(CARDS)
    (tmp_path / "cards.json").write_text(json.dumps({key: {**known, "gb_per_s": 56, "tflops": 700.0}}))
    assert self_test.speeds_of(CARDS, environment) == Speeds(56, 700)
    assert self_test.settings_for(CARDS, environment, signals) == {"NCCL_P2P_DISABLE": "1"}


def test_cards_that_cannot_talk_end_the_run(
    environment: dict[str, str], signals: Signals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A network that is not there.
    monkeypatch.setattr(self_test, "WAYS", self_test.WAYS[:1])
    with pytest.raises(TrainerError) as caught:
        self_test.settings_for(CARDS, {**environment, "GLOO_SOCKET_IFNAME": "nowhere0"}, signals)
    assert caught.value.code == "cards_cannot_talk"
    assert "card 0 (a card), card 1 (a card)" in caught.value.sentence
    assert not (tmp_path / "cards.json").exists()


def test_those_that_wait_for_ever_leave_their_stacks(
    environment: dict[str, str], signals: Signals, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os, time\nif os.environ.get('RANK') == '1': time.sleep(60)\n")
    environment["PYTHONPATH"] += os.pathsep + str(tmp_path)
    assert self_test.talk(environment, 2, signals, limit_s=4) is None
    assert "handshake.py" in capfd.readouterr().err
