"""Two cards against one: tokens a second by data parallel, also as between cards that cannot reach each other directly.

``python tests/benchmarks/gpu/two_cards.py --tokenizer FOLDER [--shape 8b] [--split]``. With --split also: a model that
does not fit on one card, sharded over both against its layers split over both.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import torch
from cases import Place, full_rows, ours, show
from shapes import make

STEPS = 16
BOTH = (0, 1)


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--tokenizer", type=Path, required=True)
    words.add_argument("--shape", default="8b")
    words.add_argument("--split", action="store_true")
    words.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "tunedeck-speed")
    asked = words.parse_args()
    asked.folder.mkdir(exist_ok=True)
    model = make(asked.shape, asked.folder / asked.shape, asked.tokenizer)
    full = full_rows(asked.folder / "full.jsonl", 300, 1500)
    place = Place(asked.folder, model, full, full)
    print(f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}, torch {torch.__version__}", flush=True)
    knobs = {"max_length": 2048, "max_steps": STEPS, "per_device_train_batch_size": 2}
    for precision, four_bit in (("bf16", False), ("nf4", True)):
        one = ours(place, full, placement="one", load_in_4bit=four_bit, **knobs)
        show(f"{precision}: one card", one)
        show(f"{precision}: two cards", ours(place, full, cards=BOTH, load_in_4bit=four_bit, **knobs), one)
        if asked.split:
            for way in ("sharded", "layers"):
                result = ours(place, full, cards=BOTH, split=way, placement="split", load_in_4bit=four_bit, **knobs)
                show(f"{precision}: one model over two cards, {way}", result, one)
        if not four_bit:
            os.environ["NCCL_P2P_DISABLE"] = "1"
            show("bf16: two cards, NCCL_P2P_DISABLE=1", ours(place, full, cards=BOTH, **knobs), one)
            del os.environ["NCCL_P2P_DISABLE"]


if __name__ == "__main__":
    main()
