"""``token`` and ``offline``."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest

from tests.desktop.cli.conftest import Terminal
from tests.fakes import FakeBuilder
from tests.story.file_keyring import FILE, FileKeyring

TOKEN = "hf_" + "z" * 34


@pytest.fixture
def keyring_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A keyring that works; what it keeps lies in this file."""
    before = keyring.get_keyring()
    monkeypatch.setenv(FILE, str(tmp_path / "keyring.json"))
    keyring.set_keyring(FileKeyring())
    yield tmp_path / "keyring.json"
    keyring.set_keyring(before)


def hand_over(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_token_is_read_from_standard_input_and_never_printed(
    terminal: Terminal, keyring_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert terminal.type("token", "show").out == "There is no token for the Hugging Face Hub.\n"
    hand_over(monkeypatch, TOKEN + "\n")
    said = [terminal.type("token", "set"), terminal.type("token", "show"), terminal.type("token", "show", "--json")]
    assert all(one.code == 0 and TOKEN not in one.out + one.err for one in said)
    assert said[2].json["kept"] == "keyring"
    assert TOKEN in keyring_file.read_text()
    assert terminal.type("token", "delete").out == "Forgot the token for the Hugging Face Hub.\n"
    assert TOKEN not in keyring_file.read_text()
    assert terminal.type("token", "delete", "--service", "hub").out.startswith("There was no token")
    assert terminal.type("token", "show", "--service", "nobody").code == 2


def test_a_token_is_no_argument(terminal: Terminal, keyring_file: Path) -> None:
    assert terminal.type("token", "set", TOKEN).code == 2
    assert not keyring_file.exists()


def test_without_a_keyring_nothing_is_kept_and_that_is_said(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over(monkeypatch, TOKEN)
    sentence = terminal.refused("token", "set")
    assert "was not kept" in sentence
    assert "no keyring" in sentence
    assert TOKEN not in sentence
    hand_over(monkeypatch, "\n")
    assert "The token is empty" in terminal.refused("token", "set")


def test_one_switch_for_the_network(terminal: Terminal) -> None:
    assert terminal.type("offline", "--json").json == {"offline": False}
    assert terminal.type("offline", "on").out.startswith("Offline: no run")
    assert terminal.type("offline", "show", "--json").json == {"offline": True}
    assert terminal.type("offline", "off", "--json").json == {"offline": False}
    assert terminal.type("offline", "perhaps").code == 2


def test_offline_a_run_gets_no_network_and_nothing_is_built_or_fetched(terminal: Terminal, config_file: Path) -> None:
    terminal.type("offline", "on")
    terminal.builders["docker"] = FakeBuilder(is_ready=False)
    refused = terminal.type("train", str(config_file), "--detach")
    assert refused.code == 1
    assert "building it needs the network" in refused.err
    assert terminal.builders["docker"].builds == 0

    terminal.builders["docker"] = FakeBuilder()
    missing = terminal.type("train", str(config_file), "--set", "model=org/never-fetched", "--detach")
    assert missing.code == 1
    assert "org/never-fetched is not on this machine" in missing.err

    assert terminal.type("train", str(config_file), "--detach").code == 0
    (spec,) = terminal.engines["docker"].specs.values()
    assert not spec.network
    assert spec.environment["HF_HUB_OFFLINE"] == "1"
