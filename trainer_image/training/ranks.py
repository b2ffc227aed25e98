"""The processes of one run: what each has to tell the others at the boundary of a step."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import torch
import torch.distributed as dist
from accelerate import PartialState


@dataclass(frozen=True)
class Together:
    """What all processes know of one step: tokens of all, the strongest wish, the peak memory of each card."""

    tokens: int
    wish: int
    peaks: list[int]


class Ranks:
    """This process among all. They speak over gloo: a word between CPUs does not make a GPU wait."""

    def __init__(self, device: Literal["cpu", "cuda"]) -> None:
        self.device = device
        self.rank = int(os.environ.get("RANK", "0"))
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self._group = None
        if self.count > 1:
            # TRL joins the processes when it reads its arguments; they have to agree on things before that.
            PartialState(**({"cpu": True, "backend": "gloo"} if device == "cpu" else {}))
            self._group = dist.new_group(backend="gloo")

    def share(self, tokens: int, wish: int) -> Together:
        """Tell the others tokens and wish of this step, and hear theirs."""
        if self.device == "cuda" and self.count == 1:
            # One process may have its layers on several cards.
            cards = range(torch.cuda.device_count())
            return Together(tokens, wish, [torch.cuda.max_memory_reserved(card) for card in cards])
        peak = torch.cuda.max_memory_reserved() if self.device == "cuda" else 0
        told = [torch.tensor([tokens, wish, peak], dtype=torch.int64)]
        if self._group is not None:
            mine, told = told[0], [torch.zeros(3, dtype=torch.int64) for _ in range(self.count)]
            dist.all_gather(told, mine, group=self._group)
        rows = [[int(number) for number in one] for one in told]
        peaks = [row[2] for row in rows] if self.device == "cuda" else []
        return Together(sum(row[0] for row in rows), max(row[1] for row in rows), peaks)

    def wait_for_all(self) -> None:
        """Return when every process has come here."""
        if self._group is not None:
            dist.barrier(group=self._group)
