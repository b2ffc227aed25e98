"""The launcher while its trainer stands by: processes that have imported everything wait for the run that takes them.

What has to be chosen before the imports (cards, placement, variables) follows from the config that the run will most
likely have. A run that needs anything else gets processes of its own.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trainer_image.arguments import environment
from trainer_image.cards.visible import Card, visible_cards
from trainer_image.contract import RunFolder
from trainer_image.contract.standby import leave_standby, read_standby, taken_file, waiting_file
from trainer_image.errors import TrainerError
from trainer_image.fitting.memory import CONTEXT_BYTES
from trainer_image.launching.crew import LOOK_S, Crew
from trainer_image.launching.preparing import Prepared, placed
from trainer_image.launching.rewriting import TRAINERS
from trainer_image.launching.supervise import Signals
from trainer_image.launching.talking import talked
from trainer_image.model.files import read_weights_ahead
from trainer_image.supervised import STANDBY, ready_mark


@dataclass
class Standing:
    """What the waiting came to: whether a run is there, and the processes that stand ready for it, if any do."""

    is_taken: bool = False
    crew: Crew | None = None
    count: int = 0
    trainers: Sequence[str] = ()
    """Those of TRL that the processes can build."""
    environment: Mapping[str, str] = field(default_factory=dict)
    cards: Sequence[Card] = ()
    """As they were before the processes began."""
    held: dict[str, int] = field(default_factory=dict)
    """Bytes of each card, by its UUID, that the processes themselves hold by now."""

    def crew_for(self, prepared: Prepared) -> Crew | None:
        """Return the processes that stand ready if the run can have them; else end them."""
        crew, self.crew = self.crew, None
        if crew is None:
            return None
        wanted = prepared.environment | environment(prepared.config)
        can_build = set(TRAINERS[prepared.config.method]) <= set(self.trainers)
        if crew.is_running and can_build and prepared.decision.processes == self.count and wanted == self.environment:
            return crew
        crew.kill()
        return None


def stand(folder: RunFolder, words: Sequence[str], signals: Signals) -> Standing:
    """Start processes that import everything for the run that will most likely come, and wait for it."""
    standing = Standing()
    try:
        note = read_standby(waiting_file(folder))
        if note is not None:
            _begin(standing, folder, words, placed(note.config, folder), signals)
            _wait(standing, folder, note.idle_seconds, signals)
    except TrainerError as error:
        print(f"{error} {error.hint}", file=sys.stderr)
    except Exception:
        # A run that has taken this trainer meets it again, where it is told; any other has nobody to tell.
        traceback.print_exc()
    finally:
        # A run that has taken this trainer a moment before it could leave counts on it.
        leave_standby(folder)
        standing.is_taken = taken_file(folder).exists()
        taken_file(folder).unlink(missing_ok=True)
        _forget_marks(folder, standing.count)
        if standing.crew is not None and not standing.is_taken:
            standing.crew.kill()
    return standing


def _begin(standing: Standing, folder: RunFolder, words: Sequence[str], prepared: Prepared, signals: Signals) -> None:
    """Start the processes, unless the cards are split by what is free on them when the run starts."""
    if prepared.decision.placement != "layers":
        prepared = talked(prepared, folder, signals)
    decision, config = prepared.decision, prepared.config
    if decision.placement == "layers":
        return
    if prepared.files is not None:
        read_weights_ahead(prepared.files)
    standing.count, standing.cards = decision.processes, prepared.cards
    standing.trainers = TRAINERS[config.method]
    standing.environment = prepared.environment | environment(config)
    _forget_marks(folder, standing.count)
    standing.crew = Crew(words, {**standing.environment, STANDBY: config.method}, standing.count, waits=True)


def _wait(standing: Standing, folder: RunFolder, idle_seconds: float, signals: Signals) -> None:
    """Return when a run takes the trainer, or when there is nothing to wait for any more."""
    leaves_at = time.monotonic() + idle_seconds
    is_ready = False
    while waiting_file(folder).exists() and not signals.told and time.monotonic() < leaves_at:
        if standing.crew is None or not standing.crew.is_running:
            return
        if not is_ready and all(ready_mark(folder, rank).exists() for rank in range(standing.count)):
            is_ready = True
            standing.held = held_bytes(standing.cards, visible_cards(folder))
        time.sleep(LOOK_S)


def _forget_marks(folder: RunFolder, count: int) -> None:
    """Take away what the processes said of their being ready."""
    for rank in range(count):
        ready_mark(folder, rank).unlink(missing_ok=True)


def held_bytes(before: Sequence[Card], now: Sequence[Card]) -> dict[str, int]:
    """Return what is gone of each card since, at most what a process that only imports can take: others come and go."""
    free = {card.uuid: card.free_bytes for card in now}
    gone = {card.uuid: card.free_bytes - free.get(card.uuid, card.free_bytes) for card in before}
    return {uuid: min(max(0, size), CONTEXT_BYTES) for uuid, size in gone.items()}
