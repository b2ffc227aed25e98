"""The trainer image: whether it is there and fits this app, and how it is built."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import platform
import re
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import requests
from docker.errors import APIError, DockerException, ImageNotFound
from docker.utils import parse_repository_tag

from desktop.engine.base_image import find_base
from desktop.engine.build_log import explain_pull, follow_build, follow_pull
from desktop.engine.docker import DockerEngine
from desktop.engine.docker_errors import explain
from desktop.engine.launch import LABEL_CONTRACT
from desktop.engine.machine import find_certificates
from desktop.engine.steps import BuildStep, Fetched
from desktop.engine.wheels import CPU_INDEX, TRAINER, Variant, local_torch_wheels
from desktop.errors import EngineError
from desktop.paths import PROJECT
from trainer_image.contract import CONTRACT

REPOSITORY = "tunedeck-trainer"
KEPT = 3
"""Versions of a variant that stay side by side, to go back to."""
DOWNLOADS: dict[Variant, int] = {"cpu": 400_000_000, "cuda": 2_900_000_000}
"""What pip fetches for an image, as seen with the versions that are required."""
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
    made: str = ""
    """When, in ISO 8601."""
    is_used: bool = False
    """What the next run starts from."""
    is_chosen: bool = False
    """An older one that the user went back to, or one from a registry: it is not built anew."""


class Told(Protocol):
    """Tells how far a build has come."""

    def __call__(
        self, number: int, total: int, text: str, fetched: Fetched | None = None, size: int | None = None
    ) -> None: ...


class TrainerImage:
    """The image of one variant, by the engine's client."""

    def __init__(self, engine: DockerEngine, variant: Variant) -> None:
        self._engine = engine
        self.variant = variant

    @property
    def tag(self) -> str:
        return f"{REPOSITORY}:{CONTRACT}-{self.variant}"

    def state(self) -> ImageState | None:
        """Return the image that is used, or None where there is none."""
        try:
            image = self._engine.client().images.get(self.tag)
            state = replace(_read(image, self.tag, current_digests()), is_used=True)
            return replace(state, is_chosen=not state.is_current and self._is_chosen(state.id))
        except ImageNotFound:
            return None
        except (DockerException, requests.RequestException) as error:
            raise explain(error) from error

    def is_ready(self) -> bool:
        """Say whether runs can start from the image that is there; one of older sources is built anew, unless chosen.

        EngineError where it is another app's or another machine's: that one is not replaced without being asked.
        """
        state = self.state()
        if state is None:
            return False
        refusal = _refusal(state)
        if refusal is not None:
            raise refusal
        return state.is_current or state.is_chosen

    def why_not(self, id: str) -> str:
        """Say in a sentence why a run cannot start from the image with this id; nothing where it can."""
        try:
            image = self._engine.client().images.get(id)
        except ImageNotFound:
            return "It is no longer there."
        except (DockerException, requests.RequestException) as error:
            raise explain(error) from error
        refusal = _refusal(_read(image, id, current_digests()))
        return refusal.sentence if refusal is not None else ""

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
        """Build the image; ``base`` as given, else TUNEDECK_BASE_IMAGE, else Python's, else one made from Debian.

        What ``progress`` raises ends the build: the engine gives up what nobody reads.
        """
        tell = _teller(progress)
        try:
            chosen = base or os.environ.get("TUNEDECK_BASE_IMAGE") or find_base(self._engine.client(), tell)
            self._build_on(chosen, tell)
            state = self._keep_as_used(self.tag)
        except (DockerException, requests.RequestException, OSError) as error:
            raise explain(error) from error
        tell(1, 1, "the trainer image is built", None, state.size_bytes)

    def pull(self, reference: str, progress: Callable[[BuildStep], None]) -> None:
        """Pull the image from a registry and use it from now on; EngineError where it does not fit this app."""
        tell = _teller(progress)
        repository, tag = parse_repository_tag(reference)
        try:
            client = self._engine.client()
            try:
                follow_pull(client.api.pull(repository, tag or "latest", stream=True, decode=True), tell)
            except (DockerException, RuntimeError) as error:
                raise explain_pull(reference, error) from error
            reference = f"{repository}{'@' if ':' in (tag or '') else ':'}{tag or 'latest'}"
            refusal = _refusal(_read(client.images.get(reference), reference, current_digests()))
            if refusal is not None:
                raise refusal
            client.images.get(reference).tag(*self.tag.split(":"))
            state = self._keep_as_used(self.tag, is_chosen=True)
        except (DockerException, requests.RequestException, OSError) as error:
            raise explain(error) from error
        tell(1, 1, "the trainer image is pulled", None, state.size_bytes)

    def versions(self) -> list[ImageState]:
        """Return every trainer image that the engine has, of all variants and contracts, the newest first."""
        try:
            found = self._engine.client().images.list(name=REPOSITORY)
            used = self.state()
        except (DockerException, requests.RequestException) as error:
            raise explain(error) from error
        current = current_digests()
        tagged = [(image, tag) for image in found if (tag := _version_tag(image.tags)) is not None]
        states = [_read(image, tag, current) for image, tag in tagged]
        states = [replace(state, is_used=used is not None and state.id == used.id) for state in states]
        return sorted(states, key=lambda state: state.made, reverse=True)

    def use(self, version: str) -> ImageState:
        """Go back to another version, or forward again; runs keep to it until another is built or chosen."""
        state = self._find(version)
        refusal = _refusal(state)
        if refusal is not None:
            raise refusal
        try:
            self._engine.client().images.get(state.id).tag(*self.tag.split(":"))
            return self._keep_as_used(self.tag, is_chosen=not state.is_current)
        except (DockerException, requests.RequestException) as error:
            raise explain(error) from error

    def remove(self, version: str) -> int:
        """Remove a version; return its size in bytes, of which other versions may share a part."""
        state = self._find(version)
        images = self._engine.client().images
        try:
            for tag in images.get(state.id).tags:
                images.remove(tag)
        except (DockerException, requests.RequestException) as error:
            if getattr(error, "status_code", None) == 409:
                raise EngineError(
                    f"{state.tag} is in use by a container.", "End its run, then remove it.", code="image_in_use"
                ) from error
            raise explain(error) from error
        return state.size_bytes

    def _find(self, version: str) -> ImageState:
        found = [state for state in self.versions() if version in (state.tag, state.tag.split(":")[1], state.id)]
        if not found:
            raise EngineError(
                f"There is no trainer image {version}.", "`tunedeck image list` shows them.", code="image_missing"
            )
        return found[0]

    def _keep_as_used(self, tag: str, *, is_chosen: bool = False) -> ImageState:
        """Give the image that is used a name that outlives the next build, and note whether the user wants just it."""
        images = self._engine.client().images
        image = images.get(tag)
        sources = (image.labels or {}).get(LABEL_SOURCES) or str(image.id).removeprefix("sha256:")[:16]
        image.tag(REPOSITORY, f"{self.tag.split(':')[1]}-{sources}")
        if is_chosen:
            image.tag(*self._chosen_tag.split(":"))
        else:
            with contextlib.suppress(ImageNotFound):
                images.remove(self._chosen_tag)
        self._thin_out()
        state = self.state()
        assert state is not None
        return state

    def _thin_out(self) -> None:
        """Keep the last few versions of this variant; of those in use by a container, the engine keeps hold itself."""
        own = f"{REPOSITORY}:{CONTRACT}-{self.variant}-"
        mine = [state for state in self.versions() if state.tag.startswith(own) and not state.is_used]
        for state in mine[KEPT - 1 :]:
            with contextlib.suppress(APIError):
                self._engine.client().images.remove(state.tag)

    @property
    def _chosen_tag(self) -> str:
        return f"{self.tag}-chosen"

    def _is_chosen(self, id: str) -> bool:
        try:
            return str(self._engine.client().images.get(self._chosen_tag).id) == id
        except ImageNotFound:
            return False

    def _build_on(self, base: str, tell: Told) -> None:
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
            follow_build(stream, tell, DOWNLOADS[self.variant])


def _teller(progress: Callable[[BuildStep], None]) -> Told:
    started = time.monotonic()

    def tell(number: int, total: int, text: str, fetched: Fetched | None = None, size: int | None = None) -> None:
        progress(BuildStep(number, total, text, time.monotonic() - started, size, fetched))

    return tell


def _read(image: Any, tag: str, current: frozenset[str]) -> ImageState:
    labels = image.labels or {}
    contract = labels.get(LABEL_CONTRACT, "")
    return ImageState(
        tag=tag,
        id=str(image.id),
        contract=int(contract) if contract.isdigit() else None,
        size_bytes=int(image.attrs["Size"]),
        architecture=str(image.attrs["Architecture"]),
        is_current=labels.get(LABEL_SOURCES) in current,
        made=str(image.attrs.get("Created", "")),
    )


def _version_tag(tags: list[str]) -> str | None:
    """Return the name that tells a version from the others; those for what is used and chosen move about."""
    own = sorted((tag for tag in tags if tag.startswith(f"{REPOSITORY}:") and not tag.endswith("-chosen")), key=len)
    return own[-1] if own else None


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


def current_digests() -> frozenset[str]:
    """Return the digests of today's sources for every variant; each reads all of them, so ask once for many images."""
    return frozenset({sources_digest("cpu"), sources_digest("cuda")})


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
