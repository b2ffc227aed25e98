"""How a word of the terminal becomes the moment at which a run starts, or the cards that it runs on."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from desktop.errors import ConfigError

WHEN = "22:30, 2026-11-23 06:00, +2h or now"
WHERE = "0 or 0,1, all, or cpu"
_FROM_NOW = re.compile(r"\+(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?:in)?)?")


def moment(word: str, now: datetime | None = None) -> datetime | None:
    """Read when to start; None is as soon as it may. An hour alone is the next of its kind, by the clock here.

    Raises ConfigError where it is no time, or one that has passed.
    """
    now = now or datetime.now().astimezone()
    word = word.strip()
    if word == "now":
        return None
    try:
        when = _read(word, now)
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"{word or 'Nothing'} is no time to start.", f"Write it as {WHEN}.") from error
    if when <= now:
        raise ConfigError(f"{word} has passed.", "Give a later time, or the word now.")
    return when


def _read(word: str, now: datetime) -> datetime:
    if (found := _FROM_NOW.fullmatch(word)) is not None:
        days, hours, minutes = (int(number or 0) for number in found.groups())
        return now + timedelta(days=days, hours=hours, minutes=minutes)
    try:
        clock = datetime.strptime(word, "%H:%M").time()
    except ValueError:
        return datetime.fromisoformat(word).astimezone()
    here = datetime.combine(now.date(), clock).astimezone()
    return here if here > now else datetime.combine(now.date() + timedelta(days=1), clock).astimezone()


def cards(word: str) -> tuple[int, ...] | None:
    """Read which cards to run on: None is all of them, an empty tuple the processor; ConfigError for anything else."""
    word = word.strip().lower()
    if word == "all":
        return None
    if word == "cpu":
        return ()
    if not re.fullmatch(r"\d{1,3}(\s*,\s*\d{1,3})*", word):
        raise ConfigError(
            f"{word or 'Nothing'} names no cards.", f"Write them as {WHERE}; `tunedeck doctor` lists them."
        )
    return tuple(sorted({int(number) for number in word.split(",")}))
