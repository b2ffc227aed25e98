"""The trainer image: whether it is there and fits this app, and how it is built."""

from __future__ import annotations

import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from docker.errors import DockerException, ImageNotFound

from desktop.engine.docker import DockerEngine
from desktop.engine.docker_errors import explain
from desktop.engine.launch import LABEL_CONTRACT
from desktop.engine.machine import find_certificates
from desktop.engine.steps import BuildStep
from desktop.engine.wheels import CPU_INDEX, TRAINER, Variant, local_torch_wheels, package_of
from desktop.errors import EngineError
from desktop.paths import PROJECT
from trainer_image.contract import CONTRACT

PUBLIC_BASE = "python:3.12-slim-bookworm"
OWN_BASE = "tunedeck-base:bookworm"
"""What is made from Debian's packages where no image can be pulled."""
LABEL_SOURCES = "tunedeck.sources"
PASSED_TO_BUILD = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
"""Docker takes these without keeping them in the image's history."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class ImageState:
    """The trainer image as the engine has it."""

    tag: str
    id: str
    contract: int | None
    size_bytes: int
    architecture: str
    is_current: bool
    """Made from today's trainer_image/ and Dockerfile.trainer."""


class TrainerImage:
    """The image of one variant, by the engine's client."""

    def __init__(self, engine: DockerEngine, variant: Variant) -> None:
        self._engine = engine
        self.variant = variant

    @property
    def tag(self) -> str:
        return f"tunedeck-trainer:{CONTRACT}-{self.variant}"

    def state(self) -> ImageState | None:
        """Return the image, or None where there is none."""
        try:
            image = self._engine.client().images.get(self.tag)
        except ImageNotFound:
            return None
        except (DockerException, requests.RequestException) as error:
            raise explain(error) from error
        labels = image.labels or {}
        contract = labels.get(LABEL_CONTRACT, "")
        return ImageState(
            tag=self.tag,
            id=str(image.id),
            contract=int(contract) if contract.isdigit() else None,
            size_bytes=int(image.attrs["Size"]),
            architecture=str(image.attrs["Architecture"]),
            is_current=labels.get(LABEL_SOURCES) == sources_digest(self.variant),
        )

    def is_ready(self) -> bool:
        """Say whether runs can start from the image that is there; one of older sources is built anew.

        EngineError where it is another app's or another machine's: that one is not replaced without being asked.
        """
        state = self.state()
        if state is None:
            return False
        refusal = _refusal(state)
        if refusal is not None:
            raise refusal
        return state.is_current

    def for_launch(self) -> str:
        """Return the id to start from; EngineError where app and image would misunderstand each other."""
        state = self.state()
        if state is None:
            raise EngineError("The trainer image is missing.", "Build it: tunedeck image build.", code="image_missing")
        refusal = _refusal(state)
        if refusal is not None:
            raise refusal
        return state.id

    def build(self, progress: Callable[[BuildStep], None], base: str | None = None) -> None:
        """Build the image; ``base`` as given, else TUNEDECK_BASE_IMAGE, else Python's, else one made from Debian."""
        started = time.monotonic()

        def tell(number: int, total: int, text: str) -> None:
            progress(BuildStep(number, total, text, time.monotonic() - started))

        try:
            chosen = base or os.environ.get("TUNEDECK_BASE_IMAGE") or self._find_base(tell)
            self._build_on(chosen, tell)
            state = self.state()
        except (DockerException, requests.RequestException, OSError) as error:
            raise explain(error) from error
        assert state is not None
        progress(BuildStep(1, 1, "the trainer image is built", time.monotonic() - started, state.size_bytes))

    def _build_on(self, base: str, tell: Callable[[int, int, str], None]) -> None:
        arguments = {"BASE": base, "VARIANT": self.variant, "CONTRACT": str(CONTRACT)}
        if self.variant == "cpu" and not local_torch_wheels():
            arguments["TORCH_INDEX"] = CPU_INDEX
        arguments |= {name: os.environ[name] for name in PROXIES if name in os.environ}
        # Arguments stay in the image's history, so that no password may be among them.
        arguments |= {name: _without_password(os.environ[name]) for name in PASSED_TO_BUILD if name in os.environ}
        with tempfile.TemporaryFile() as context:
            write_context(context, self.variant)
            context.seek(0)
            stream = self._engine.client().api.build(
                fileobj=context,
                custom_context=True,
                dockerfile="Dockerfile.trainer",
                tag=self.tag,
                buildargs=arguments,
                labels={LABEL_SOURCES: sources_digest(self.variant)},
                rm=True,
                forcerm=True,
                decode=True,
                timeout=3600,
            )
            follow_build(stream, tell)

    def _find_base(self, tell: Callable[[int, int, str], None]) -> str:
        client = self._engine.client()
        for name in (PUBLIC_BASE, OWN_BASE):
            try:
                client.images.get(name)
            except ImageNotFound:
                continue
            return name
        tell(1, 2, f"pulling the base image {PUBLIC_BASE}")
        try:
            client.images.pull(PUBLIC_BASE)
        except (DockerException, requests.RequestException) as error:
            if "No space left" in str(error):
                raise
            return self._make_base(tell, error)
        return PUBLIC_BASE

    def _make_base(self, tell: Callable[[int, int, str], None], why: Exception) -> str:
        """Make a base from Debian's packages: for networks that reach a mirror and no image registry."""
        debootstrap = shutil.which("debootstrap", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if debootstrap is None or os.getuid() != 0:
            raise EngineError(
                f"The base image {PUBLIC_BASE} cannot be pulled: {str(why).splitlines()[0][:200]}",
                "Check the network; or give an image with Python 3.11 or 3.12 by --base; or, as root with "
                "debootstrap installed, one is made from Debian's packages.",
                code="base_missing",
            ) from why
        tell(2, 2, "making a base image from Debian's packages, as none can be pulled")
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "root"
            packages = "python3,python3-venv,python3-pip,python3-dev,gcc,libc6-dev,ca-certificates"
            command = [debootstrap, "--variant=minbase", f"--include={packages}", "bookworm", str(root)]
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode != 0:
                last = (made.stdout + made.stderr).strip().splitlines()[-1:]
                raise EngineError(
                    f"A base image could not be made from Debian's packages: {' '.join(last)}",
                    "Check the network, or give an image by --base.",
                    code="base_missing",
                )
            archive = Path(folder) / "root.tar"
            subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
            repository, tag = OWN_BASE.split(":")
            self._engine.client().api.import_image(src=str(archive), repository=repository, tag=tag)
        return OWN_BASE


def _refusal(state: ImageState) -> EngineError | None:
    if state.contract != CONTRACT:
        return EngineError(
            f"The trainer image speaks contract {state.contract}, this app speaks contract {CONTRACT}.",
            "Build the image anew: tunedeck image build.",
            code="contract_differs",
        )
    here = ARCHITECTURES.get(platform.machine(), platform.machine())
    if state.architecture != here:
        return EngineError(
            f"The trainer image was made for {state.architecture} processors, this machine is {here}.",
            "Build it on this machine: tunedeck image build.",
            code="image_foreign",
        )
    return None


def _without_password(addresses: str) -> str:
    return re.sub(r"//[^/@\s]+@", "//", addresses)


def sources_digest(variant: Variant) -> str:
    """Return a digest of everything of ours that goes into the image."""
    digest = hashlib.sha256(variant.encode())
    for path in _sources():
        digest.update(str(path.relative_to(PROJECT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    yield PROJECT / "Dockerfile.trainer"
    yield from sorted(path for path in TRAINER.rglob("*") if path.suffix in (".py", ".txt"))


def write_context(target: Any, variant: Variant) -> None:
    """Write the build context as a tar: our sources, and what this machine's network needs to install packages."""
    with tarfile.open(fileobj=target, mode="w") as archive:
        for path in _sources():
            archive.add(path, str(path.relative_to(PROJECT)), filter=_without_owner)
        certificates = find_certificates(os.environ)
        data = certificates.read_bytes() if certificates else b""
        entry = tarfile.TarInfo("extras/ca.crt")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
        for wheel in local_torch_wheels() if variant == "cpu" else []:
            archive.add(wheel, f"extras/{wheel.name}", filter=_without_owner)


def _without_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Times and owners would spoil the engine's build cache."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    entry.mode = 0o644
    return entry


def follow_build(stream: Iterator[dict[str, Any]], tell: Callable[[int, int, str], None]) -> None:
    """Turn the engine's build messages into steps; EngineError with the last lines where the build fails."""
    number, total, text = 1, 1, "sending the build context"
    lines: list[str] = []
    for message in stream:
        if "error" in message:
            raise _explain_build(str(message["error"]), lines)
        line = str(message.get("stream") or message.get("status") or "").rstrip()
        if not line.strip():
            continue
        lines.append(line)
        step = re.match(r"Step (\d+)/(\d+) : (\w+)", line)
        if step:
            number, total, text = int(step[1]), int(step[2]), _words_for(line)
            tell(number, total, text)
            continue
        package = package_of(line)
        if package:
            tell(number, total, f"{text} ({package})")


def _words_for(line: str) -> str:
    known = (
        ("requirements.txt", "installing the trainer's libraries"),
        ("requirements-${VARIANT}", "installing PyTorch"),
        ("apt-get", "looking for a compiler"),
        ("COPY", "copying"),
        ("RUN", "preparing"),
    )
    return next((words for part, words in known if part in line), "setting up")


def _explain_build(error: str, lines: list[str]) -> EngineError:
    told = explain(RuntimeError(error + "\n" + "\n".join(lines[-20:])))
    if told.code == "disk_full":
        return told
    said = next((line for line in reversed(lines) if "ERROR" in line), error)
    return EngineError(
        f"The trainer image could not be built: {said.strip()[:300]}",
        "Check the network, then try again; `tunedeck image build` shows every step.",
        code="build_failed",
    )
