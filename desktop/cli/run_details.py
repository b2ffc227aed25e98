"""What there is to say about a run, for programs and for people."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from desktop.core import folders, metrics
from desktop.core.run import Run
from desktop.core.run_log import tail_of_log


def summary(run: Run) -> dict[str, Any]:
    """Return what a list of runs says of one."""
    return {
        "id": run.id,
        "name": run.name,
        "state": run.state,
        "engine": run.engine,
        "method": run.config.method,
        "model": run.config.model,
        "dataset": run.config.dataset,
        "step": run.step,
        "total_steps": run.total_steps,
        "loss": run.loss,
        "started": run.started.isoformat() if run.started else None,
        "ended": run.ended.isoformat() if run.ended else None,
        "folder": str(run.folder),
        "size_bytes": run.size_bytes,
    }


def details(run: Run) -> dict[str, Any]:
    """Return everything about one run."""
    failure = run.failure
    hello = run.progress.hello
    progress = run.progress
    return {
        **summary(run),
        "after": run.after,
        "container": run.body.handle if run.engine == "docker" and run.body and run.body.state == "running" else None,
        "gpus": [gpu.model_dump() for gpu in hello.gpus] if hello else [],
        "checkpoints": [
            {"step": step, "folder": str(folder), "complete": True} for step, folder in run.files.complete_checkpoints()
        ],
        "adapter": str(run.adapter) if run.adapter else None,
        "dataset_version": ref.model_dump() if (ref := folders.read_dataset(run.files)) else None,
        "failure": {
            "code": failure.code,
            "sentence": failure.sentence,
            "hint": failure.hint,
            "log_tail": tail_of_log(run.files.log),
        }
        if failure
        else None,
        "phases": [{"name": name, "seconds": seconds} for name, seconds in progress.phases],
        "placement": _dump(progress.placement),
        "batch": _dump(progress.batch),
        "out_of_memory": [_dump(event) for event in progress.out_of_memory],
        "metrics": dict(progress.metrics),
        "evaluation": _dump(progress.evaluation),
        "best_step": progress.best_step,
        "rounds": [_dump(event) for event in progress.rounds],
        "suggestion": _dump(progress.suggestion),
        "config": run.config.model_dump(mode="json"),
    }


def _dump(event: BaseModel | None) -> dict[str, Any] | None:
    """Return what an event says, without where it stands in the log."""
    return None if event is None else event.model_dump(mode="json", exclude={"kind", "seq", "time"})


def as_words(key: str, value: Any) -> str:
    """Return one of the details for people: what has a sentence says it, numbers come by their names."""
    if key == "dataset_version" and value:
        return f"{value['name']}@{value['number']} (SHA-256 {value['sha256'][:12]})"
    if isinstance(value, dict) and "sentence" in value:
        return str(value["sentence"])
    if key == "metrics":
        return ", ".join(f"{metrics.label(name)} {_number(one)}" for name, one in value.items()) or "none"
    if key == "evaluation" and value:
        every = {"loss": value["loss"], **value["metrics"]}
        numbers = ", ".join(f"{metrics.label(name)} {_number(one)}" for name, one in every.items())
        return f"step {value['step']}: {numbers}"
    if key == "out_of_memory":
        return " ".join(event["sentence"] for event in value) or "never"
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
