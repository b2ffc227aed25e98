"""Fill the card: which cut of a step's batch is taken, and what it changes, on a card that is made up."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from trainer_image.arguments import Machine
from trainer_image.configs import adjusted, read_adjustments
from trainer_image.contract import Batch, RunConfig, RunFolder, read_event
from trainer_image.data.dataset import Prepared
from trainer_image.data.encoding import Encoded
from trainer_image.reporter import Reporter
from trainer_image.training import fill_card
from trainer_image.training.fill_card import Trial, choose, fastest

MODEL = SimpleNamespace(config=SimpleNamespace(model_type="llama"), device=SimpleNamespace(type="cuda"))


def card(most: int, most_with_checkpointing: int, fastest_at: int) -> Any:
    """Return what a card with room for so many rows at once says of a trial."""

    def tried(trial: Trial) -> Trial | None:
        room = most_with_checkpointing if trial.checkpointing else most
        speed = 1000.0 - abs(trial.rows - fastest_at)
        return replace(trial, tokens_per_s=speed) if trial.rows <= room else None

    return tried


@pytest.mark.parametrize(
    ("total", "rows", "room", "rows_at_once", "checkpointing"),
    [
        (16, 100, (64, 64, 16), 16, False),
        # The largest that fits and that the batch can be cut into.
        (16, 100, (5, 64, 16), 4, False),
        # Half a card may be faster than a full one.
        (16, 100, (16, 64, 8), 8, False),
        # Checkpointing costs a pass, so it is taken only where nothing fits without.
        (16, 100, (0, 6, 16), 4, True),
        (12, 100, (7, 64, 12), 6, False),
        # More rows than there are cannot be tried.
        (16, 5, (64, 64, 16), 4, False),
    ],
)
def test_the_fastest_cut_that_fits_is_taken(
    total: int, rows: int, room: tuple[int, int, int], rows_at_once: int, checkpointing: bool
) -> None:
    found = fastest(total, rows, card(*room))
    assert found is not None
    assert (found.rows, found.checkpointing) == (rows_at_once, checkpointing)


def test_a_card_that_holds_not_even_one_row() -> None:
    assert fastest(8, 100, card(0, 0, 1)) is None


def test_what_is_chosen_is_said_and_holds_for_later_starts(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[tuple[Trial, int]]()
    switched = list[bool]()

    def measure(trial: Trial, model: Any, batch: dict[str, Any]) -> Trial | None:
        asked.append((trial, int(batch["input_ids"].numel())))
        return card(6, 64, 16)(trial)  # type: ignore[no-any-return]

    # There is no card here: these two speak with it.
    monkeypatch.setattr(fill_card, "measure", measure)
    monkeypatch.setattr(fill_card, "set_checkpointing", lambda model, is_on: switched.append(is_on))
    rows = [Encoded(n, n, [n] * length, [n] * length) for n, length in enumerate(range(1, 41), 1)]
    prepared = Prepared(rows, [], [], [], [], 0, "")
    config = RunConfig(model="m", dataset="d", auto_batch=True, per_device_train_batch_size=2)
    reporter = Reporter(RunFolder(tmp_path))
    chosen = choose(config, Machine("cuda"), MODEL, SimpleNamespace(pad_token_id=0), prepared, reporter)
    reporter.close()
    cut = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "gradient_checkpointing": False}
    assert chosen == config.model_copy(update=cut)
    # The longest rows are tried: what holds them holds all.
    assert asked[0] == (Trial(8, checkpointing=False), sum(range(33, 41)))
    assert switched == [False]
    assert adjusted(config, read_adjustments(RunFolder(tmp_path))) == chosen
    (event,) = [read_event(line) for line in (RunFolder(tmp_path).events).read_bytes().splitlines()]
    assert isinstance(event, Batch)
    assert "4 of 8 rows at once" in event.sentence
