"""What the engine says while it builds or pulls an image, turned into steps for a person."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from desktop.engine.docker_errors import explain
from desktop.engine.steps import Fetched, Fetching
from desktop.engine.wheels import package_of
from desktop.errors import EngineError

Tell = Callable[[int, int, str, Fetched | None], None]
"""Number of the step, of how many, what it does, and what has been fetched."""


def follow_build(stream: Iterator[dict[str, Any]], tell: Tell, expected_bytes: int | None = None) -> None:
    """Turn the engine's build messages into steps; EngineError with the last lines where the build fails."""
    number, total, text = 1, 1, "sending the build context"
    lines: list[str] = []
    fetching = Fetching(expected_bytes)
    file, package = "", ""
    for message in stream:
        if "error" in message:
            raise explain_build(str(message["error"]), lines)
        line = str(message.get("stream") or message.get("status") or "").rstrip()
        if not line.strip():
            continue
        if progress := re.match(r"Progress (\d+) of (\d+)$", line.strip()):
            fetching.note(file, int(progress[1]))
            tell(number, total, f"{text}{package}", fetching.now())
            continue
        lines.append(line)
        if step := re.match(r"Step (\d+)/(\d+) : (\w+)", line):
            number, total, text, package = int(step[1]), int(step[2]), _words_for(line), ""
            tell(number, total, text, None)
        elif name := package_of(line):
            file, package = line, f" ({name})"
            tell(number, total, f"{text}{package}", fetching.now())


def follow_pull(stream: Iterator[dict[str, Any]], tell: Tell) -> None:
    """Turn the engine's pull messages into layers that are there, of how many; RuntimeError where the pull fails."""
    sizes: dict[str, int] = {}
    layers: dict[str, bool] = {}
    fetching = Fetching()
    for message in stream:
        if "error" in message:
            raise RuntimeError(str(message["error"]))
        layer, status = str(message.get("id") or ""), str(message.get("status") or "")
        if not re.fullmatch(r"[0-9a-f]{12}", layer):
            continue  # the image's own name, and the digest at the end
        layers.setdefault(layer, False)
        detail = message.get("progressDetail") or {}
        if status == "Downloading" and detail.get("total"):
            sizes[layer] = int(detail["total"])
            fetching.total = sum(sizes.values())
            fetching.note(layer, int(detail.get("current") or 0))
        elif status == "Download complete" and layer in sizes:
            fetching.note(layer, sizes[layer])
        elif status in ("Pull complete", "Already exists"):
            layers[layer] = True
        is_unpacking = status == "Extracting"
        words = "unpacking a layer" if is_unpacking else "pulling the image"
        tell(sum(layers.values()), len(layers), words, fetching.now())


def explain_pull(reference: str, error: BaseException) -> EngineError:
    """Return what a pull that failed means for a person."""
    told = explain(error)
    said = str(getattr(error, "explanation", None) or error)
    if told.code in ("disk_full", "engine_not_running", "engine_permission"):
        return told
    if any(words in said for words in ("denied", "unauthorized", "authentication required")):
        return EngineError(
            f"The registry does not give you {reference}.",
            "Check its name, or sign in (docker login).",
            code="image_denied",
        )
    if any(words in said.lower() for words in ("not found", "manifest unknown", "no such image")):
        return EngineError(f"There is no image {reference}.", "Check its name and its tag.", code="image_not_found")
    return EngineError(
        f"{reference} cannot be pulled: {said.strip().splitlines()[0][:200]}",
        "Check the network, then try again.",
        code="pull_failed",
    )


def explain_build(error: str, lines: list[str]) -> EngineError:
    """Return what a build that failed means for a person."""
    told = explain(RuntimeError(error + "\n" + "\n".join(lines[-20:])))
    if told.code == "disk_full":
        return told
    said = next((line for line in reversed(lines) if "ERROR" in line), error)
    return EngineError(
        f"The trainer image could not be built: {said.strip()[:300]}",
        "Check the network, then try again; `tunedeck image build` shows every step.",
        code="build_failed",
    )


def _words_for(line: str) -> str:
    known = (
        ("requirements.txt", "installing the trainer's libraries"),
        ("requirements-${VARIANT}", "installing PyTorch"),
        ("apt-get", "looking for a compiler"),
        ("COPY", "copying"),
        ("RUN", "preparing"),
    )
    return next((words for part, words in known if part in line), "setting up")
