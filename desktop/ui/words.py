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
    return "almost done" if seconds < 2 else f"{duration(round(seconds))} left"


def time_left_between(seconds: float, between: tuple[float, float] | None) -> str:
    """Return the time that is left, and between what and what it may be where that is not the same: 12 min left,
    10 to 15."""
    text = time_left(seconds)
    if between is None or seconds < 2:
        return text
    low, high = (duration(round(edge)) for edge in between)
    if low == high:
        return text
    same_unit = low.rpartition(" ")[2] == high.rpartition(" ")[2] and low.count(" ") == high.count(" ") == 1
    if same_unit and text.endswith(f" {low.rpartition(' ')[2]} left"):
        low, high = (edge.rpartition(" ")[0].removesuffix(".0") for edge in (low, high))
    return f"{text}, {low} to {high}"


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
