"""What one sample of the cards costs in CPU, without the driver: the trainer's, and the window's. Goal: 1 % of a core.

    QT_QPA_PLATFORM=offscreen .venv/bin/python -m tests.benchmarks.gpu_sampler

The driver's own answers cannot be measured without one; NVML takes about 1 ms a card where there is one.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from desktop.core.gpu_history import CardLine, GpuHistory
from desktop.core.gpu_places import LiveColumns, view_of
from desktop.engine import gpus as doorway
from desktop.engine.gpus import Gpus
from tests.fakes import FakeCard, FakeNvml
from trainer_image.cards.readings import COLUMNS, as_list, read_card
from trainer_image.cards.sampler import Sampler
from trainer_image.cards.visible import Card
from trainer_image.contract import RunFolder

SAMPLES = 2000
FAKES = [
    FakeCard(name="RTX 3060", total=12 * 1024**3, load=90 + at, processes={os.getpid(): 8 * 1024**3}) for at in (0, 1)
]


def main() -> None:
    nvml = FakeNvml(list(FAKES))
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        cards = [Card(at, at, "RTX 3060", f"GPU-{'ab'[at]}", 12 * 1024**3, 0) for at in (0, 1)]
        sampler = Sampler(run, cards, every_s=3600)
        sampler.stop()
        sampler._write({"cards": [{"number": 0, "name": "x", "total": 1}] * 2, "columns": list(COLUMNS)})
        baseline = _cpu(lambda: time.time())
        trainer = _cpu(lambda: sampler._write([round(time.time(), 1), *(sampler._read(nvml, card) for card in cards)]))
        doorway.pynvml = nvml
        gpus, live = Gpus(), LiveColumns()
        line = CardLine(0, "RTX 3060", 12 * 1024**3)
        reading = dict(zip(COLUMNS, as_list(read_card(nvml, FAKES[0])), strict=True))
        history = GpuHistory(run.gpus)
        history.poll()

        def look() -> None:
            gpus.sample()
            live.append(time.time(), {line: reading})
            history.poll()
            view_of(history, COLUMNS)

        window = _cpu(look)
    for name, spent in (("the trainer's sample of two cards", trainer), ("the window's", window)):
        print(f"{name}: {spent * 1e6:.0f} µs of CPU, {spent:.4%} of a core at one a second")
    print(f"baseline, asking the clock: {baseline * 1e6:.2f} µs")


def _cpu(do: Callable[[], object]) -> float:
    """Return the seconds of CPU that one call takes."""
    do()
    began = time.process_time()
    for _ in range(SAMPLES):
        do()
    return (time.process_time() - began) / SAMPLES


if __name__ == "__main__":
    main()
