"""What a run was made of, so that somebody else, or you in a year, can make it again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from desktop.core.run import Run
from trainer_image.contract import CONTRACT, DatasetRef


@dataclass(frozen=True)
class Passport:
    """Everything that decides what comes out; empty where the run has not said it."""

    run: str
    engine: str
    image: str
    packages: dict[str, str]
    driver: str
    device: str
    gpus: tuple[str, ...]
    processes: int
    dataset: str
    dataset_version: str
    dataset_sha256: str
    model: str
    model_revision: str
    model_fingerprint: str
    seed: int
    contract: int
    config: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON keeps it."""
        return asdict(self)


def passport(run: Run, dataset: DatasetRef | None) -> Passport:
    """Return the passport of a run, from what its trainer said; ``dataset`` is the version it trained on, if named."""
    hello, plan = run.progress.hello, run.progress.plan
    return Passport(
        run=run.id,
        engine=run.engine,
        image=hello.image if hello else "",
        packages=dict(hello.versions) if hello else {},
        driver=hello.driver if hello else "",
        device=hello.device if hello else "",
        gpus=tuple(gpu.name for gpu in hello.gpus) if hello else (),
        processes=hello.processes if hello else 0,
        dataset=run.config.dataset,
        dataset_version=f"{dataset.name}@{dataset.number}" if dataset else "",
        dataset_sha256=plan.dataset_sha256 if plan else dataset.sha256 if dataset else "",
        model=run.config.model,
        model_revision=_revision(run),
        model_fingerprint=plan.model_fingerprint if plan else "",
        seed=run.config.seed,
        contract=hello.contract if hello else CONTRACT,
        config=run.config.model_dump(mode="json"),
    )


@dataclass(frozen=True)
class Difference:
    """Something that is not as it was; ``matters`` says whether the numbers will differ for it."""

    what: str
    then: str
    now: str
    matters: bool = True

    @property
    def sentence(self) -> str:
        return f"{self.what}: {self.then or 'unknown'} then, {self.now or 'unknown'} now."


def differences(then: Passport, now: Passport) -> list[Difference]:
    """Return what differs between a run and its repetition; what one of them does not know is no difference."""
    pairs = [
        ("Image", then.image[:19], now.image[:19]),
        ("Driver", then.driver, now.driver),
        ("Device", then.device, now.device),
        ("Cards", ", ".join(then.gpus), ", ".join(now.gpus)),
        ("Processes", str(then.processes or ""), str(now.processes or "")),
        ("Data", then.dataset_sha256[:12], now.dataset_sha256[:12]),
        ("Model", then.model_fingerprint[:12], now.model_fingerprint[:12]),
        ("Contract", str(then.contract), str(now.contract)),
        ("Seed", str(then.seed), str(now.seed)),
    ]
    names = sorted(then.packages.keys() | now.packages.keys()) if then.packages and now.packages else []
    pairs += [(name, then.packages.get(name, ""), now.packages.get(name, "")) for name in names]
    # Another image with the same packages trains the same.
    return [
        Difference(what, old, new, what not in ("Image", "Driver"))
        for what, old, new in pairs
        if old != new and (old or new) and not (what not in names and not (old and new))
    ]


def _revision(run: Run) -> str:
    """Return the commit of a model from the Hub: as asked for, or as its folder in the cache is called."""
    parts = Path(run.config.model).parts
    if "snapshots" in parts[:-1]:
        return parts[parts.index("snapshots") + 1]
    return run.config.model_revision or ""
