"""The run folders on disk: written before a start, read back at any time."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from desktop.body import ENGINES, EngineName
from desktop.core.run import Run, RunState
from desktop.core.run_log import LineTail
from desktop.core.run_log import read_events as read_event_file
from desktop.core.store import read_config_file, read_values
from desktop.errors import AppError, ConfigError, StoreError
from trainer_image.contract import (
    Event,
    Failed,
    Launch,
    Request,
    RunConfig,
    RunFolder,
    StopRequest,
    UnknownLine,
    read_request,
    write_event,
    write_request,
)


def check_inputs(config: RunConfig) -> None:
    """Raise ConfigError where a file or folder that the run needs is not there."""
    dataset = Path(config.dataset)
    if not _can_be(dataset.is_file):
        raise ConfigError(
            f"There is no dataset file {config.dataset}.",
            "Choose a file on this machine: JSONL, JSON, CSV, TSV, Parquet or text.",
            code="dataset_missing",
        )
    if not os.access(dataset, os.R_OK):
        raise ConfigError(f"The dataset {dataset} may not be read.", "Give yourself the right to read it.")
    model = Path(config.model)
    if model.is_absolute() and not _can_be((model / "config.json").is_file):
        raise ConfigError(
            f"There is no model in the folder {model}.",
            "A model folder holds config.json, the weights and the tokenizer.",
            code="model_missing",
        )


def with_full_paths(values: Mapping[str, object], bases: Sequence[Path]) -> dict[str, object]:
    """Return config values whose model and dataset, where they are paths, are absolute.

    A relative path is looked for in each of ``bases`` in turn. A model that is no folder there is a Hub name.
    """
    full = dict(values)
    dataset, model = values.get("dataset"), values.get("model")
    if isinstance(dataset, str) and dataset.strip():
        full["dataset"] = str(find_path(dataset, bases) or _at(bases[0], dataset))
    if isinstance(model, str) and model.strip():
        found = find_path(model, bases)
        if found is not None and _can_be(found.is_dir):
            full["model"] = str(found)
        elif model.startswith((".", "/", "~")):
            full["model"] = str(_at(bases[0], model))
    return full


def find_path(word: str, bases: Sequence[Path]) -> Path | None:
    """Return the first file or folder that ``word`` leads to from one of ``bases``, or None."""
    return next((path for path in (_at(base, word) for base in bases) if _can_be(path.exists)), None)


def _at(base: Path, word: str) -> Path:
    """Return where a word points to from ``base``; one that cannot be a path, as it is."""
    try:
        return (base / Path(word).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError):  # ~nobody, a NUL, a circle of links
        return Path(word)


def _can_be(question: Callable[[], bool]) -> bool:
    """Ask the disk; what it refuses to look at (a name too long, a folder closed to us) is not there for us."""
    try:
        return question()
    except (OSError, ValueError):
        return False


def name_for(config: RunConfig) -> str:
    """Return a name for a run that was given none: its model and its dataset."""
    return f"{Path(config.model).name} · {Path(config.dataset).stem}"


def write_run(run: Run, gpus: tuple[int, ...]) -> None:
    """Make the run's folder with its config in it."""
    try:
        run.folder.mkdir(parents=True)
        run.files.config.write_text(run.config.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise StoreError(
            f"The run folder {run.folder} cannot be written: {error.strerror}.",
            "Free some space, or choose another home with --home.",
        ) from error
    write_launch(run, gpus)


def write_launch(run: Run, gpus: tuple[int, ...]) -> Launch:
    """Note a start: what was said before it belongs to an earlier try."""
    requests = run.files.requests
    launch = Launch(
        engine=run.engine,
        gpus=list(gpus),
        name=run.name,
        created=run.created,
        started=datetime.now(UTC),
        after_seq=run.progress.last_seq,
        requests_offset=requests.stat().st_size if requests.exists() else 0,
    )
    _write_aside(run.files.launch, launch.model_dump_json(indent=2) + "\n")
    return launch


def write_name(run: Run) -> None:
    """Keep a new name in the folder, so that a rebuilt catalogue knows it."""
    launch = read_launch(run.files).model_copy(update={"name": run.name})
    _write_aside(run.files.launch, launch.model_dump_json(indent=2) + "\n")


def read_launch(files: RunFolder) -> Launch:
    """Return the latest start; for a folder without one, a start before everything in it."""
    try:
        return Launch.model_validate_json(files.launch.read_bytes())
    except (OSError, ValueError):
        now = datetime.now(UTC)
        return Launch(engine="docker", created=now, started=now)


def read_run(folder: Path) -> Run | None:
    """Return the run that a folder holds, as far as its files tell, or None where it holds none."""
    files = RunFolder(folder)
    try:
        config = read_values(read_config_file(files.config))
    except AppError:
        return None
    launch = read_launch(files)
    engine: EngineName = launch.engine if launch.engine in ENGINES else "docker"
    return Run(
        id=folder.name,
        name=launch.name or name_for(config),
        engine=engine,
        folder=folder,
        config=config,
        created=launch.created,
        started=launch.started,
        state=RunState.STARTING,
        size_bytes=size_of(folder),
    )


def read_events(files: RunFolder) -> list[Event | UnknownLine]:
    """Return every whole event of a run."""
    return read_event_file(files.events)


def write_failure(run: Run, sentence: str, hint: str) -> None:
    """Note in the folder why no trainer came up; while there is none, the app may write its events."""
    event = Failed(seq=run.progress.last_seq + 1, code="not_started", sentence=sentence, hint=hint)
    _append(run.files.events, write_event(event))


def append_request(files: RunFolder, request: Request) -> None:
    """Ask something of the trainer."""
    _append(files.requests, write_request(request))


def stop_was_asked(files: RunFolder, launch: Launch) -> bool:
    """Say whether the user cancelled the latest try."""
    tail = LineTail(files.requests)
    tail.offset = launch.requests_offset
    return any(isinstance(read_request(line), StopRequest) for line in tail.poll())


def size_of(folder: Path) -> int:
    """Return the bytes that a folder holds."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except OSError:  # gone meanwhile
            continue
    return total


def _append(path: Path, text: str) -> None:
    """Append a whole line in one write; half a line that a killed writer left is ended first."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            is_half = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, (b"\n" if is_half else b"") + text.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.", "Free some space, then try again.") from error


def _write_aside(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    aside = path.with_name(f".{path.name}.new")
    try:
        aside.write_text(text)
        aside.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.", "Free some space, then try again.") from error
