"""The columns of the runs table: what each is called, what it says of a run, and by what it is sorted."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path

from desktop.core import folders
from desktop.core.labels import Labels
from desktop.core.run import Run, RunState
from desktop.ui import words
from desktop.ui.charts.metric_words import main_chart
from trainer_image.contract import REINFORCED

SortKey = tuple[int, float | str]


class Column(IntEnum):
    """The columns in reading order."""

    RUN = 0
    STATE = 1
    PROGRESS = 2
    MODEL = 3
    DATA = 4
    METHOD = 5
    LOSS = 6
    TIME = 7
    SIZE = 8
    TAGS = 9


TITLES = {
    Column.RUN: "Run",
    Column.STATE: "State",
    Column.PROGRESS: "Progress",
    Column.MODEL: "Model",
    Column.DATA: "Data",
    Column.METHOD: "Method",
    Column.LOSS: "Loss",
    Column.TIME: "Time",
    Column.SIZE: "Size",
    Column.TAGS: "Tags",
}
HELP = {
    Column.LOSS: "The loss, or the reward where a method is judged by that",
    Column.TIME: "What is left of a run that goes on, else how long it took without its pauses",
    Column.SIZE: "What the folder of the run takes on the disk",
}
NUMBERS = (Column.PROGRESS, Column.LOSS, Column.TIME, Column.SIZE)


def display(run: Run, labels: Labels, column: Column) -> str:
    """Return what a column says of a run."""
    match column:
        case Column.RUN:
            return run.name
        case Column.STATE:
            return run.state.value
        case Column.PROGRESS:
            total = f" of {words.count(run.total_steps)}" if run.total_steps else ""
            return f"{words.count(run.step)}{total}"
        case Column.MODEL:
            return model_name(run.config.model)
        case Column.DATA:
            return data_name(run)
        case Column.METHOD:
            return method_name(run.config.method)
        case Column.LOSS:
            return judged(run)
        case Column.TIME:
            return time_words(run)
        case Column.SIZE:
            return words.file_size(run.size_bytes) if run.size_bytes else ""
        case Column.TAGS:
            return ", ".join(labels.tags)


def sort_key(run: Run, labels: Labels, column: Column) -> SortKey | None:
    """Return by what a column is sorted: numbers by their size, words by the alphabet; None stands at the end."""
    match column:
        case Column.STATE:
            return list(RunState).index(run.state), 0
        case Column.PROGRESS:
            share = fraction_of(run)
            return (0, share) if share is not None else None
        case Column.LOSS:
            number = judging_number(run)
            return (number[0] != "", number[1]) if number is not None else None
        case Column.TIME:
            left, taken = _seconds_left(run), seconds_taken(run)
            if left is not None:
                return 0, left
            return (1, taken) if taken is not None else None
        case Column.SIZE:
            return (0, run.size_bytes) if run.size_bytes else None
        case _:
            text = display(run, labels, column)
            return (0, text.casefold()) if text else None


def tooltip(run: Run, labels: Labels, column: Column) -> str:
    """Return the whole story behind a cell."""
    match column:
        case Column.RUN | Column.STATE:
            reason = f"{run.failure.sentence} {run.failure.hint}" if run.failure else ""
            away = "put away in the archive" if labels.is_archived else ""
            tags = f"tags: {', '.join(labels.tags)}" if labels.tags else ""
            parts = (run.name, subline(run), reason, away, tags, labels.notes, run.id)
            return "\n".join(part for part in parts if part)
        case Column.LOSS:
            number = judging_number(run)
            return f"{number[0] or 'loss'} {number[1]!r}" if number is not None else "no loss yet"
        case Column.TIME:
            return _time_tip(run)
        case Column.MODEL:
            return run.config.model
        case Column.DATA:
            return run.config.dataset
        case Column.SIZE:
            return f"{words.count(run.size_bytes)} bytes in {run.folder}"
        case _:
            return display(run, labels, column)


def _time_tip(run: Run) -> str:
    if run.started is None:
        return ""
    is_unread = run.earlier_s is None and not run.state.can_cancel
    of_what = "\nthe time of its latest start; open the run to have the earlier ones counted too" if is_unread else ""
    return f"started {words.exact_moment(run.started)}{of_what}"


def fraction_of(run: Run) -> float | None:
    """Return how much of a run is done, 0 to 1, where that is known."""
    if run.state is RunState.FINISHED:
        return 1.0
    return min(1.0, run.step / run.total_steps) if run.total_steps else None


def seconds_taken(run: Run) -> float | None:
    """Return how long a run took, or has taken so far, without its pauses."""
    return run.seconds_of_work(datetime.now(UTC) if run.state.is_live else run.ended)


def time_words(run: Run) -> str:
    """Return the time that is left of a live run, else how long it took."""
    left = _seconds_left(run)
    if left is not None:
        return words.time_left(left)
    seconds = seconds_taken(run)
    return words.duration(seconds) if seconds is not None else ""


def _seconds_left(run: Run) -> float | None:
    return run.progress.seconds_left if run.state is RunState.RUNNING else None


def subline(run: Run) -> str:
    """Return the second line of a run in a narrow list: its state, and the one thing to know beside it."""
    if run.state is RunState.WAITING:
        return run.waiting_for or "waiting"
    if run.state is RunState.STARTING:
        return f"starting · {run.preparing}" if run.preparing else "starting"
    if run.state is RunState.FAILED and run.failure is not None:
        return f"failed · {run.failure.sentence}"
    parts = [run.state.value, time_words(run), telling_number(run)]
    return " · ".join(part for part in parts if part)


def telling_number(run: Run) -> str:
    """Return the number that says most of a run, with its name: a reward, what a search suggests, else the loss."""
    if run.progress.suggestion is not None:
        return f"suggests {words.short_number(run.progress.suggestion.value)}"
    reward = run.progress.metrics.get("reward")
    if run.config.method in REINFORCED and reward is not None:
        return f"reward {words.short_number(reward)}"
    return f"loss {words.loss(run.loss)}" if run.loss is not None else ""


def judging_number(run: Run) -> tuple[str, float] | None:
    """Return the number that a run is judged by: its name, empty for a loss, and its value."""
    name = main_chart(run.config.method, run.progress.metrics)
    value = run.loss if name == "loss" else run.progress.metrics.get(name)
    return ("" if name == "loss" else name, value) if value is not None else None


def judged(run: Run) -> str:
    """Return the number that a run is judged by, with its name unless it is the loss."""
    number = judging_number(run)
    if number is None:
        return words.loss(None)
    name, value = number
    return f"{name} {words.short_number(value)}" if name else words.loss(value)


def model_name(model: str) -> str:
    """Return the short name of a model from its folder, its Hub id or its place in the Hub's cache."""
    for part in reversed(Path(model).parts):
        if part.startswith("models--"):
            return part.rpartition("--")[2]
    return Path(model).name


def data_name(run: Run) -> str:
    """Return the name of a run's dataset in the library with its version, or else of its file."""
    ref = folders.read_dataset(run.files)
    return f"{ref.name}@{ref.number}" if ref is not None else Path(run.config.dataset).name


def method_name(method: str) -> str:
    """Return the short name of a method: an abbreviation in capitals, else the word."""
    return method if method in ("pretrain", "reward") else method.upper() if method != "star" else "STaR"
