"""A Docker engine of our own, to be restarted and killed as a test likes, and an image that holds no torch."""

from __future__ import annotations

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pydantic
import pydantic_core

from desktop.engine.image import LABEL_SOURCES, sources_digest
from desktop.engine.launch import LABEL_CONTRACT
from desktop.engine.trainer_environment import TrainerEnvironment
from desktop.paths import PROJECT, Home
from trainer_image.contract import CONTRACT

HERE = Path(__file__).parent
LEFT_OUT = {"test", "site-packages", "idlelib", "ensurepip", "tkinter", "turtledemo", "lib2to3", "__pycache__"}


@dataclass
class OwnEngine:
    """One dockerd on folders of its own; only root may have one."""

    root: Path
    process: subprocess.Popen[bytes] | None = field(default=None)
    client: Any = None

    @property
    def address(self) -> str:
        return f"unix://{self.root}/docker.sock"

    def start(self) -> None:
        """Start it and wait until it answers."""
        # In a network of its own: without a bridge it would take away the one that the machine's engine has.
        words = ["unshare", "--net", "dockerd", "--data-root", f"{self.root}/data", "--exec-root", f"{self.root}/exec"]
        words += ["--pidfile", f"{self.root}/pid", "-H", self.address, "--bridge=none", "--iptables=false"]
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < deadline, (self.root / "log").read_text()[-3000:]
            assert self.process.poll() is None, (self.root / "log").read_text()[-3000:]
            time.sleep(0.1)
        self.client = docker.DockerClient(base_url=self.address, timeout=60)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(f"{self.root}/docker.sock")
                probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return probe.recv(64).split()[1:2] == [b"200"]
            except OSError:
                return False

    def stop(self) -> None:
        """End it as a service manager does; without live-restore its containers end with it."""
        assert self.process is not None
        self.client.close()
        self.process.terminate()
        self.process.wait(60)

    def kill(self, *words: str) -> None:
        """Let everything die at once: the engine, what it is made of, and whatever names one of ``words``."""
        assert self.process is not None
        self.client.close()
        for word in (str(self.root), *words):
            for pid in _of(word):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait(60)
        # What a machine forgets when it is switched off, for it lies in memory there.
        self._unmount()
        shutil.rmtree(self.root / "exec", ignore_errors=True)
        (self.root / "pid").unlink(missing_ok=True)

    def clear(self) -> None:
        """Take away everything that the engine has kept."""
        self._unmount()
        shutil.rmtree(self.root, ignore_errors=True)

    def _unmount(self) -> None:
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if (place := line.split()[1]).startswith(str(self.root)):
                subprocess.run(["umount", "-l", place], check=False, stderr=subprocess.DEVNULL)


def _of(word: str) -> list[int]:
    """Return the processes of an engine and of its containers: the engine first, so that it restarts nothing."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return sorted(pid for pid in found if pid != os.getpid())


def load_image(engine: OwnEngine) -> None:
    """Put the image of a trainer without torch into an engine, under the name and labels of the real one."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in sorted(_files_of_python()):
            tar.add(path.resolve(), str(path).lstrip("/"))
        for package in (pydantic, pydantic_core):
            tar.add(Path(str(package.__file__)).parent, f"opt/tunedeck/{package.__name__}")
        site = Path(str(pydantic.__file__)).parents[1]
        for name in ("typing_extensions.py", "annotated_types", "typing_inspection"):
            tar.add(site / name, f"opt/tunedeck/{name}")
        for path in sorted((PROJECT / "trainer_image").rglob("*.py")):
            if str(path.relative_to(PROJECT / "trainer_image")) not in ("train.py", "cards/watchdog.py"):
                tar.add(path, f"opt/tunedeck/{path.relative_to(PROJECT)}")
        tar.add(HERE / "light_trainer.py", "opt/tunedeck/trainer_image/train.py")
        tar.add(HERE / "light_nvml.py", "opt/tunedeck/pynvml.py")
        watchdog = (
            (PROJECT / "trainer_image" / "cards" / "watchdog.py")
            .read_bytes()
            .replace(b"LOOK_S = 10.0", b"LOOK_S = 0.3")
        )
        entry = tarfile.TarInfo("opt/tunedeck/trainer_image/cards/watchdog.py")
        entry.size, entry.mode = len(watchdog), 0o644
        tar.addfile(entry, io.BytesIO(watchdog))
        for name in ("tmp", "etc", "dev", "proc", "sys"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
    client = engine.client
    base = f"{sys.base_prefix}/bin/python3.{sys.version_info.minor}"
    changes = [
        f'ENTRYPOINT ["{base}"]',
        f"ENV PYTHONPATH=/opt/tunedeck PYTHONHOME={sys.base_prefix} PYTHONDONTWRITEBYTECODE=1 "
        f"LD_LIBRARY_PATH={sys.base_prefix}/lib",
        f"LABEL {LABEL_CONTRACT}={CONTRACT} {LABEL_SOURCES}={sources_digest('cpu')}",
    ]
    answer = client.api.import_image_from_data(archive.getvalue(), f"tunedeck-trainer:{CONTRACT}-cpu", changes=changes)
    assert "error" not in answer, answer


def light_project(folder: Path) -> Path:
    """Return a folder with the trainer's package as it is, but for a trainer without torch in its place."""
    shutil.copytree(PROJECT / "trainer_image", folder / "trainer_image", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "light_trainer.py", folder / "trainer_image" / "train.py")
    return folder


def light_environment(home: Home) -> None:
    """Let the process engine of a home run this interpreter, which has all that a trainer without torch needs."""
    python = TrainerEnvironment(home.trainer_environment, "cpu").python
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)


def _files_of_python() -> Iterator[Path]:
    """Yield this interpreter, its library and everything that these load, under their own names."""
    library = Path(sysconfig.get_paths()["stdlib"])
    binary = Path(f"{sys.base_prefix}/bin/python3.{sys.version_info.minor}")
    compiled = list((library / "lib-dynload").glob("*.so"))
    needed = {binary}
    for path in library.rglob("*"):
        if path.is_file() and not LEFT_OUT & set(path.relative_to(library).parts[:-1]):
            needed.add(path)
    for path in (binary, *compiled, *Path(str(pydantic_core.__file__)).parent.glob("*.so")):
        told = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=False).stdout
        for word in told.split():
            if word.startswith("/") and Path(word).is_file():
                needed.add(Path(word))
    yield from needed


def can_have_one() -> bool:
    """Say whether an engine of our own can be started here."""
    return os.geteuid() == 0 and shutil.which("dockerd") is not None
