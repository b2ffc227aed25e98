"""One training run, read from top to bottom: ``python -m trainer_image.train RUN_FOLDER``."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer_image import checkpoints
from trainer_image.arguments import (
    Machine,
    adapter_arguments,
    data_plan,
    environment,
    load_arguments,
    overridden_knobs,
    rhythm,
)
from trainer_image.contract import (
    Cancelled,
    Finished,
    Gpu,
    Hello,
    Paused,
    Plan,
    RunConfig,
    RunFolder,
    check_config,
)
from trainer_image.errors import TrainerError
from trainer_image.folders import make_readable, publish_folder
from trainer_image.reporter import Reporter

if TYPE_CHECKING:
    from trainer_image.data import Prepared


def train(reporter: Reporter) -> None:
    """Train what the run folder's config says, from the start or from the last complete checkpoint."""
    start = time.perf_counter()
    folder = reporter.folder
    config = read_config(folder)
    choose_cards(config)
    os.environ.update(environment(config))

    with reporter.phase("import"):
        from trainer_image import methods, models

        models.check_model_is_there(config.model)
        # Half the time to the first step goes into these imports, so they happen here, once, under a name.
        # Unsloth comes first: it replaces parts of torch, transformers, peft and trl as they load.
        import unsloth  # noqa: F401, I001
        import torch
        import trl  # noqa: F401
        from transformers import set_seed

        from trainer_image import data
        from trainer_image.boundaries import Boundaries
        from trainer_image.ranks import Ranks
        from trainer_image.samples import answer_sample

        machine = machine_of(config, torch)
        resume = last_checkpoint(reporter)
    reporter.emit(hello(config, machine, torch, resume[0] if resume else None))
    for knob, (sentence, hint) in overridden_knobs(config, machine).items():
        reporter.warn(f"{knob}_overridden", sentence, hint)

    with reporter.phase("load"):
        # Seeds dropout and data order; the adapter's own first weights have their seed in its arguments.
        set_seed(config.seed)
        model, tokenizer = models.load_base(load_arguments(config))
        if config.load_in_4bit and not getattr(model, "is_loaded_in_4bit", False):
            sentence = "4 bits do not work on this machine; the base model is held in 16 bits."
            reporter.warn("load_in_4bit_overridden", sentence)
        model = models.add_adapter(model, adapter_arguments(config))

    with reporter.phase("data"):
        method = methods.BY_NAME[config.method]
        prepared = data.prepare(data_plan(config), method.SHAPES, tokenizer)
        check_same_data(reporter, prepared)
        warn_of_left_out(reporter, config, prepared)
        collator = data.Collator(tokenizer.pad_token_id)
        trainer = method.build_trainer(
            method.trainer_arguments(config, machine, str(checkpoints.writing_place(folder))),
            model=model,
            processing_class=tokenizer,
            data_collator=collator,
            train_dataset=data.as_dataset(prepared.train, counts=True),
            eval_dataset=data.as_dataset(prepared.evaluation, counts=False) if prepared.evaluation else None,
        )
        # A README about the model in every checkpoint is of no use to a resume.
        trainer.create_model_card = lambda *args, **names: None
        total_steps, epochs = steps_of(trainer)
        leave_room_after_warmup(trainer, total_steps, reporter)
        trainable, total = models.count_parameters(trainer.model)
        reporter.emit(
            Plan(
                total_steps=total_steps,
                epochs=epochs,
                batch_rows=config.per_device_train_batch_size * config.gradient_accumulation_steps * machine.processes,
                train_rows=len(prepared.train),
                eval_rows=len(prepared.evaluation),
                rows_left_out=len(prepared.problems) + len(prepared.nothing_to_learn),
                rows_cut=prepared.rows_cut,
                trained_tokens=sum(row.learned for row in prepared.train),
                total_tokens=sum(len(row.input_ids) for row in prepared.train),
                trainable_parameters=trainable,
                total_parameters=total,
                dataset_sha256=prepared.sha256,
            )
        )

    boundaries = Boundaries(
        reporter,
        Ranks(machine.device),
        rhythm(config),
        collator,
        answer=lambda prompt: answer_sample(prompt, model, tokenizer, config.gradient_checkpointing),
        tokens=checkpoints.tokens_at(resume[1]) if resume else 0,
        has_evaluation=bool(prepared.evaluation),
    )
    trainer.add_callback(boundaries)
    if boundaries.is_cancelled_already():
        step, name = (resume[0], relative(folder, resume[1])) if resume else (0, None)
        reporter.emit(Cancelled(step=step, checkpoint=name))
        return
    with reporter.phase("train"):
        trainer.train(resume_from_checkpoint=str(resume[1]) if resume else None)

    step = trainer.state.global_step
    last = relative(folder, folder.checkpoint(step))
    if boundaries.wish == "pause":
        reporter.emit(Paused(step=step, checkpoint=last))
    elif boundaries.wish == "stop":
        reporter.emit(Cancelled(step=step, checkpoint=last))
    else:
        with reporter.phase("save"):
            save_adapter(trainer, tokenizer, folder)
        seconds = time.perf_counter() - start
        reporter.emit(Finished(step=step, adapter=relative(folder, folder.adapter), seconds=seconds))


def read_config(folder: RunFolder) -> RunConfig:
    """Read the run's config, or say everything that is wrong with it."""
    hint = "Start the run again from the app, which writes this file."
    try:
        values = json.loads(folder.config.read_text("utf-8"))
    except FileNotFoundError as error:
        raise TrainerError("bad_config", f"There is no config in {folder.path}.", hint) from error
    except json.JSONDecodeError as error:
        raise TrainerError("bad_config", f"{folder.config} is no JSON: {error}.", hint) from error
    config, problems = check_config(values)
    if config is None:
        raise TrainerError("bad_config", " ".join(problem.sentence for problem in problems), "Mend the config.")
    return config


def choose_cards(config: RunConfig) -> None:
    """Leave a lone process one card: TRL refuses several, and one process for each card comes from torchrun."""
    if "RANK" not in os.environ and config.gpus != ():
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
        os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[0]


def machine_of(config: RunConfig, torch: Any) -> Machine:
    """Return what this process has to train with."""
    if config.gpus != () and torch.cuda.is_available():
        device, bf16 = "cuda", bool(torch.cuda.is_bf16_supported())
    elif config.gpus:
        names = ", ".join(str(card) for card in config.gpus)
        hint = "Run the doctor, or empty GPUs to train on what there is."
        raise TrainerError("gpu_missing", f"The run wants GPU {names}, and the trainer sees none.", hint)
    else:
        from unsloth import is_bfloat16_supported

        device, bf16 = "cpu", bool(is_bfloat16_supported())
    return Machine(device, bf16, int(os.environ.get("WORLD_SIZE", "1")))  # type: ignore[arg-type]


def last_checkpoint(reporter: Reporter) -> tuple[int, Path] | None:
    """Sweep up half-written checkpoints; return step and folder of the last complete one of an earlier start."""
    if reporter.rank == 0:
        checkpoints.sweep(reporter.folder)
    complete = reporter.folder.complete_checkpoints()
    return complete[-1] if complete and reporter.past.was_greeted else None


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
    )


def check_same_data(reporter: Reporter, prepared: Prepared) -> None:
    """Refuse to go on with other rows than the run began with: the steps so far would be of another dataset."""
    former = reporter.past.dataset_sha256
    if former is not None and former != prepared.sha256:
        hint = "Put the old file back to resume, or start a new run with the new one."
        raise TrainerError("data_changed", "The dataset has changed since this run began.", hint)


def warn_of_left_out(reporter: Reporter, config: RunConfig, prepared: Prepared) -> None:
    """Say which rows take no part."""
    if prepared.problems:
        first = " ".join(str(problem) for problem in prepared.problems[:3])
        reporter.warn("rows_left_out", f"{len(prepared.problems)} rows cannot be used and are left out. {first}")
    if prepared.nothing_to_learn:
        lines = ", ".join(str(row.line) for row in prepared.nothing_to_learn[:5])
        sentence = (
            f"{len(prepared.nothing_to_learn)} rows have nothing to learn within {config.max_length} tokens "
            f"and are left out (line {lines}{', ...' if len(prepared.nothing_to_learn) > 5 else ''})."
        )
        reporter.warn("nothing_to_learn", sentence, "Raise Longest row to keep them.")
    if config.eval_split_size and not prepared.evaluation:
        reporter.warn("too_few_rows", "There are too few rows to hold one back, so nothing is evaluated.")


def steps_of(trainer: Any) -> tuple[int, float]:
    """Return how many optimizer steps the trainer is going to make, and how many epochs they are."""
    rows = trainer.get_train_dataloader()
    _, per_epoch, _, _, _, _, total = trainer.set_initial_training_values(trainer.args, rows)
    return int(total), total / per_epoch


def leave_room_after_warmup(trainer: Any, total_steps: int, reporter: Reporter) -> None:
    """Keep the warm-up shorter than the run: else nothing is learned, and one schedule divides by zero."""
    if trainer.args.get_warmup_steps(total_steps) < total_steps:
        return
    if trainer.args.warmup_steps >= 1:
        sentence = f"The warm-up was as long as the run; it is {total_steps - 1} of {total_steps} steps now."
        reporter.warn("warmup_shortened", sentence, "Lower Warm-up, or train for more steps.")
    trainer.args.warmup_steps = total_steps - 1


def save_adapter(trainer: Any, tokenizer: Any, folder: RunFolder) -> None:
    """Write adapter and tokenizer aside, and name them when they are whole; only the first process writes."""
    aside = checkpoints.writing_place(folder) / "adapter"
    if trainer.is_world_process_zero():
        trainer.accelerator.unwrap_model(trainer.model).save_pretrained(str(aside))
        tokenizer.save_pretrained(str(aside))
        make_readable(aside)
        publish_folder(aside, folder.adapter)
        shutil.rmtree(checkpoints.writing_place(folder), ignore_errors=True)


def relative(folder: RunFolder, path: Path) -> str:
    """Return a path as events give it: seen from the run folder."""
    return str(path.relative_to(folder.path))


def main(words: list[str]) -> int:
    """Train, and tell the run folder how it ended."""
    if len(words) != 1 or not Path(words[0]).is_dir():
        print("Usage: python -m trainer_image.train RUN_FOLDER", file=sys.stderr)
        return 2
    reporter = Reporter(RunFolder(Path(words[0]).absolute()), int(os.environ.get("RANK", "0")))
    reporter.listen_to_signals()
    reporter.take_over_output()
    with reporter.telling_failure():
        try:
            train(reporter)
        except BaseException:
            # Half a checkpoint may be what filled the disk: without it there is room to say so.
            shutil.rmtree(checkpoints.writing_place(reporter.folder), ignore_errors=True)
            raise
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
