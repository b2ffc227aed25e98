"""Will the config in the form fit, and how long would it take; answered anew whenever a knob, a card or a row changes.

The arithmetic takes a millisecond and runs where it is asked. What has to be read from disk (the model's sizes, the
longest row, the speed of earlier runs) comes from a job, once for each model, file and kind of run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from PySide6.QtCore import QObject, Signal

from desktop.controllers.hardware import GpuSample, Hardware
from desktop.controllers.jobs import Jobs
from desktop.controllers.runs import Runs
from desktop.core.duration import Duration, Rows, duration, is_alike, learnt_speeds, rows_of_text
from desktop.core.fit import CPU_INDEX, Fit, GpuFit, Knowledge, Offer, Room, assess, unknown
from desktop.core.model_sizes import Sizes, find_run_sizes
from desktop.core.models import needed_repository
from desktop.core.peaks import Peak, PeakTable, correction, take_peaks
from desktop.core.store import Store
from desktop.engine.seen_rows import Lengths
from desktop.paths import Home
from trainer_image.contract import RunConfig
from trainer_image.model.files import longest_row

__all__ = ["Duration", "Fit", "Fitting", "GpuFit", "Lengths", "Offer", "Room", "TokenCounts"]

SizesKey = tuple[str, str | None, bool, int | None]
"""A model, its revision, whether it is to be in 4 bits, and the size of its files, where the Hub has told it."""
NOTICEABLE_BYTES = 64 * 1024**2
"""Free memory that changes by less is no news."""


@dataclass(frozen=True)
class TokenCounts:
    """What was measured of a dataset's rows, in tokens."""

    dataset: str
    longest: int
    mean: float
    share_cut: Callable[[int], float]


class Fitting(QObject):
    """Answers for one config at a time, and learns from every run that ends."""

    changed = Signal()
    """Look at ``fit`` and ``duration``."""

    def __init__(
        self, home: Home, store: Store, runs: Runs, hardware: Hardware, jobs: Jobs, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._caches = [home.caches, home.caches / "hub"]
        self._runs = runs
        self._hardware = hardware
        self._jobs = jobs
        self._table = PeakTable(store)
        self._peaks: list[Peak] | None = None
        self._config: RunConfig | None = None
        self._rows = 0
        self._counts: TokenCounts | None = None
        self._sizes: dict[SizesKey, Sizes] = {}
        self._weight_bytes: dict[str, int] = {}
        self._longest: dict[tuple[str, str], int] = {}
        self._speeds: dict[tuple[object, ...], list[float]] = {}
        self._asked: set[object] = set()
        self._shown: list[GpuSample] = []
        self.fit: Fit | None = None
        """None while the form is not complete, or the model is being looked up."""
        self.duration: Duration | None = None
        hardware.sampled.connect(self._take_samples)
        runs.run_changed.connect(self._learn)

    # What is asked

    def show(self, config: RunConfig | None, rows: int = 0) -> None:
        """Answer for this config from now on; ``rows`` is how many rows of its dataset can be used."""
        self._config, self._rows = config, rows
        self._answer(asks_again=True)

    def take_counts(self, counts: TokenCounts | None) -> None:
        """Take in the lengths of the dataset's rows, once they are measured."""
        self._counts = counts
        self._answer()

    def take_examined(self, repository: str, weight_bytes: int | None) -> None:
        """Take in that a model was looked over: its config.json may be here now, and the Hub may have told its size."""
        if weight_bytes is not None:
            self._weight_bytes[repository] = weight_bytes
        if self._config is not None and repository == _needed(self._config):
            key = self._sizes_key(self._config)
            self._asked.discard(("sizes", key))
            self._ask_sizes(key, self._config)

    def _take_samples(self, samples: list[GpuSample]) -> None:
        before = {sample.index: sample.used_bytes for sample in self._shown}
        news = [abs(sample.used_bytes - before.get(sample.index, 0)) >= NOTICEABLE_BYTES for sample in samples]
        if any(news) or len(samples) != len(self._shown):
            self._shown = list(samples)
            self._answer()

    # The answer

    def _answer(self, asks_again: bool = False) -> None:
        config = self._config
        self.fit = self.duration = None
        if config is not None:
            sizes = self._sizes_of(config, asks_again)
            if sizes is not None:
                rooms = rooms_of(self._hardware.samples)
                self.fit = self._fit(config, sizes, rooms)
                self.duration = self._duration(config, sizes, rooms)
        self.changed.emit()

    def _fit(self, config: RunConfig, sizes: Sizes, rooms: list[Room]) -> Fit:
        if sizes.facts is None:
            return unknown(sizes.why_not, rooms)
        counts = self._counts if self._counts and self._counts.dataset == config.dataset else None
        known = Knowledge(
            correction=self.correction,
            longest_row=self.longest,
            share_cut=counts.share_cut if counts else None,
        )
        return assess(config, sizes.facts, rooms, computer_room(), known)

    def _duration(self, config: RunConfig, sizes: Sizes, rooms: list[Room]) -> Duration | None:
        rows = None
        counts = self._counts if self._counts and self._counts.dataset == config.dataset else None
        if self._rows and counts is not None:
            mean = min(float(config.max_length), counts.mean)
            rows = Rows(self._rows, mean, mean)
        elif self._rows:
            rows = rows_of_text(self._rows, _size(config.dataset), config.max_length)
        used = [gpu.room.name for gpu in self.fit.gpus if gpu.predicted_bytes and gpu.driver_bytes] if self.fit else []
        if self.fit is not None and self.fit.placement == "layers":
            used = used[:1]  # the cards take turns
        return duration(config, sizes.facts, rows, used, self._speeds_of(config))

    @property
    def longest(self) -> int | None:
        """Tokens that no row of the shown config's dataset exceeds, measured or by its bytes; None is not known yet."""
        config, counts = self._config, self._counts
        if config is None:
            return None
        return counts.longest if counts and counts.dataset == config.dataset else self._longest_of(config)

    def correction(self, card: str) -> float:
        """Return by how much cards of this name have needed more than predicted here."""
        if self._peaks is None:
            self._peaks = self._table.all()
        return correction(self._peaks, card)

    # What has to be read first

    def _sizes_of(self, config: RunConfig, asks_again: bool) -> Sizes | None:
        key = self._sizes_key(config)
        known = self._sizes.get(key)
        if known is not None and known.facts is None and asks_again:
            # It may have been fetched meanwhile.
            self._asked.discard(("sizes", key))
        if known is None or known.facts is None:
            self._ask_sizes(key, config)
        return known

    def _sizes_key(self, config: RunConfig) -> SizesKey:
        needed, four_bit = _needed(config), config.load_in_4bit and not config.full_finetuning
        return config.model, config.model_revision, four_bit, self._weight_bytes.get(needed)

    def _ask_sizes(self, key: SizesKey, config: RunConfig) -> None:
        self._look_up(
            ("sizes", key),
            lambda: find_run_sizes(config, self._caches, key[-1]),
            lambda found: self._take(key, found),
        )

    def _take(self, key: SizesKey, found: Sizes) -> None:
        self._sizes[key] = found

    def _longest_of(self, config: RunConfig) -> int | None:
        """Return the longest row by the bytes of the file; None until it is read."""
        key = (config.dataset, _stamp(config.dataset))
        whole = config.model_copy(update={"max_length": 1_048_576, "packing": False, "method": "sft"})
        if key not in self._longest:
            self._look_up(
                ("longest", key), lambda: longest_row(whole), lambda found: self._longest.update({key: found})
            )
        return self._longest.get(key)

    def _speeds_of(self, config: RunConfig) -> list[float]:
        alike = [run for run in self._runs.all() if not run.state.can_cancel and is_alike(run.config, config)][:10]
        key = tuple(run.id for run in alike)
        if key and key not in self._speeds:
            files = [run.files for run in alike]
            self._look_up(
                ("speeds", key), lambda: learnt_speeds(files), lambda found: self._speeds.update({key: found})
            )
        return self._speeds.get(key, [])

    def _look_up(self, what: object, work: Callable[[], object], take: Callable[..., None]) -> None:
        if what in self._asked:
            return
        self._asked.add(what)

        def done(found: object) -> None:
            take(found)
            self._answer()

        self._jobs.run("pool", work, done)

    # What runs teach

    def _learn(self, run_id: str) -> None:
        run = self._runs.get(run_id)
        if run is None or run.state.can_cancel or run.progress.step is None or not run.progress.step.gpu_peak_bytes:
            return
        sizes = find_run_sizes(run.config, self._caches)
        peaks = take_peaks(run_id, run.config, run.progress, sizes.facts)
        before = [peak for peak in self._all_peaks() if peak.run_id == run_id]
        if peaks and peaks != before:
            self._table.keep(run_id, peaks)
            self._peaks = [peak for peak in self._all_peaks() if peak.run_id != run_id] + peaks
            self._answer()

    def _all_peaks(self) -> list[Peak]:
        if self._peaks is None:
            self._peaks = self._table.all()
        return self._peaks


def _needed(config: RunConfig) -> str:
    four_bit = config.load_in_4bit and not config.full_finetuning
    return needed_repository(config.model, four_bit=four_bit, revision=config.model_revision)


def rooms_of(samples: list[GpuSample]) -> list[Room]:
    """Return the cards as they are now; one that tells no figures shares the computer's memory."""
    return [
        Room(one.index, one.name, one.total_bytes, one.total_bytes - one.used_bytes)
        if one.total_bytes
        else replace(computer_room(), index=one.index, name=one.name)
        for one in samples
    ]


def computer_room() -> Room:
    """Return the computer's own memory."""
    memory = psutil.virtual_memory()
    return Room(CPU_INDEX, "Computer's memory", int(memory.total), int(memory.available))


def _stamp(path: str) -> str:
    try:
        facts = Path(path).stat()
    except OSError:
        return ""
    return f"{facts.st_mtime_ns} {facts.st_size}"


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
