"""Tokens a second on one GPU against TRL + PEFT as their docs say and against a plain Unsloth script.

``python tests/benchmarks/gpu/speed.py --tokenizer FOLDER --short ROWS.jsonl [--shape 8b] [--only WORD]``
Every figure and its baseline come from this one run. FOLDER is any model folder with a tokenizer; ROWS are GSM8K's
(question, answer). The model has the real shape and random weights.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch
from cases import Place, Result, full_rows, ours, plain, show
from shapes import make

STEPS, WARMUP = 16, 5


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--tokenizer", type=Path, required=True)
    words.add_argument("--short", type=Path, required=True)
    words.add_argument("--shape", default="8b")
    words.add_argument("--only", default="")
    words.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "tunedeck-speed")
    asked = words.parse_args()
    asked.folder.mkdir(exist_ok=True)
    started = time.time()
    model = make(asked.shape, asked.folder / asked.shape, asked.tokenizer)
    short = asked.folder / "short.jsonl"
    short.write_bytes(asked.short.read_bytes())
    place = Place(asked.folder, model, full_rows(asked.folder / "full.jsonl", 300, 1500), short)
    card = torch.cuda.get_device_properties(0)
    print(
        f"{card.name}, {card.total_memory / 2**30:.0f} GiB, torch {torch.__version__}; {asked.shape} shape", flush=True
    )
    print(f"model written in {time.time() - started:.0f} s", flush=True)
    for precision, four_bit in (("bf16", False), ("nf4", True)):
        if asked.only in f"full {precision}":
            full_sequences(place, precision, four_bit)
    if asked.only in "short bf16":
        short_rows(place)


def full_sequences(place: Place, precision: str, four_bit: bool) -> None:
    """Same batch and length, then what auto makes of it."""
    same = {"batch": 2, "length": 2048, "four_bit": four_bit, "steps": STEPS, "warmup": WARMUP}
    baseline = plain(place, "trl", place.full, **same)
    show(f"{precision} 2 x 2048: TRL + PEFT", baseline)
    script = plain(place, "unsloth", place.full, **same)
    show(f"{precision} 2 x 2048: plain Unsloth", script, baseline)
    knobs = {"max_length": 2048, "load_in_4bit": four_bit, "max_steps": STEPS}
    same_batch = ours(place, place.full, per_device_train_batch_size=2, **knobs)
    show(f"{precision} 2 x 2048: Tunedeck", same_batch, baseline)
    against(same_batch, script, "Tunedeck against plain Unsloth")
    auto = ours(place, place.full, per_device_train_batch_size=8, auto_batch=True, **knobs)
    show(f"{precision} 8 x 2048: Tunedeck, auto", auto, baseline)


def short_rows(place: Place) -> None:
    """GSM8K's real lengths: padding against packing."""
    for batch in (2, 8):
        same = {"batch": batch, "length": 2048, "steps": 20, "warmup": WARMUP}
        baseline = plain(place, "trl", place.short, **same)
        show(f"bf16 short rows, batch {batch}: TRL + PEFT", baseline)
        knobs = {"max_length": 2048, "per_device_train_batch_size": batch}
        show(f"bf16 short rows, batch {batch}: Tunedeck", ours(place, place.short, max_steps=20, **knobs), baseline)
    knobs = {"max_length": 2048, "per_device_train_batch_size": 8, "packing": True, "auto_batch": True}
    auto = ours(place, place.short, max_steps=STEPS, **knobs)
    show("bf16 short rows: Tunedeck, packing and auto", auto, baseline)


def against(one: Result, other: Result, words: str) -> None:
    """Print the ratio of two results."""
    if other.tokens_per_s:
        print(f"  {words}: {one.tokens_per_s / other.tokens_per_s:.3f}", flush=True)


if __name__ == "__main__":
    main()
