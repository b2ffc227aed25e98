"""What cards of 12 GiB can do: a long context on one, and a model that only two can hold, sharded against layers.

``python tests/benchmarks/gpu/small_cards.py --tokenizer FOLDER [--only WORD]``. Large cards are made small by a limit
on what torch may take (see small_card/sitecustomize.py). The models have the real shape and random weights.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from cases import HERE, Place, full_rows, ours, show
from shapes import make

BOTH = (0, 1)


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--tokenizer", type=Path, required=True)
    words.add_argument("--only", default="", help="cases whose name has this word")
    words.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "tunedeck-speed")
    asked = words.parse_args()
    asked.folder.mkdir(exist_ok=True)
    model = make("8b", asked.folder / "8b", asked.tokenizer)
    rows = full_rows(asked.folder / "long.jsonl", 60, 24_000)
    place = Place(asked.folder, model, rows, rows)
    print(f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}, torch {torch.__version__}", flush=True)

    def small(name: str, gib: float, cards: tuple[int, ...], split: str = "", **knobs: object) -> None:
        if asked.only not in name or len(cards) > torch.cuda.device_count():
            return
        variables = {"SMALL_CARD_GIB": str(gib), "PYTHONPATH": str(HERE / "small_card")}
        knobs = {"per_device_train_batch_size": 1, "max_steps": 8, **knobs}
        show(name, ours(place, rows, cards, 3, split, variables, **knobs))

    small("nf4, 20,000 tokens, one card of 12 GiB", 12, (0,), max_length=20_000, load_in_4bit=True)
    for way in ("sharded", "layers"):
        small(f"bf16, two cards of 12 GiB, {way}", 12, BOTH, way, max_length=2048)
        small(f"nf4, two cards of 7 GiB, {way}", 7, BOTH, way, max_length=2048, load_in_4bit=True)


if __name__ == "__main__":
    main()
