"""``doctor`` and ``image``, with no engine to be asked."""

from __future__ import annotations

import pytest

from desktop.cli import doctor as doctor_module
from desktop.engine import gpus as gpus_doorway
from tests.desktop.cli.conftest import Terminal
from tests.fakes import FakeNvml


@pytest.fixture(autouse=True)
def no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus_doorway, "pynvml", FakeNvml())


def test_doctor_with_the_engine_stopped(terminal: Terminal) -> None:
    said = terminal.type("doctor", "--json")
    assert said.code == 1
    checks = {check.pop("name"): check for check in said.json["checks"]}
    assert {"engine", "image", "gpus", "disk"} <= set(checks)
    for check in checks.values():
        assert set(check) == {"state", "detail", "fix", "command"}
        assert check["state"] in doctor_module.SIGNS
    assert checks["engine"]["state"] == "fail"
    assert checks["engine"]["detail"] == "No Docker engine answers."
    assert "systemctl start docker" in checks["engine"]["fix"]
    assert checks["engine"]["command"] == "sudo systemctl start docker"


def test_doctor_for_people(terminal: Terminal) -> None:
    said = terminal.type("doctor")
    assert said.code == 1
    assert "✗ engine" in said.out
    assert "→ Start it" in said.out


@pytest.mark.parametrize("words", [("image", "show"), ("image", "build"), ("image", "build", "--if-needed")])
def test_images_without_an_engine(terminal: Terminal, words: tuple[str, ...]) -> None:
    assert "No Docker engine answers. Start it" in terminal.refused(*words)
