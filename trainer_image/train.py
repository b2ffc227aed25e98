"""One training run, read from top to bottom: ``python -m trainer_image.train RUN_FOLDER``."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer_image.arguments import Machine, environment, overridden_knobs, rhythm
from trainer_image.configs import adjusted, read_adjustments, read_config, read_dataset_ref
from trainer_image.contract import (
    Cancelled,
    Finished,
    Paused,
    RunConfig,
    RunFolder,
)
from trainer_image.errors import TrainerError
from trainer_image.launching.collecting import without_collecting
from trainer_image.launching.ready import stand_by, take_first_card
from trainer_image.launching.rewriting import TRAINERS, import_unsloth
from trainer_image.methods import steps_of
from trainer_image.reporter import Reporter
from trainer_image.saving import checkpoints
from trainer_image.supervised import PROBE, placement
from trainer_image.training import telling

if TYPE_CHECKING:
    from trainer_image.training.best import Best


def train(reporter: Reporter) -> None:
    """Train what the run folder's config says, from the start or from the last complete checkpoint."""
    start = time.perf_counter()
    folder = reporter.folder
    config = adjusted(read_config(folder), read_adjustments(folder))
    choose_cards(config)
    os.environ.update(environment(config))

    with reporter.phase("import"), without_collecting():
        from trainer_image import methods
        from trainer_image.model import loading

        loading.check_model_is_there(config.model)
        # Half the time to the first step goes into these imports, so they happen here, once, under a name.
        # Unsloth comes first: it replaces parts of torch, transformers, peft and trl as they load.
        import_unsloth(TRAINERS[config.method])
        import torch
        import trl  # noqa: F401
        from transformers import set_seed

        from trainer_image.generating.samples import answer_sample
        from trainer_image.training import fill_card, lr_search
        from trainer_image.training.best import Best
        from trainer_image.training.boundaries import Boundaries
        from trainer_image.training.probe import Probe
        from trainer_image.training.ranks import Ranks

        method = methods.by_name(config.method)
        machine = machine_of(config, torch)
        resume = last_checkpoint(reporter)
    reporter.emit(telling.hello(config, machine, torch, resume[0] if resume else None))
    for knob, (sentence, hint) in overridden_knobs(config, machine).items():
        reporter.warn(f"{knob}_overridden", sentence, hint)

    with reporter.phase("load"):
        # Seeds dropout and data order; the adapter's own first weights have their seed in its arguments.
        set_seed(config.seed)
        model, tokenizer = method.load(config)
        # A long answer is many small passes and no step: each of them is a sign of life.
        model.get_input_embeddings().register_forward_pre_hook(lambda *_: reporter.beat())
        if config.load_in_4bit and not getattr(model, "is_loaded_in_4bit", False):
            sentence = "4 bits do not work on this machine; the base model is held in 16 bits."
            reporter.warn("load_in_4bit_overridden", sentence)

        if unknown := loading.unknown_layers(config, model):
            sentence = (
                f"This model has no layers called {', '.join(unknown)}, so only the other target modules are trained."
            )
            reporter.warn("layers_unknown", sentence, "Look for a slip in Target modules.")

    with reporter.phase("data"):
        prepared = method.prepare(config, tokenizer, partial(reporter.count, "data"))
        telling.check_same_data(reporter, read_dataset_ref(folder), prepared)
        telling.warn_of_joined_turns(reporter, tokenizer, prepared)
        telling.warn_of_left_out(reporter, config, prepared)
    if config.auto_batch and placement() == "sharded":
        sentence = "The model is sharded over the cards, so its batch is cut as the config says."
        reporter.warn("auto_batch_overridden", sentence)
    elif config.auto_batch and machine.device == "cuda" and not is_cut_already(folder):
        with reporter.phase("probe"):
            config = fill_card.choose(config, machine, model, tokenizer, prepared, reporter)

    output = str(checkpoints.writing_place(folder))
    note = checkpoints.note_of(resume[1]) if resume else checkpoints.Note(step=0)
    best = Best(*method.BEST)
    best.recall(note.best)
    if config.load_best_model_at_end:
        forget_lost_best(reporter, best)
    boundaries = Boundaries(
        reporter,
        Ranks(machine.device),
        rhythm(config),
        method.METRICS,
        best,
        answer=lambda prompt: answer_sample(prompt, model, tokenizer, config.gradient_checkpointing),
        tokens=note.tokens,
    )
    if boundaries.is_cancelled_already():
        step, name = (resume[0], relative(folder, resume[1])) if resume else (0, None)
        reporter.emit(Cancelled(step=step, checkpoint=name))
        return
    parts = methods.Parts(config, machine, model, tokenizer, prepared, reporter, output, boundaries.must_end)
    checkpoint, step = resume[1] if resume else None, note.step
    for stage in method.stages(parts, note.stage):
        trainer = stage.trainer
        # A README about the model in every checkpoint is of no use to a resume.
        trainer.create_model_card = lambda *args, **names: None
        if config.find_learning_rate:
            search = lr_search.Search(trainer)
        telling.plan(stage, parts)
        boundaries.enter(stage)
        if machine.device == "cuda" or PROBE in os.environ:
            trainer.add_callback(Probe(trainer, reporter))
        with reporter.phase("train"):
            if checkpoint is not None and boundaries.stops_early:
                # It was paused or killed where it had come to its end.
                if steps_made(checkpoint) < steps_of(trainer)[0]:
                    boundaries.tell_early_stop(note.step)
                take_as_last(trainer, checkpoint)
            else:
                go_on(trainer, checkpoint)
        checkpoint, step = None, boundaries.step_of(trainer.state)
        if boundaries.wish in ("pause", "stop") or trainer.state.global_step < trainer.state.max_steps:
            break

    last = relative(folder, folder.checkpoint(step)) if step else None
    seconds = time.perf_counter() - start
    if config.find_learning_rate:
        if boundaries.wish in ("pause", "stop"):
            # Half a curve names no learning rate, and there is no checkpoint to go on from.
            reporter.emit(Cancelled(step=step))
        else:
            reporter.emit(search.verdict())
            reporter.emit(Finished(step=step, adapter=None, seconds=seconds))
    elif boundaries.wish == "pause":
        reporter.emit(Paused(step=step, checkpoint=last))
    elif boundaries.wish == "stop":
        reporter.emit(Cancelled(step=step, checkpoint=last))
    else:
        kept = best.step if config.load_best_model_at_end and best.step is not None else step
        with reporter.phase("save"):
            if reporter.rank == 0:
                reporter.wait_for_folder()
                checkpoints.keep_model(folder, kept)
        adapter = relative(folder, folder.adapter)
        reporter.emit(Finished(step=step, adapter=adapter, seconds=seconds, best_step=kept if kept != step else None))


def forget_lost_best(reporter: Reporter, best: Best) -> None:
    """Let later evaluations be the best where the checkpoint that was it is gone or damaged."""
    if best.step is not None and best.step not in dict(reporter.folder.complete_checkpoints()):
        sentence = f"The best checkpoint so far, that of step {best.step}, is not there any more."
        reporter.warn("best_lost", sentence, "The best one from here on is kept, or else the last one.")
        best.forget()


def go_on(trainer: Any, checkpoint: Path | None) -> None:
    """Train from the start, or from where a checkpoint left off."""
    if checkpoint is not None and steps_made(checkpoint) >= steps_of(trainer)[0]:
        # Killed between the last checkpoint and the end: transformers would make one step too many.
        take_as_last(trainer, checkpoint)
        return
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)


def take_as_last(trainer: Any, checkpoint: Path) -> None:
    """Let a trainer be where it was with a checkpoint, and at its end there."""
    trainer._load_from_checkpoint(str(checkpoint))
    trainer.state.global_step = trainer.state.max_steps = steps_made(checkpoint)


def steps_made(checkpoint: Path) -> int:
    """Return how many steps the trainer of a checkpoint had made."""
    return int(json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))["global_step"])


def is_cut_already(folder: RunFolder) -> bool:
    """Say whether the batch of a step has been cut by an earlier start: what came of it must not be undone."""
    return read_adjustments(folder).per_device_train_batch_size is not None


def choose_cards(config: RunConfig) -> None:
    """Leave a lone process that may use cards the first of them."""
    if config.gpus != ():
        take_first_card()


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


def relative(folder: RunFolder, path: Path) -> str:
    """Return a path as events give it: seen from the run folder."""
    return str(path.relative_to(folder.path))


def main(words: list[str]) -> int:
    """Train, and tell the run folder how it ended."""
    if len(words) != 1 or not Path(words[0]).is_dir():
        print("Usage: python -m trainer_image.train RUN_FOLDER", file=sys.stderr)
        return 2
    folder = RunFolder(Path(words[0]).absolute())
    stand_by(folder)
    reporter = Reporter(folder, int(os.environ.get("RANK", "0")))
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
