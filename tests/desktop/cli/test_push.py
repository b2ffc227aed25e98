"""``push``: a finished run goes to the Hub, and every refusal is one sentence with exit code 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from desktop.core.run import RunState
from tests.desktop.cli.conftest import Terminal
from tests.fakes import FakeTrainer
from tests.hub import FakeHub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    server = FakeHub()
    server.token = "hf_RightRightRightRight0001"
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("HF_TOKEN", server.token)
    yield server
    server.close()


@pytest.fixture
def trainer(make_run: Callable[..., FakeTrainer], settle: Callable[..., None]) -> FakeTrainer:
    """A run that has trained to its end."""
    made = make_run()
    made.run(4)
    (made.folder.adapter / "adapter_model.safetensors").write_bytes(b"weights" * 1000)
    settle(made, RunState.FINISHED)
    return made


def test_a_run_is_pushed_privately_and_the_address_is_printed(
    terminal: Terminal, hub: FakeHub, trainer: FakeTrainer
) -> None:
    said = terminal.type("push", "First", "captain")
    assert (said.code, said.out) == (0, f"{hub.address}/ada/captain\n")
    assert "ada/captain is on the Hub" in said.err
    repository = hub.models["ada/captain"]
    assert repository.private
    assert repository.files["adapter_model.safetensors"] == b"weights" * 1000
    assert sorted(repository.files) == ["README.md", "adapter_config.json", "adapter_model.safetensors"]


def test_programs_hear_how_far_it_is(terminal: Terminal, hub: FakeHub, trainer: FakeTrainer) -> None:
    said = terminal.type("push", "last", "ada/open", "--public", "--json")
    last = said.lines[-1]
    assert (said.code, last["kind"], last["state"], last["private"]) == (0, "push", "done", False)
    assert (last["repo"], last["address"]) == ("ada/open", f"{hub.address}/ada/open")
    assert last["done_bytes"] == last["total_bytes"] > 7000
    assert hub.token not in said.out + said.err


def test_it_is_refused_offline_without_a_model_and_without_a_token(
    terminal: Terminal,
    hub: FakeHub,
    trainer: FakeTrainer,
    make_run: Callable[..., FakeTrainer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = make_run("20260102-030405-cd34", "Second")
    failed.begin().fail()
    assert "no finished model" in terminal.refused("push", "Second", "captain")
    terminal.type("offline", "on")
    assert "Pushing a model needs the network, and Tunedeck is offline." in terminal.refused("push", "First", "x")
    terminal.type("offline", "off")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert "needs a token, and there is none. Make one" in terminal.refused("push", "First", "captain")
    assert hub.asked == []
