"""Prediction against peak on one GPU, over configs of real shapes with random weights, through the app's own trainer.

``python tests/benchmarks/gpu/fit.py --tokenizer FOLDER [--only WORD] [--minutes N] [--at-once N] [--dry-run]
[--json FILE]``
FOLDER is any model folder with a tokenizer. Each config is a process of its own, as a run of the app: four steps of
rows that are longer than the longest row, so that their length is certain. A peak does not depend on who else is on the
card, so as many as the cards have room for may run ``--at-once``. What a card is too small for is left out before it
starts, and the table says so. With ``--dry-run`` the predictions alone are printed, on any machine. The goal: each
within 10 %, half of them within 5 %, none more than 3 % too low.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2])]

from shapes import SHAPES, make  # noqa: E402

from trainer_image.contract import RunConfig  # noqa: E402
from trainer_image.fitting.memory import GIB, Estimate, predict  # noqa: E402
from trainer_image.model.facts import ModelFacts, model_facts  # noqa: E402

STEPS = 4
WORDS_A_ROW, WORDS_A_TASK = 12_000, 60
FILLED, MISTAKEN = 0.95, 1.15
"""The part of a card that is filled with configs, and how much more than predicted each is given."""
GOAL_EACH, GOAL_MEDIAN, GOAL_LOW = 0.10, 0.05, 0.03


GRPO = {"method": "grpo", "rewards": ["number"], "num_generations": 4, "max_completion_length": 256}


@dataclass(frozen=True)
class Case:
    """One config that is measured."""

    shape: str
    precision: str
    rows: int
    length: int
    checkpointing: bool
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        kept = "" if self.checkpointing else ", every layer kept"
        more = "".join(f", {name} {value}" for name, value in self.more.items())
        return f"{self.shape} {self.precision} {self.rows} x {self.length}{kept}{more}"

    def knobs(self) -> dict[str, Any]:
        """Return what differs from the defaults."""
        return {
            "per_device_train_batch_size": self.rows,
            "gradient_accumulation_steps": 1,
            "max_length": self.length,
            "gradient_checkpointing": self.checkpointing,
            "load_in_4bit": self.precision == "nf4",
            "max_steps": STEPS,
            "eval_split_size": 0,
            "oom_retries": 0,
            "placement": "one",
            **self.more,
        }


def cases() -> Iterator[Case]:
    """Yield the configs: every shape and precision, lengths of 512 to 8,192, one to eight rows."""
    for shape in ("1b", "8b"):
        for precision in ("bf16", "nf4"):
            for rows, length in ((1, 512), (8, 512), (2, 2048), (1, 8192), (8, 2048), (4, 4096), (8, 8192)):
                yield Case(shape, precision, rows, length, checkpointing=True)
            for rows, length in ((1, 512), (4, 1024), (1, 8192)):
                yield Case(shape, precision, rows, length, checkpointing=False)
    yield Case("1b", "bf16", 4, 1024, True, {"packing": True})
    yield Case("1b", "bf16", 4, 1024, True, {"lora_r": 64, "optim": "adamw_8bit"})
    yield Case("1b", "bf16", 2, 1024, True, {"use_dora": True})
    for rows, length in ((2, 1024), (1, 512), (8, 2048)):
        yield Case("1b", "bf16", rows, length, True, {"full_finetuning": True})
    yield Case("1b", "bf16", 2, 1024, True, {"full_finetuning": True, "optim": "adamw_8bit"})
    # Those above were there when the constants were fitted, those below were not.
    yield Case("1b", "bf16", 1, 512, True, {"use_dora": True})
    yield Case("1b", "bf16", 8, 1024, True, {"use_dora": True})
    yield Case("8b", "nf4", 1, 1024, True, {"use_dora": True})
    yield Case("1b", "bf16", 4, 1024, True, {"lora_dropout": 0.1})
    yield Case("1b", "nf4", 3, 3000, True)
    yield Case("1b", "nf4", 6, 1500, False)
    yield Case("8b", "nf4", 3, 3000, True)
    yield Case("8b", "bf16", 16, 700, False)
    for method in ("dpo", "orpo", "kto", "reward"):
        yield Case("1b", "bf16", 2, 1024, True, {"method": method})
    yield Case("1b", "bf16", 2, 1024, True, {"method": "dpo", "loss_type": "simpo"})
    yield Case("8b", "nf4", 2, 1024, True, {"method": "dpo"})
    yield Case("1b", "bf16", 4, 512, True, GRPO)


def rows_for(folder: Path, method: str) -> Path:
    """Write rows of the method's shape, each longer than the longest sequence, once."""
    from cases import full_rows

    text = full_rows(folder / "full.jsonl", 100, WORDS_A_ROW)
    if method == "sft":
        return text
    path = folder / f"{method}.jsonl"
    if not path.is_file():
        answers = [json.loads(line)["answer"] for line in text.read_text().splitlines()]
        path.write_text("".join(json.dumps(_row(method, index, answers)) + "\n" for index in range(len(answers))))
    return path


def _row(method: str, index: int, answers: Sequence[str]) -> dict[str, Any]:
    one, other = answers[index], answers[index - 1]
    if method == "kto":
        return {"prompt": "Go on.", "completion": one, "label": index % 2 == 0}
    if method == "grpo":
        # Random weights never end an answer, so it is as long as it may be.
        return {"problem": one[: 8 * WORDS_A_TASK], "answer": "1"}
    return {"prompt": "Go on.", "chosen": one, "rejected": other}


def facts_of(shape: str) -> ModelFacts:
    """Return the sizes of a shape."""
    found = model_facts({"model_type": "llama", **SHAPES[shape]})
    assert found is not None
    return found


def predicted(case: Case) -> Estimate:
    """Return what the app predicts."""
    config = RunConfig.model_validate({"model": "/model", "dataset": "/rows.jsonl", **case.knobs()})
    return predict(config, facts_of(case.shape))[0]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    case: Case
    predicted_bytes: int
    measured_bytes: int = 0
    note: str = ""

    @property
    def error(self) -> float:
        """How much the prediction is over the peak, as a share of it."""
        return self.predicted_bytes / self.measured_bytes - 1


def show(row: Row) -> None:
    """Print one line."""
    said = f"{row.predicted_bytes / GIB:8.2f}"
    if not row.measured_bytes:
        print(f"{row.case.name:60} {said}        -          {row.note}", flush=True)
        return
    missed = " <-" if abs(row.error) > GOAL_EACH or row.error < -GOAL_LOW else ""
    print(f"{row.case.name:60} {said} {row.measured_bytes / GIB:8.2f} {row.error:+8.1%}{missed} {row.note}", flush=True)


def sum_up(rows: Sequence[Row]) -> str:
    """Return how near the predictions came to the peaks."""
    errors = [row.error for row in rows if row.measured_bytes]
    if not errors:
        return "Nothing was measured."
    sizes = [abs(error) for error in errors]
    return (
        f"{len(errors)} measured: median {statistics.median(sizes):.1%} (goal {GOAL_MEDIAN:.0%}), largest "
        f"{max(sizes):.1%} (goal {GOAL_EACH:.0%}), lowest {min(errors):+.1%} (goal -{GOAL_LOW:.0%}), within "
        f"{GOAL_EACH:.0%}: {sum(size <= GOAL_EACH for size in sizes)} of {len(sizes)}"
    )


class Cards:
    """The room that is left on every card, in bytes; who wants some waits for it."""

    def __init__(self, totals: Sequence[int]) -> None:
        self._left = dict(enumerate(totals))
        self._changed = threading.Condition()

    @contextmanager
    def room(self, size: int) -> Iterator[int]:
        """Give the card with the most room."""
        with self._changed:
            self._changed.wait_for(lambda: max(self._left.values()) >= size)
            card = max(self._left, key=lambda card: self._left[card])
            self._left[card] -= size
        try:
            yield card
        finally:
            with self._changed:
                self._left[card] += size
                self._changed.notify_all()


def measure(asked: argparse.Namespace, chosen: Sequence[Case]) -> list[Row]:
    """Run each config and print its line."""
    # These need a GPU machine's packages.
    import torch
    from cases import Place, ours

    sizes = [torch.cuda.get_device_properties(card).total_memory for card in range(torch.cuda.device_count())]
    print(f"{len(sizes)} x {torch.cuda.get_device_name(0)}, {sizes[0] / GIB:.0f} GiB, torch {torch.__version__}")
    asked.folder.mkdir(parents=True, exist_ok=True)
    for method in {str(case.more.get("method", "sft")) for case in chosen}:
        rows_for(asked.folder, method)
    models = {shape: make(shape, asked.folder / shape, asked.tokenizer) for shape in {case.shape for case in chosen}}
    ends = time.monotonic() + 60 * asked.minutes
    cards = Cards([int(size * FILLED) for size in sizes])

    def one(case: Case) -> Row:
        estimate = predicted(case)
        room = int(estimate.total * MISTAKEN)
        if room > min(sizes) * FILLED:
            return Row(case, estimate.allocated, note="the card is too small")
        with cards.room(room) as card:
            if time.monotonic() > ends:
                return Row(case, estimate.allocated, note="no time left")
            rows = rows_for(asked.folder, str(case.more.get("method", "sft")))
            result = ours(Place(asked.folder, models[case.shape], rows, rows), rows, [card], 1, **case.knobs())
        return Row(case, estimate.allocated, result.peak_bytes, result.note)

    rows = list[Row]()
    with ThreadPoolExecutor(asked.at_once) as pool:
        # The longest first, so that none is waited for at the end.
        longest_first = sorted(chosen, key=lambda case: -case.rows * case.length)
        for job in as_completed([pool.submit(one, case) for case in longest_first]):
            rows.append(job.result())
            show(rows[-1])
    return rows


def main(words: Sequence[str] | None = None) -> list[Row]:
    """Predict, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--only", default="", help="cases whose name has this word")
    parser.add_argument("--minutes", type=float, default=60, help="start no further case after so many minutes")
    parser.add_argument("--at-once", type=int, default=1, help="so many configs beside each other")
    parser.add_argument("--dry-run", action="store_true", help="print the predictions alone")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "tunedeck-fit")
    asked = parser.parse_args(words)
    if not asked.dry_run and asked.tokenizer is None:
        parser.error("--tokenizer is needed to measure")
    chosen = [case for case in cases() if asked.only in case.name]
    print(f"{'GiB that torch has reserved':60} predicted    peak    error", flush=True)
    if asked.dry_run:
        rows = [Row(case, predicted(case).allocated) for case in chosen]
        for row in rows:
            show(row)
    else:
        rows = measure(asked, chosen)
    print(sum_up(rows))
    if asked.json:
        figures = [
            {"name": row.case.name, "predicted_bytes": row.predicted_bytes, "measured_bytes": row.measured_bytes}
            for row in rows
        ]
        asked.json.write_text(json.dumps(figures, indent=1))
    return rows


if __name__ == "__main__":
    main()
