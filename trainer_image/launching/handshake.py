"""One process of the self-test, ``python -m trainer_image.launching.handshake FILE``: sums over the cards, checked."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from trainer_image.supervised import obey_launcher

NUMBERS = 16 * 1024**2
"""64 MiB, about the gradients of an adapter, so that the speed is that of a run."""
WIDTH = 8192
"""Of the matrices whose product is timed: 0.4 GiB in all, a twentieth of a second on an RTX 3060."""
ROUNDS = 5


def matrix_rate(device: Any) -> float:
    """Return how fast a card multiplies 16-bit matrices, in TFLOP/s."""
    import torch

    kind = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    one, other = (torch.randn(WIDTH, WIDTH, device=device, dtype=kind) for _ in range(2))
    seconds = float("inf")
    for _ in range(ROUNDS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        one @ other
        torch.cuda.synchronize()
        seconds = min(seconds, time.perf_counter() - start)
    return 2 * WIDTH**3 / seconds / 1e12


def main(result: Path) -> int:
    """Talk with the other processes; the first writes down how fast it was."""
    obey_launcher()
    # Only now: what hangs here is to leave its stacks, too.
    import torch
    import torch.distributed as dist

    rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    has_cards = torch.cuda.is_available()
    device = torch.device("cuda", rank) if has_cards else torch.device("cpu")
    if has_cards:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if has_cards else "gloo")
    numbers = torch.empty(NUMBERS if has_cards else NUMBERS // 64, device=device)
    seconds = float("inf")
    for _ in range(ROUNDS):
        numbers.fill_(rank + 1)
        dist.barrier()
        start = time.perf_counter()
        dist.all_reduce(numbers)
        if has_cards:
            torch.cuda.synchronize()
        seconds = min(seconds, time.perf_counter() - start)
        if not bool((numbers == count * (count + 1) / 2).all()):
            print(f"Process {rank}: the sum over the cards is wrong.", file=sys.stderr)
            return 1
    rate = torch.tensor([matrix_rate(device) if has_cards else 0.0], device=device)
    dist.all_reduce(rate, dist.ReduceOp.MIN)
    if rank == 0:
        # Every number crosses the slowest link this often, however many cards there are.
        moved = 2 * (count - 1) / count * numbers.numel() * numbers.element_size()
        result.write_text(json.dumps({"gb_per_s": moved / seconds / 1e9, "tflops": rate.item()}), "utf-8")
    dist.barrier()
    dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
