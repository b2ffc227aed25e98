"""A day of samples of two cards, once a second: opened, against the same lines merely parsed one by one.

.venv/bin/python -m tests.benchmarks.gpu_history
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from desktop.core.gpu_history import GpuHistory
from trainer_image.cards.readings import COLUMNS

SECONDS = 24 * 3600


def write(path: Path) -> None:
    """Write a day as the trainer's sampler does."""
    cards = [{"number": number, "name": "RTX 3060", "total": 12 * 1024**3} for number in (0, 1)]
    with path.open("w") as file:
        file.write(json.dumps({"cards": cards, "columns": list(COLUMNS)}, separators=(",", ":")) + "\n")
        for second in range(SECONDS):
            card = [second % 101, 9_000 + second % 7, 8_500, 61, 168.4, 170.0, 55, 1807, 4]
            file.write(json.dumps([1.7e9 + second, card, card], separators=(",", ":")) + "\n")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gpus.jsonl"
        write(path)
        began = time.perf_counter()
        for line in path.open("rb"):
            json.loads(line)
        baseline = time.perf_counter() - began
        began = time.perf_counter()
        history = GpuHistory(path)
        history.poll()
        ours = time.perf_counter() - began
        assert len(history) == SECONDS
        size = path.stat().st_size / 1e6
        print(f"a day of two cards, {size:.0f} MB: opened as columns in {ours:.2f} s")
        print(f"the same lines parsed one by one:          {baseline:.2f} s")
        print(f"ratio {ours / baseline:.2f}")


if __name__ == "__main__":
    main()
