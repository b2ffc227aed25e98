"""Start a run and stay with it to its end: ``python -m trainer_image.start RUN_FOLDER``.

It looks through the checkpoints, chooses how the cards are used, starts the trainer's processes, goes on after full
memory with smaller micro-batches, and pauses where the disk is full. It imports no torch, so that it costs a blink.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer_image.cards.sampler import Sampler
from trainer_image.cards.watchdog import Watchdog, gpu_lost
from trainer_image.configs import adjusted, read_adjustments, read_config, write_adjustments
from trainer_image.contract import (
    EXIT_DISK_FULL,
    GENERATING,
    LEAST_ROWS,
    Adjustments,
    Failed,
    OutOfMemory,
    Paused,
    Placement,
    RunConfig,
    RunFolder,
)
from trainer_image.contract.standby import STANDBY_WORD
from trainer_image.fitting.placement import out_of_memory
from trainer_image.launching import standby, supervise
from trainer_image.launching.preparing import Prepared, as_it_comes, placed
from trainer_image.launching.standby import Standing
from trainer_image.launching.supervise import Signals
from trainer_image.launching.talking import talked
from trainer_image.log.crashes import is_disk_full, was_generating
from trainer_image.model.files import read_weights_ahead
from trainer_image.reporter import Reporter
from trainer_image.saving.verifying import keep_whole_checkpoints

TRAINER = "trainer_image.train"


def start(folder: RunFolder, *, is_standby: bool = False) -> int:
    """Run what the folder's config says, once it is there for one that stands by; return the exit code."""
    signals = Signals()
    standing: Standing | None = None
    if is_standby:
        standing = standby.stand(folder, [sys.executable, "-m", TRAINER, str(folder.path)], signals)
        if not standing.is_taken:
            return 0
    with speaking(folder) as reporter, reporter.telling_failure():
        keep_whole_checkpoints(reporter)
        prepared = prepare(reporter, signals, standing)
    ready = standing.crew_for(prepared) if standing else None
    watchdog = Watchdog([card.uuid for card in prepared.decision.cards])
    Sampler(folder, prepared.decision.cards)
    words = [sys.executable, "-m", TRAINER, str(folder.path)]
    while not signals.told:
        ending = supervise.run(
            words, prepared.environment, prepared.decision.processes, folder, signals, watchdog, ready
        )
        ready = None
        with speaking(folder) as reporter:
            if ending.code == 0 and ending.failed is None and not reporter.past.ended:
                # Something in it has called os._exit, such as a reward file: that is no good end.
                ending = supervise.Ending(1, supervise.crashed(0, ""))
            if ending.failed is None or reporter.past.finished:
                return ending.code
            failed = ending.failed
            if why := watchdog.ask():
                # Whatever the trainer died of, or whether it could still save: it cannot go on in this container.
                reporter.emit(gpu_lost(why))
                return ending.code
            if reporter.past.ended:
                return ending.code
            if failed.code == "out_of_memory":
                if _is_of_generation(failed, prepared.config):
                    failed = failed.model_copy(update=TOO_LITTLE_FOR_ONE_ANSWER)
                elif go_on_smaller(reporter, prepared.config):
                    continue
                else:
                    failed = with_what_fits(failed, prepared, folder)
            if failed.code == "disk_full" or (failed.code == "diverged" and prepared.config.on_trouble == "pause"):
                reporter.emit(paused_by_itself(failed, folder))
                return 0
            reporter.emit(failed)
            return ending.code
    return 128 + signals.told


TOO_LITTLE_FOR_ONE_ANSWER = {
    "sentence": "The memory is full while a single answer is generated.",
    "hint": "Lower Longest answer or Longest row, or switch on 4-bit base; fewer rows at once would not help.",
}


def _is_of_generation(failed: Failed, config: RunConfig) -> bool:
    """Say whether the memory was full while answers were made, which smaller micro-batches do not shrink."""
    return config.method in GENERATING and was_generating(failed.traceback)


def paused_by_itself(failed: Failed, folder: RunFolder) -> Paused:
    """Return the pause of a run that went into trouble: it goes on from its last complete checkpoint."""
    complete = folder.complete_checkpoints()
    step, checkpoint = complete[-1] if complete else (0, None)
    return Paused(
        step=step,
        checkpoint=str(checkpoint.relative_to(folder.path)) if checkpoint else None,
        code=failed.code,
        sentence=failed.sentence,
        hint=failed.hint,
    )


def prepare(reporter: Reporter, signals: Signals, standing: Standing | None = None) -> Prepared:
    """Choose how the cards are used, try whether they talk to each other, and say so."""
    folder = reporter.folder
    held = standing.held if standing else None
    prepared = placed(read_config(folder), folder, held)
    if prepared.decision.cards:
        if prepared.decision.processes > 1:
            with reporter.phase("self_test"):
                prepared = talked(prepared, folder, signals, held)
        if prepared.files:
            read_weights_ahead(prepared.files)
    decision = prepared.decision
    reporter.emit(
        Placement(
            placement=decision.placement,
            cards=[card.number for card in decision.cards],
            processes=decision.processes,
            sentence=decision.sentence,
            predicted_bytes=list(decision.predicted_bytes),
            settings=dict(prepared.settings),
        )
    )
    if decision.warning:
        reporter.warn("may_not_fit", decision.warning, "It is tried all the same.")
    return prepared


def go_on_smaller(reporter: Reporter, config: RunConfig) -> bool:
    """Halve the rows at once for the next try, and say so; False where nothing is left to try."""
    folder = reporter.folder
    before = read_adjustments(folder)
    after = smaller(config, before)
    if after is None:
        return False
    write_adjustments(folder, after)
    old, new = adjusted(config, before), adjusted(config, after)
    if new.per_device_train_batch_size == old.per_device_train_batch_size:
        change = "gradient checkpointing"
    else:
        change = (
            f"{new.per_device_train_batch_size} instead of {old.per_device_train_batch_size} rows at once and "
            f"{new.gradient_accumulation_steps} instead of {old.gradient_accumulation_steps} micro-batches"
        )
    reporter.emit(
        OutOfMemory(
            attempt=after.oom_attempts,
            attempts=config.oom_retries,
            per_device_train_batch_size=new.per_device_train_batch_size,
            gradient_accumulation_steps=new.gradient_accumulation_steps,
            sentence=f"The memory was full. The run goes on with {change}; a step sees the same rows.",
        )
    )
    return True


def smaller(config: RunConfig, before: Adjustments) -> Adjustments | None:
    """Return the next smaller way to cut the batch of a step; None after the last try, or where there is none."""
    attempt = before.oom_attempts + 1
    if attempt > config.oom_retries:
        return None
    now = adjusted(config, before)
    rows, batch = now.per_device_train_batch_size, now.per_device_train_batch_size * now.gradient_accumulation_steps
    least = LEAST_ROWS.get(config.method, 1)
    half = next((size for size in range(rows // 2, least - 1, -1) if batch % size == 0), None)
    if half is not None:
        update = {"per_device_train_batch_size": half, "gradient_accumulation_steps": batch // half}
        return before.model_copy(update={**update, "oom_attempts": attempt})
    if config.auto_batch and not now.gradient_checkpointing:
        return before.model_copy(update={"gradient_checkpointing": True, "oom_attempts": attempt})
    return None


def with_what_fits(failed: Failed, prepared: Prepared, folder: RunFolder) -> Failed:
    """Return the failure of a run whose memory was full too often, with the changes that would make it fit."""
    error = out_of_memory(as_it_comes(prepared.config, folder), prepared.model, prepared.decision.cards)
    return failed.model_copy(update={"sentence": error.sentence, "hint": error.hint})


@contextmanager
def speaking(folder: RunFolder) -> Iterator[Reporter]:
    """Take the word for as long as no process of the trainer has it."""
    reporter = Reporter(folder)
    try:
        yield reporter
    finally:
        reporter.close()


def main(words: list[str]) -> int:
    """Start the run that the command line names."""
    is_standby = words[1:] == [STANDBY_WORD]
    if len(words) != 1 + is_standby or not Path(words[0]).is_dir():
        print(f"Usage: python -m trainer_image.start RUN_FOLDER [{STANDBY_WORD}]", file=sys.stderr)
        return 2
    folder = RunFolder(Path(words[0]).absolute())
    try:
        with speaking(folder) as reporter:
            # What the trainer's processes say before they know the log goes there, too.
            reporter.take_over_output()
        return start(folder, is_standby=is_standby)
    except OSError as error:
        if is_disk_full(error):
            # There is not even room to say so: the app knows this code.
            return EXIT_DISK_FULL
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
