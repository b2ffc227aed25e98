"""Numbers and moments as people read them; the exact value belongs in a tooltip."""

from __future__ import annotations

import math
from datetime import datetime

GIB = 1024**3


def count(number: int | float) -> str:
    """7473 becomes 7,473."""
    return f"{number:,.0f}"


def plural(number: int, word: str) -> str:
    """1 row, 7,473 rows."""
    return f"{count(number)} {word}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a duration in its two largest useful units."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def time_left(seconds: float) -> str:
    """Return how long it still takes in the fewest words, rounded as ``time_left_between`` does."""
    return "almost done" if seconds < 2 else f"{_roughly(seconds)} left"


def time_left_between(seconds: float, between: tuple[float, float] | None) -> str:
    """Return about how long it still takes, and between what and what where that is not the same: about 12 min left
    (10 to 15 min)."""
    if seconds < 2:
        return "almost done"
    middle = _roughly(seconds)
    text = f"{middle} left" if middle == SOON else f"about {middle} left"
    if between is None:
        return text
    low, high = (_roughly(edge) for edge in between)
    if high == middle:  # that it may be done a little sooner troubles nobody
        return text
    if low in (SOON, middle):
        return f"{text} (up to {high})"
    number, _, unit = low.partition(" ")
    low = number if high.partition(" ")[2] == unit else low
    return f"{text} ({low} to {high})"


SOON = "a few seconds"


def _roughly(seconds: float) -> str:
    """Return a duration as one says it: nobody counts the seconds of a minute or the minutes of an evening."""
    if seconds < 8:
        return SOON
    if seconds < 52.5:
        return f"{5 * round(seconds / 5)} s"
    step = 60 if seconds < 3600 else 300 if seconds < 6 * 3600 else 900
    return duration(max(60, step * round(seconds / step)))


def loss(value: float | None) -> str:
    """Return a loss with the digits that mean something."""
    if value is None or not math.isfinite(value):
        return "–"
    if value != 0 and abs(value) < 0.1:
        return f"{value:.2g}"
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"


def short_number(value: float | None) -> str:
    """Return any number in a few letters: 2e-4, 0.35, 41.2, 1,204."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    if size < 0.001:
        digits, _, power = f"{value:.1e}".partition("e")
        return f"{digits.removesuffix('.0')}e{int(power)}"
    if size < 10:
        return f"{value:.3g}"
    return f"{value:.1f}" if size < 100 else count(value)


def speed(tokens_per_s: float) -> str:
    return f"{short_number(tokens_per_s) if tokens_per_s < 10 else count(tokens_per_s)} tokens/s"


def memory(size: float) -> str:
    """Return a size of memory, in the GB that cards are sold by."""
    gib = size / GIB
    return f"{gib:.1f}" if gib < 10 else f"{gib:.0f}"


def memory_in_use(used: float, total: float) -> str:
    """3.1 of 12 GB."""
    return f"{memory(used)} of {memory(total)} GB"


def file_size(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def moment(when: datetime) -> str:
    """Return a moment in local time: the hour for today, else the day too."""
    local = when.astimezone()
    if local.date() == datetime.now().astimezone().date():
        return f"{local:%H:%M}"
    return f"{local:%d %b, %H:%M}"


def exact_moment(when: datetime) -> str:
    return f"{when.astimezone():%Y-%m-%d %H:%M:%S}"
