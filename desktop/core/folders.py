"""The run folders on disk: written before a start, read back at any time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from desktop.body import ENGINES, EngineName
from desktop.core.config_values import read_config_file, read_values
from desktop.core.run import NEVER_STARTED, Failure, Run, RunState
from desktop.core.run_log import LineTail
from desktop.core.run_log import read_events as read_event_file
from desktop.errors import AppError, StoreError
from trainer_image.contract import (
    Cancelled,
    DatasetRef,
    Event,
    Failed,
    FailureCode,
    Launch,
    Request,
    RunConfig,
    RunFolder,
    StopRequest,
    UnknownLine,
    Warned,
    read_request,
    write_event,
    write_request,
)

STARTING = ".starting"
"""The file in a run folder that is locked while an app starts the run."""


def name_for(config: RunConfig, dataset: str = "") -> str:
    """Return a name for a run that was given none: its model and its dataset."""
    return f"{Path(config.model).name} · {dataset or Path(config.dataset).stem}"


def free_name(wanted: str, taken: Collection[str]) -> str:
    """Return a name for a run that was given none: ``wanted``, or with a number behind it where that is taken."""
    number, name = 1, wanted
    # The two runs of RLHF add to the name which of the two they are.
    while any(known == name or known.startswith(f"{name} (") for known in taken):
        number += 1
        name = f"{wanted} {number}"
    return name


def write_run(run: Run, gpus: tuple[int, ...], dataset: DatasetRef | None = None, *, is_claimed: bool = False) -> None:
    """Make the run's folder with its config in it, and which version of which dataset it trains on.

    ``is_claimed``: the folder is there with the config, for a trainer stands ready in it.
    """
    try:
        if not is_claimed:
            run.folder.mkdir(parents=True)
            run.files.config.write_text(run.config.model_dump_json(indent=2) + "\n")
        if dataset is not None:
            run.files.dataset.write_text(dataset.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise StoreError(
            f"The run folder {run.folder} cannot be written: {error.strerror}.",
            "Free some space, or choose another home with --home.",
        ) from error
    write_launch(run, gpus)


def read_dataset(files: RunFolder) -> DatasetRef | None:
    """Return the version of a dataset that a run trains on, or None where its file has no name in the library."""
    try:
        return DatasetRef.model_validate_json(files.dataset.read_bytes())
    except (OSError, ValueError):
        return None


def write_launch(run: Run, gpus: tuple[int, ...], restarts: int = 0) -> Launch:
    """Note a start: what was said before it belongs to an earlier try."""
    requests = run.files.requests
    launch = Launch(
        engine=run.engine,
        gpus=list(gpus),
        name=run.name,
        after=run.after,
        created=run.created,
        started=datetime.now(UTC),
        after_seq=run.progress.last_seq,
        requests_offset=requests.stat().st_size if requests.exists() else 0,
        position=run.position,
        not_before=run.not_before,
        restarts=restarts,
    )
    _write_aside(run.files.launch, launch.model_dump_json(indent=2) + "\n")
    return launch


def write_name(run: Run) -> None:
    """Keep a new name in the folder, so that a rebuilt catalogue knows it."""
    _change_launch(run, name=run.name)


def write_place(run: Run) -> None:
    """Keep a run's place in the queue in its folder; what was said before still belongs to its latest try."""
    _change_launch(run, position=run.position, not_before=run.not_before)


def write_config(run: Run) -> None:
    """Write the config of a run that has not begun anew; StoreError where that cannot be done."""
    try:
        _write_aside(run.files.config, run.config.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise StoreError(
            f"The config of {run.name} cannot be written: {error.strerror}.", "Free some space, then try again."
        ) from error


def _change_launch(run: Run, **values: object) -> None:
    launch = read_launch(run.files).model_copy(update=values)
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
    waits = launch.position is not None or (launch.after is not None and _last_seq(files) <= launch.after_seq)
    return Run(
        id=folder.name,
        name=launch.name or name_for(config),
        engine=engine,
        folder=folder,
        config=config,
        created=launch.created,
        started=None if waits else launch.started,
        state=RunState.WAITING if waits else RunState.STARTING,
        size_bytes=size_of(folder),
        after=launch.after,
        position=launch.position,
        not_before=launch.not_before,
    )


class Start:
    """A start that somebody is busy with; the kernel ends it with the process, however that ends."""

    def __init__(self, files: RunFolder) -> None:
        self._handle = os.open(files.path / STARTING, os.O_RDWR | os.O_CREAT, 0o644)
        with suppress(OSError):  # a file system without locks, or another app is at it: the engine decides
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def end(self) -> None:
        os.close(self._handle)


def is_being_started(files: RunFolder) -> bool:
    """Say whether a process is busy starting this run's body now."""
    return is_locked(files.path / STARTING)


def is_locked(path: Path) -> bool:
    """Say whether a process that lives holds the lock of a file."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        os.close(handle)


def read_events(files: RunFolder) -> list[Event | UnknownLine]:
    """Return every whole event of a run."""
    return read_event_file(files.events)


def _last_seq(files: RunFolder) -> int:
    return max((event.seq for event in read_events(files) if not isinstance(event, UnknownLine)), default=-1)


def write_failure(run: Run, sentence: str, hint: str, code: FailureCode = "not_started") -> None:
    """Note in the folder why a trainer is not there; while it is not, the app may write its events."""
    event = Failed(seq=run.progress.last_seq + 1, code=code, sentence=sentence, hint=hint)
    _append(run.files.events, write_event(event))


def write_cancellation(run: Run, why: Failure | None = None) -> None:
    """Note in the folder of a run that waited that it is not going to start, and why where the user did not ask so."""
    seq = run.progress.last_seq + 1
    if why is not None:
        warning = Warned(seq=seq, code=NEVER_STARTED, sentence=why.sentence, hint=why.hint)
        _append(run.files.events, write_event(warning))
        seq += 1
    _append(run.files.events, write_event(Cancelled(seq=seq, step=run.step)))


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
    for place, names, files in os.walk(folder):  # passes over a folder that is gone meanwhile, as an old checkpoint is
        for name in (*names, *files):
            with suppress(OSError):
                total += Path(place, name).lstat().st_size
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
