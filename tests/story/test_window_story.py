"""The main job, once, in a real window on a virtual screen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from desktop.paths import PROJECT
from tests.story.conftest import IN_CI, Tunedeck

pytestmark = [pytest.mark.docker, pytest.mark.xvfb, pytest.mark.timeout(1600)]


@pytest.fixture
def screen() -> Iterator[str]:
    """A virtual screen of its own."""
    if shutil.which("Xvfb") is None:
        if IN_CI:
            pytest.fail("CI needs Xvfb")
        pytest.skip("Xvfb is not installed")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1920x1080x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as told:
        number = told.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait()


def test_from_the_window_to_the_chat(in_docker: Tunedeck, screen: str, tmp_path: Path) -> None:
    pictures = Path(os.environ.get("TUNEDECK_PICTURES", tmp_path / "pictures"))
    window_home = tmp_path / "home"
    (window_home / "models").mkdir(parents=True)
    shutil.copytree(in_docker.model, window_home / "models" / in_docker.model.name)
    told = subprocess.run(
        [sys.executable, "tests/story/window_story.py", str(window_home), str(pictures)],
        cwd=PROJECT,
        env={**os.environ, "DISPLAY": screen, "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert told.returncode == 0, told.stderr[-4000:]
    seen = json.loads(told.stdout.splitlines()[-1])
    assert seen["crashes"] == []
    assert seen["state"] == "finished"
    assert (seen["watched"], seen["judged"]) == ("watch", "judge")
    assert seen["steps"] == len(seen["losses"]) > 60
    assert sum(seen["losses"][-10:]) < 0.7 * sum(seen["losses"][:10])
    assert seen["answers"]["tuned"].startswith("Ahoy!")
    assert not seen["answers"]["base"].startswith("Ahoy!")
    assert "Warning" not in told.stderr, told.stderr[-4000:]
    for view in ("setup", "watch", "judge"):
        for size, width in (("small", 1280), ("large", 1920)):
            image = QImage(str(pictures / f"{view}-light-{size}.png"))
            assert image.width() == width
            colours = {image.pixel(x, y) for x in range(0, width, 7) for y in range(0, image.height(), 7)}
            assert len(colours) > 20, f"the picture of {view} is empty"
