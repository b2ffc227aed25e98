"""A window that cannot open is said in a sentence, and the demo goes to the terminal."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from desktop.paths import PROJECT
from desktop.screen import why_no_window


def test_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert "no screen" in str(why_no_window())
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert why_no_window() is None


@pytest.mark.parametrize("display", ["", ":4711"])
def test_the_program_says_so_and_does_not_die(display: str, tmp_path: os.PathLike[str]) -> None:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY")
    }
    command = [sys.executable, "-m", "desktop", "--home", str(tmp_path)]
    done = subprocess.run(
        command, env={**environment, "DISPLAY": display}, cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("tunedeck: ")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
