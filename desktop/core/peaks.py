"""What runs were predicted to need of a card and what they needed, and what this machine's cards teach by that.

A row stays when its run is deleted: what was learnt of the machine is still true.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select

from desktop.core.progress import Progress
from desktop.core.store import Store
from desktop.core.tables import PeakRow
from trainer_image.contract import Hello, Plan, RunConfig
from trainer_image.fitting.memory import predict
from trainer_image.model.facts import ModelFacts

REMEMBERED = 50
"""The latest measurements of a card count, so that a new driver or trainer is learnt in time."""
ENOUGH = 5
"""With fewer measurements the prediction is raised where they say so, never lowered."""
LEAST, MOST = 0.9, 1.3
"""Beyond these something else is wrong, and a factor would only hide it."""


@dataclass(frozen=True)
class Peak:
    """One card in one run, in bytes, as torch reports them."""

    run_id: str
    card: str
    """Its name, such as NVIDIA GeForce RTX 3060."""
    placement: str
    predicted_bytes: int
    measured_bytes: int
    is_exact: bool = True
    """The rows were surely as long as the prediction took them to be; where not, less was needed for a reason."""

    @property
    def ratio(self) -> float:
        return self.measured_bytes / max(1, self.predicted_bytes)


def correction(peaks: Iterable[Peak], card: str) -> float:
    """Return the factor that cards of this name need over the prediction; the latest measurements come last."""
    ratios = [peak.ratio for peak in peaks if peak.card == card and (peak.is_exact or peak.ratio > 1)][-REMEMBERED:]
    if not ratios:
        return 1.0
    middle = statistics.median(ratios)
    return min(MOST, max(LEAST if len(ratios) >= ENOUGH else 1.0, middle))


def take_peaks(run_id: str, config: RunConfig, progress: Progress, model: ModelFacts | None) -> list[Peak]:
    """Return what a run that has ended says of its cards; none for one on a CPU, or that made no step.

    The prediction is made anew for what really ran: its micro-batches, and rows as long as they were.
    """
    placement, hello, step = progress.placement, progress.hello, progress.step
    if placement is None or hello is None or step is None or not step.gpu_peak_bytes:
        return []
    measured = step.gpu_peak_bytes
    predicted = list(placement.predicted_bytes)
    if model is not None:
        ran = as_it_ran(config, progress)
        shares = [_free(hello, index) for index in range(len(measured))]
        predicted = [one.allocated for one in predict(ran, model, placement.placement, shares)]
    names = [gpu.name for gpu in hello.gpus]
    exact = has_full_rows(config, progress.plan)
    return [
        Peak(run_id, names[min(place, len(names) - 1)], placement.placement, predicted[place], size, exact)
        for place, size in enumerate(measured)
        if names and place < len(predicted) and size and predicted[place]
    ]


def _free(hello: Hello, index: int) -> float:
    """Return what a card had; nearly all of it was free when a run could train there."""
    return float(hello.gpus[index].total_bytes) if index < len(hello.gpus) else 1.0


def as_it_ran(config: RunConfig, progress: Progress) -> RunConfig:
    """Return the config with what the trainer changed: after full memory, and to fill the card."""
    changes: dict[str, object] = {}
    if progress.batch is not None:
        changes |= {
            "per_device_train_batch_size": progress.batch.per_device_train_batch_size,
            "gradient_checkpointing": progress.batch.gradient_checkpointing,
        }
    if progress.out_of_memory:
        changes["per_device_train_batch_size"] = progress.out_of_memory[-1].per_device_train_batch_size
    return config.model_copy(update=changes)


def has_full_rows(config: RunConfig, plan: Plan | None) -> bool:
    """Say whether the rows were surely as long as the longest row: some were cut, or they were packed full."""
    return plan is not None and (bool(plan.rows_cut) or config.packing or config.method == "pretrain")


class PeakTable:
    """The rows in the database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Peak]:
        """Return every measurement, oldest first."""
        with self._store.session() as session:
            return [
                Peak(row.run_id, row.card, row.placement, row.predicted_bytes, row.measured_bytes, row.is_exact)
                for row in session.scalars(select(PeakRow).order_by(PeakRow.id))
            ]

    def keep(self, run_id: str, peaks: Sequence[Peak]) -> None:
        """Keep what a run has measured, in the place of what it measured before it was resumed."""
        now = datetime.now(UTC)
        with self._store.session() as session:
            session.execute(delete(PeakRow).where(PeakRow.run_id == run_id))
            session.add_all([PeakRow(taken=now, **peak.__dict__) for peak in peaks])
