"""What a run says of itself before its first step: its greeting, what is odd about its rows, and its plan."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

from trainer_image.arguments import Machine, data_plan
from trainer_image.cards.visible import driver_version
from trainer_image.chat_templates import NAME_A_TEMPLATE
from trainer_image.contract import GENERATING, DatasetRef, Gpu, Hello, Plan, RunConfig
from trainer_image.errors import TrainerError
from trainer_image.methods import Parts, Stage, steps_of
from trainer_image.model.files import fingerprint, model_folder
from trainer_image.model.loading import count_parameters
from trainer_image.reporter import Reporter

if TYPE_CHECKING:
    from trainer_image.data.dataset import Prepared

PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "unsloth",
    "unsloth_zoo",
    "accelerate",
    "bitsandbytes",
    "datasets",
)


def hello(config: RunConfig, machine: Machine, torch: Any, resumed_from: int | None) -> Hello:
    """Return the greeting: what trains, with which versions."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    gpus = []
    if machine.device == "cuda":
        for index in range(torch.cuda.device_count()):
            card = torch.cuda.get_device_properties(index)
            gpus.append(Gpu(index=index, name=card.name, total_bytes=card.total_memory))
    return Hello(
        versions=versions,
        device=machine.device,
        backend=machine.backend,
        gpus=gpus,
        processes=machine.processes,
        seed=config.seed,
        resumed_from=resumed_from,
        image=os.environ.get("TUNEDECK_IMAGE", ""),
        driver=driver_version(),
    )


def plan(stage: Stage, parts: Parts) -> None:
    """Say what is going to happen, now that model, rows and trainer are there."""
    config, prepared, trainer = parts.config, stage.prepared or parts.prepared, stage.trainer
    total_steps, epochs = steps_of(trainer)
    if not config.find_learning_rate:  # a search has a schedule of its own, which knows no warm-up
        leave_room_after_warmup(trainer, total_steps, parts.reporter)
    trainable, total = count_parameters(trainer.model)
    rows = config.per_device_train_batch_size * config.gradient_accumulation_steps * parts.machine.processes
    parts.reporter.emit(
        Plan(
            total_steps=stage.total_steps or total_steps,
            epochs=epochs,
            batch_rows=rows,
            train_rows=len({item.row for item in prepared.train}),
            eval_rows=len({item.row for item in prepared.evaluation}),
            rows_left_out=parts.prepared.rows_left_out,
            rows_cut=prepared.rows_cut,
            trained_tokens=prepared.trained_tokens,
            total_tokens=prepared.total_tokens,
            trainable_parameters=trainable,
            total_parameters=total,
            dataset_sha256=parts.prepared.sha256,
            model_fingerprint=fingerprint(files) if (files := model_folder(config)) else "",
        )
    )


def check_same_data(reporter: Reporter, ref: DatasetRef | None, prepared: Prepared) -> None:
    """Refuse other rows than the run was asked to train on, or began with: its steps would be of another dataset."""
    if ref is not None and ref.sha256 != prepared.sha256:
        hint = f"Put the old file back, or start a new run, which takes the file as the next version of {ref.name}."
        sentence = f"The file of {ref.name}@{ref.number} has changed since this run was asked for."
        raise TrainerError("data_changed", sentence, hint)
    former = reporter.past.dataset_sha256
    if former is not None and former != prepared.sha256:
        hint = "Put the old file back to resume, or start a new run with the new one."
        raise TrainerError("data_changed", "The dataset has changed since this run began.", hint)


def warn_of_joined_turns(reporter: Reporter, tokenizer: Any, prepared: Prepared) -> None:
    """Say that nothing tells the turns of conversations apart; rows of plain text have none."""
    if prepared.has_turns and not tokenizer.chat_template:
        sentence = "This model has no chat template: the turns of conversations are joined as plain text."
        reporter.warn("no_chat_template", sentence, NAME_A_TEMPLATE)


def warn_of_left_out(reporter: Reporter, config: RunConfig, prepared: Prepared) -> None:
    """Say which rows take no part."""
    if prepared.problems:
        first = " ".join(str(problem) for problem in prepared.problems[:3])
        reporter.warn("rows_left_out", f"{len(prepared.problems)} rows cannot be used and are left out. {first}")
    if prepared.left_out:
        sentence = f"{len(prepared.left_out)} rows are left out. {prepared.left_out[0].sentence}"
        reporter.warn("rows_of_no_use", sentence)
    if prepared.nothing_to_learn:
        lines = ", ".join(str(row.line) for row in prepared.nothing_to_learn[:5])
        what = "have nothing to learn"
        if config.method in GENERATING:
            what = f"leave no room for an answer of {config.max_completion_length} tokens"
        sentence = (
            f"{len(prepared.nothing_to_learn)} rows {what} within {config.max_length} tokens "
            f"and are left out (line {lines}{', ...' if len(prepared.nothing_to_learn) > 5 else ''})."
        )
        reporter.warn("nothing_to_learn", sentence, "Raise Longest row to keep them.")
    if data_plan(config).eval_split_size and not prepared.evaluation:
        reporter.warn("too_few_rows", "There are too few rows to hold one back, so nothing is evaluated.")


def leave_room_after_warmup(trainer: Any, total_steps: int, reporter: Reporter) -> None:
    """Keep the warm-up shorter than the run: else nothing is learned, and one schedule divides by zero."""
    if trainer.args.get_warmup_steps(total_steps) < total_steps:
        return
    if trainer.args.warmup_steps >= 1:
        sentence = f"The warm-up was as long as the run; it is {total_steps - 1} of {total_steps} steps now."
        reporter.warn("warmup_shortened", sentence, "Lower Warm-up, or train for more steps.")
    trainer.args.warmup_steps = total_steps - 1
