"""Makes every card a small one for the processes that have this folder on their path: ``SMALL_CARD_GIB=12``.

The driver's figures, torch's, and what torch may take are those of a card of that size, of which 0.7 GiB are taken by a
screen and the driver: an RTX 3060 of 12 GiB has 11.3 left.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

GIB = 1024**3
TAKEN = int(0.7 * GIB)
LOOK_S = 0.02


def shrink(size: int) -> None:
    """Change what the driver and torch say, and what torch may take."""
    import pynvml

    ask = pynvml.nvmlDeviceGetMemoryInfo

    def memory(handle: Any, *rest: Any) -> Any:
        real = ask(handle, *rest)
        used = min(size, int(real.used) + TAKEN)
        return SimpleNamespace(total=size, free=size - used, used=used)

    pynvml.nvmlDeviceGetMemoryInfo = memory
    threading.Thread(target=shrink_torch, args=(size,), daemon=True).start()


def shrink_torch(size: int) -> None:
    """Wait until torch is imported, and then until it has a card."""
    while not hasattr(getattr(sys.modules.get("torch"), "cuda", None), "mem_get_info"):
        time.sleep(LOOK_S)
    import torch

    ask = torch.cuda.mem_get_info

    def memory(device: Any = None) -> tuple[int, int]:
        free, total = ask(device)
        return max(0, size - TAKEN - (total - free)), size

    torch.cuda.mem_get_info = torch.cuda.memory.mem_get_info = memory
    while not torch.cuda.is_initialized():
        time.sleep(LOOK_S)
    for card in range(torch.cuda.device_count()):
        whole = torch.cuda.get_device_properties(card).total_memory
        torch.cuda.set_per_process_memory_fraction((size - TAKEN) / whole, card)


if asked := os.environ.get("SMALL_CARD_GIB"):
    shrink(int(float(asked) * GIB))
