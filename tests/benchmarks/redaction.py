"""What taking secrets out of output costs, against copying it: ``python -m tests.benchmarks.redaction``."""

from __future__ import annotations

import time
from collections.abc import Callable

from trainer_image.log.redaction import Redactor, Stream

STEP = b"{'loss': 1.2345, 'grad_norm': 0.123, 'learning_rate': 0.0002, 'epoch': 0.12}  12%|###   | 3/30 [00:01<00:10]\n"
EVENT = b'{"seq":12,"time":"2026-01-02T03:04:05Z","kind":"step","step":2,"epoch":0.01,"loss":4.5,"tokens":160}\n'
LINES = 50_000
ROUNDS = 5


def seconds(work: Callable[[bytes], object], line: bytes) -> float:
    """Return the best time of a few rounds, for one line."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(LINES):
            work(line)
        best = min(best, time.perf_counter() - began)
    return best / LINES


def main() -> None:
    """Print the cost of a line and its ratio to the baseline."""
    redactor, stream = Redactor(["a-known-token-of-this-user"]), Stream(Redactor())
    copied = bytearray()

    def copy(line: bytes) -> None:
        copied[:] = line

    cases = {"an event": (redactor.data, EVENT), "a line of the log": (stream.feed, STEP)}
    for name, (work, line) in cases.items():
        baseline, ours = seconds(copy, line), seconds(work, line)
        print(f"{name}: {ours * 1e6:.1f} µs against {baseline * 1e6:.2f} µs for a copy, ratio {ours / baseline:.0f}")


if __name__ == "__main__":
    main()
