"""What the Docker engine's errors mean for a person: one sentence, and what to do."""

from __future__ import annotations

from desktop.errors import EngineError

NOT_RUNNING = EngineError(
    "No Docker engine answers.",
    "Start it (sudo systemctl start docker), or install it (sudo apt install docker.io). "
    "Without one, runs can go without a container: engine process.",
    code="engine_not_running",
)


def explain(error: BaseException) -> EngineError:
    """Return the EngineError for whatever the SDK raised."""
    if isinstance(error, EngineError):
        return error
    text = _all_words(error)
    for words, explained in _KNOWN:
        if any(word.lower() in text.lower() for word in words):
            # A new one for each: an instance that is raised again and again gathers tracebacks for ever.
            return EngineError(explained.sentence, explained.hint, explained.code)
    return EngineError(
        f"The Docker engine refused: {_shortest(error)}",
        "`tunedeck doctor` examines the engine.",
        code="engine_refused",
    )


_KNOWN: tuple[tuple[tuple[str, ...], EngineError], ...] = (
    (
        ("Connection aborted.', PermissionError",),
        EngineError(
            "You may not use the Docker engine's socket.",
            "Add yourself to its group (sudo usermod -aG docker $USER), then log out and in again.",
            code="engine_permission",
        ),
    ),
    (
        (
            "could not select device driver",
            "nvidia-container-cli",
            "unresolvable CDI devices",
            "CDI device injection",
        ),
        EngineError(
            "The Docker engine cannot hand GPUs to containers.",
            "Install NVIDIA's container toolkit from NVIDIA's repository, tell Docker of it (sudo nvidia-ctk runtime "
            "configure --runtime=docker), and restart Docker. The doctor has the commands for this Linux.",
            code="gpu_driver_missing",
        ),
    ),
    (
        ("No space left on device", "ENOSPC", "disk quota exceeded"),
        EngineError(
            "The disk is full.",
            "Free some gigabytes; docker system prune removes images and containers that nobody uses.",
            code="disk_full",
        ),
    ),
    (
        ("No such image", "ImageNotFound", "pull access denied"),
        EngineError("The trainer image is missing.", "Build it: tunedeck image build.", code="image_missing"),
    ),
    (
        ("exec format error", "does not match the detected host platform", "no matching manifest"),
        EngineError(
            "The trainer image was made for another kind of processor.",
            "Build it on this machine: tunedeck image build.",
            code="image_foreign",
        ),
    ),
    (
        ("mounts denied", "is not shared from the host"),
        EngineError(
            "The Docker engine may not see the run's folder.",
            "In Docker Desktop, share it under Settings, Resources, File sharing.",
            code="mount_denied",
        ),
    ),
    (
        (
            "FileNotFoundError",
            "Connection refused",
            "ConnectionError",
            "Connection aborted",
            "Cannot connect",
        ),
        NOT_RUNNING,
    ),
    (
        ("Read timed out", "ReadTimeout", "timed out"),
        EngineError(
            "The Docker engine does not answer in time.",
            "It may be busy; if this stays, restart it: sudo systemctl restart docker.",
            code="engine_slow",
        ),
    ),
)


def _all_words(error: BaseException) -> str:
    """Return what the whole chain of an error says, names of classes included."""
    words = []
    current: BaseException | None = error
    while current is not None:
        words.append(f"{type(current).__name__}: {current}")
        current = current.__cause__ or current.__context__
    return "\n".join(words)


def _shortest(error: BaseException) -> str:
    explanation = getattr(error, "explanation", None)
    lines = str(explanation or error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
