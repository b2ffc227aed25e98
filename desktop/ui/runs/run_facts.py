"""Facts about a run in one line: how it uses the cards, how its batch is cut, and how many rows take no part."""

from __future__ import annotations

from desktop.core.run import Run
from desktop.ui import words
from trainer_image.contract import Hello, Placement, PlacementName

FACTS = ("rows_left_out", "rows_of_no_use")
"""Codes of warnings that only say what the user chose: which rows, of a dataset that was looked through before."""
SHARED: dict[PlacementName, str] = {
    "data_parallel": ", a copy of the model on each",
    "sharded": ", the weights shared out over them",
    "layers": ", the layers split over them",
}


def facts_of(run: Run) -> str:
    """Return the facts of a run: while it lives as its trainer says them, and later as what was."""
    progress = run.progress
    parts = []
    if run.state.is_live:
        parts = [one.sentence for one in (progress.placement, progress.batch) if one is not None]
    elif progress.placement is not None:
        parts = [place_fact(progress.placement, progress.hello)]
        if (batch := progress.batch) is not None:
            with_checkpoints = ", with gradient checkpointing" if batch.gradient_checkpointing else ""
            cut = f"{batch.per_device_train_batch_size} × {batch.gradient_accumulation_steps}"
            parts.append(f"Batch {cut}{with_checkpoints}.")
    if left_out := left_out_words(run):
        parts.append(left_out)
    return " ".join(parts)


def left_out_words(run: Run) -> str:
    """Return how many rows take no part; empty where all do."""
    plan = run.progress.plan
    return f"{words.plural(plan.rows_left_out, 'row')} left out." if plan is not None and plan.rows_left_out else ""


def facts_tip(run: Run) -> str:
    """Return the reasons, as the trainer said them: why it was placed so, and why rows are left out."""
    progress = run.progress
    said = {warned.code: warned.sentence for warned in progress.warnings if warned.code in FACTS}
    if not run.state.is_live:
        began = (one.sentence for one in (progress.placement, progress.batch) if one is not None)
        return "\n".join((*(f"As it began: {sentence}" for sentence in began), *said.values()))
    return "\n".join(said.values())


def place_fact(placement: Placement, hello: Hello | None) -> str:
    """Return on what a run has run."""
    if not placement.cards:
        together = f" in {placement.processes} processes together" if placement.processes > 1 else ""
        return f"Ran on the CPU{together}."
    names = [gpu.name for gpu in hello.gpus] if hello else []
    numbers = [str(card) for card in placement.cards]
    if len(numbers) == 1:
        return f"Ran on card {numbers[0]}{f' ({names[0]})' if names else ''}."
    which = f"{', '.join(numbers[:-1])} and {numbers[-1]}"
    return f"Ran on cards {which}{SHARED.get(placement.placement, '')}."
