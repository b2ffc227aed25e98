"""Two or more runs beside each other: what was set differently, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from desktop.core import metrics
from desktop.core.passport import Passport
from desktop.core.run import Run
from trainer_image.contract import Knob, knobs


@dataclass(frozen=True)
class Line:
    """One line of the comparison: a name, and a value for each run; None where a run has none."""

    name: str
    label: str
    values: tuple[Any, ...]

    @property
    def differs(self) -> bool:
        return any(value != self.values[0] for value in self.values)


@dataclass(frozen=True)
class Comparison:
    """The runs in their order, and the lines about them."""

    runs: tuple[Run, ...]
    settings: tuple[Line, ...]
    """Knobs that are not the same for all, in the order of the form."""
    results: tuple[Line, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for programs: values by run id."""
        ids = [run.id for run in self.runs]
        return {
            "runs": [{"id": run.id, "name": run.name, "state": run.state.value} for run in self.runs],
            "settings": {line.name: dict(zip(ids, line.values, strict=True)) for line in self.settings},
            "results": {line.name: dict(zip(ids, line.values, strict=True)) for line in self.results},
        }


def compare(runs: Sequence[Run]) -> Comparison:
    """Set runs beside each other."""
    values = [run.config.model_dump(mode="json") for run in runs]
    lines = []
    for knob in knobs():
        settings = [_setting(run, config, knob) for run, config in zip(runs, values, strict=True)]
        lines.append(Line(knob.name, knob.label, tuple(settings)))
    return Comparison(tuple(runs), tuple(line for line in lines if line.differs), tuple(_results(runs)))


MADE_OF = (
    ("driver", "Driver"),
    ("device", "Device"),
    ("gpus", "Cards"),
    ("processes", "Processes"),
    ("dataset_sha256", "Data, SHA-256"),
    ("model_fingerprint", "Model, fingerprint"),
    ("contract", "Contract"),
)
"""Parts of a passport that the config does not say."""
NO_IMAGE = "none"
NOT_INSTALLED = "not installed"


def made_of(runs: Sequence[Run], passports: Sequence[Passport]) -> list[Line]:
    """Return what the runs were not all made of: engine, image, machine, data, model, packages.

    None stands for what a run has not said, and what only one of them has said is no difference.
    """
    images = (
        one.image or (NO_IMAGE if run.engine == "process" else None) for run, one in zip(runs, passports, strict=True)
    )
    lines = [
        Line("engine", "Engine", tuple(run.engine for run in runs)),
        Line("image", "Image", tuple(images)),
        *(Line(name, label, tuple(getattr(one, name) or None for one in passports)) for name, label in MADE_OF),
    ]
    for name in sorted({name for one in passports for name in one.packages}, key=str.casefold):
        versions = (one.packages.get(name, NOT_INSTALLED) if one.packages else None for one in passports)
        lines.append(Line(name, name, tuple(versions)))
    return [line for line in lines if len({value for value in line.values if value is not None}) > 1]


def _setting(run: Run, values: dict[str, Any], knob: Knob) -> Any:
    """Return a knob of a run: None where its method does not use it."""
    if knob.name == "learning_rate":
        return run.config.resolved_learning_rate
    return values[knob.name] if run.config.method in knob.methods else None


def _results(runs: Sequence[Run]) -> list[Line]:
    def line(name: str, label: str, values: Sequence[Any]) -> Line:
        return Line(name, label, tuple(values))

    found = [
        line("state", "State", [run.state.value for run in runs]),
        line("step", "Step", [run.step for run in runs]),
        line("loss", "Loss", [run.loss for run in runs]),
        line(
            "eval_loss",
            "Evaluation loss",
            [run.progress.evaluation.loss if run.progress.evaluation else None for run in runs],
        ),
        line("best_step", "Best step", [run.progress.best_step for run in runs]),
    ]
    names = list(dict.fromkeys(name for run in runs for name in run.progress.metrics))
    found += [
        line(name, metrics.label(name).capitalize(), [run.progress.metrics.get(name) for run in runs]) for name in names
    ]
    steps = [run.progress.step for run in runs]
    found += [
        line("tokens", "Tokens", [step.tokens if step else None for step in steps]),
        line("tokens_per_s", "Tokens/s", [step.tokens_per_s if step else None for step in steps]),
        line(
            "gpu_peak_bytes",
            "Peak memory",
            [max(step.gpu_peak_bytes, default=None) if step else None for step in steps],
        ),
        line("seconds", "Time", [_seconds(run) for run in runs]),
        line("size_bytes", "Size on disk", [run.size_bytes or None for run in runs]),
    ]
    return [one for one in found if any(value is not None for value in one.values)]


def _seconds(run: Run) -> float | None:
    return run.seconds_of_work(run.ended or (run.progress.step.time if run.progress.step else None))
