"""Fill the card: cut the batch of a step into the micro-batches that are fastest, measured on the card itself."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from trainer_image.arguments import Machine, sequence_plan
from trainer_image.configs import read_adjustments, write_adjustments
from trainer_image.contract import Batch, RunConfig
from trainer_image.data.dataset import Prepared
from trainer_image.reporter import Reporter

# What the optimizer and fragments of memory may take on top of what a trial shows.
ROOM = 0.92
TIMES = 3


@dataclass(frozen=True)
class Trial:
    """One way to cut the batch, and what it did."""

    rows: int
    checkpointing: bool
    tokens_per_s: float = 0.0


def choose(
    config: RunConfig, machine: Machine, model: Any, tokenizer: Any, prepared: Prepared, reporter: Reporter
) -> RunConfig:
    """Return the config with rows at once, accumulation and checkpointing chosen for speed; the product stays."""
    from trainer_image.data.batches import as_sequences, choose_collator

    plan = sequence_plan(config)
    collate = choose_collator(plan, model, tokenizer)
    rows = as_sequences(prepared.train, plan)
    by_length = sorted(range(len(rows)), key=lambda index: -len(rows[index]["input_ids"]))
    total = config.per_device_train_batch_size * config.gradient_accumulation_steps

    def tried(trial: Trial) -> Trial | None:
        reporter.beat()
        return measure(trial, model, collate([rows[index] for index in by_length[: trial.rows]]))

    best = fastest(total, len(rows), tried)
    chosen = agreed(best or Trial(1, checkpointing=True), machine)
    set_checkpointing(model, chosen.checkpointing)
    changes = {
        "per_device_train_batch_size": chosen.rows,
        "gradient_accumulation_steps": total // chosen.rows,
        "gradient_checkpointing": chosen.checkpointing,
    }
    if reporter.rank == 0:
        kept = read_adjustments(reporter.folder).model_copy(update=changes)
        write_adjustments(reporter.folder, kept)
    reporter.emit(Batch(**changes, sentence=_sentence(chosen, total)))
    return config.model_copy(update=changes)


def fastest(total: int, rows: int, tried: Callable[[Trial], Trial | None]) -> Trial | None:
    """Return the fastest way to cut ``total`` rows a step that fits, or None where not even one row does.

    Without checkpointing a row costs three passes, with it four: it is tried only where nothing else fits.
    """
    sizes = [size for size in range(total, 0, -1) if total % size == 0 and size <= rows]
    for checkpointing in (False, True):
        for place, size in enumerate(sizes):
            best = tried(Trial(size, checkpointing))
            if best is None:
                continue
            # A full card is not always the fastest: half of it may keep the kernels as busy with less to allocate.
            smaller = tried(Trial(sizes[place + 1], checkpointing)) if place + 1 < len(sizes) else None
            return smaller if smaller and smaller.tokens_per_s > best.tokens_per_s else best
    return None


def measure(trial: Trial, model: Any, batch: dict[str, Any]) -> Trial | None:
    """Compute gradients of one batch a few times and time the fastest; None where the memory does not suffice."""
    set_checkpointing(model, trial.checkpointing)
    inputs = {name: value.to(model.device) if name != "packed_seq_lengths" else value for name, value in batch.items()}
    tokens = int(batch["input_ids"].numel())
    limit = torch.cuda.get_device_properties(model.device).total_memory * ROOM
    seconds = math.inf
    try:
        torch.cuda.reset_peak_memory_stats()
        # The first time compiles, and so may the second, where the shape is a new one.
        for _ in range(TIMES):
            torch.cuda.synchronize()
            start = time.perf_counter()
            with torch.autocast("cuda", dtype=torch.bfloat16):
                loss = model(**inputs).loss
            loss.backward()
            torch.cuda.synchronize()
            seconds = min(seconds, time.perf_counter() - start)
    except torch.OutOfMemoryError:
        return None
    finally:
        model.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
    peak = torch.cuda.max_memory_reserved()
    return Trial(trial.rows, trial.checkpointing, tokens / seconds) if peak < limit else None


def set_checkpointing(model: Any, is_on: bool) -> None:
    """Switch gradient checkpointing of a loaded model on or off."""
    from unsloth import FastLanguageModel

    kind = "unsloth" if is_on else False
    # What the model was loaded with is what Unsloth's trainers go back to when they begin.
    model._unsloth_gradient_checkpointing = kind
    FastLanguageModel.for_training(model, use_gradient_checkpointing=kind)


def agreed(mine: Trial, machine: Machine) -> Trial:
    """Return the most careful choice of all processes: what one card cannot hold, none is given."""
    if machine.processes == 1:
        return mine
    from accelerate import PartialState
    from accelerate.utils import gather_object

    PartialState()
    return min(gather_object([mine]), key=lambda trial: (not trial.checkpointing, trial.rows))


def _sentence(chosen: Trial, total: int) -> str:
    how = "with gradient checkpointing, which the memory needs" if chosen.checkpointing else "without checkpointing"
    speed = f", at {chosen.tokens_per_s:,.0f} tokens a second in a trial" if chosen.tokens_per_s else ""
    return f"{chosen.rows} of {total} rows at once {how}{speed}."
