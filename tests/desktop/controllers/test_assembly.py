"""What the assembly ties together: the controllers themselves are tested beside it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers.assembly import assemble
from desktop.paths import Home
from tests.desktop.engine.test_model_check import SHAPE, write_model
from tests.hub import FakeHub, FakeModel

WAIT_MS = 60_000


def test_the_offline_switch_ends_what_uses_the_network(
    home: Home, tmp_path: Path, qtbot: QtBot, no_docker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = FakeHub()
    files = write_model(tmp_path / "source") | {"model.safetensors": b"0123456789abcdef" * 300_000}
    hub.add(FakeModel("maker/chat", files, config=SHAPE))
    hub.trickle = threading.Event()
    assembly = assemble(home)
    downloads = assembly.models.downloads
    monkeypatch.setattr(downloads, "_endpoint", hub.address)
    monkeypatch.setattr(downloads, "_token", lambda: None)
    try:
        assembly.models.download("maker/chat")
        qtbot.waitUntil(lambda: downloads.all()[0].done_bytes > 0, timeout=WAIT_MS)
        stopped: list[bool] = []
        monkeypatch.setattr(assembly.models.pushes, "stop_all", lambda: stopped.append(True))
        assembly.settings.set_offline(True)
        qtbot.waitUntil(lambda: downloads.all()[0].state == "stopped", timeout=WAIT_MS)
        assert stopped
    finally:
        hub.close()
        assembly.close()
