"""Turns a GGUF file into a model folder, in a container or process of its own."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

from desktop.engine.launch import Machine, plan_conversion
from desktop.engine.verbs import Engine
from desktop.errors import AppError, EngineError

LOOK_S = 0.5


def folder_for(gguf: Path, models: Path) -> Path:
    """Return the folder that a GGUF file becomes."""
    return models / gguf.stem


def is_model_folder(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def import_gguf(
    gguf: Path,
    models: Path,
    engine: Engine,
    machine: Machine,
    limit_s: float = 3600,
    given_up: threading.Event | None = None,
) -> Path:
    """Return the model folder of a GGUF file, made if it is not there; AppError says why it could not be."""
    target = folder_for(gguf, models)
    if is_model_folder(target):
        return target
    if not gguf.is_file():
        raise AppError(f"There is no file {gguf}.", "Choose another one.", "model_missing")
    models.mkdir(parents=True, exist_ok=True)
    said = convert(gguf, target, engine, machine, limit_s, given_up)
    if not is_model_folder(target):
        raise EngineError(
            f"{gguf.name} could not be turned into a model folder.", f"The trainer said: {said}", "conversion_failed"
        )
    return target


def convert(
    gguf: Path,
    target: Path,
    engine: Engine,
    machine: Machine,
    limit_s: float,
    given_up: threading.Event | None = None,
) -> str:
    """Let the trainer make ``target`` of the file, wait for its end, and return the end of what it said.

    Once ``given_up`` is set it is ended: an app that is closed does not wait for it, and another one makes it anew.
    """
    given_up = given_up or threading.Event()
    spec = plan_conversion(gguf, target, machine)
    engine.start(spec)
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        body = engine.find().get(spec.id)
        if body is None or body.state != "running":
            break
        if given_up.wait(LOOK_S):
            engine.signal(spec.id, "kill")
            time.sleep(LOOK_S)
            break
    output = engine.output(spec.id)
    engine.remove(spec.id)
    if given_up.is_set():  # who was killed has not cleared up
        shutil.rmtree(target.with_name(f".{target.name}.partial"), ignore_errors=True)
    return output.strip()[-400:] or "nothing"
