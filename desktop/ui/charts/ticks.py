"""Where numbers stand along an axis, and how they read: few, round, and no two of them alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

NumberKind = Literal["number", "whole", "minutes", "decades"]
"""whole: steps and tokens, of which there are no halves; minutes: a time in them; decades: what stands on the axis are
logarithms."""
_MINUTES = (1 / 60, 1 / 12, 1 / 6, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14400)
_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_NARROW = 1.0
"""With fewer decades than that, round numbers do better than powers of ten."""


@dataclass(frozen=True)
class Tick:
    """A place on the axis, and what is written there."""

    place: float
    words: str


def ticks_between(least: float, most: float, kind: NumberKind, count: float) -> list[Tick]:
    """Return what stands on an axis from ``least`` to ``most`` that has room for about ``count`` numbers."""
    span = most - least
    if not (math.isfinite(least) and math.isfinite(most)) or span <= 0:
        return []
    room = max(1.0, count)
    if kind == "decades":
        return _decades(least, most, room)
    if kind == "minutes":
        wanted = span / room
        gap = next((known for known in _MINUTES if known >= wanted), 14400 * math.ceil(wanted / 14400))
        return [Tick(place, _duration(place, gap)) for place in _every(gap, least, most)]
    finest = 1.0 if kind == "whole" else 0.0
    gap = max(finest, _round_gap(span / room))
    places = _every(gap, least, most)
    if len(places) < 2:  # one number tells no scale
        gap = max(finest, _round_gap(gap / 2.5))
        places = _every(gap, least, most)
    return [Tick(place, word) for place, word in zip(places, numbers(places, gap), strict=True)]


def _round_gap(wanted: float) -> float:
    """Return the next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(wanted))
    return next((times * power for times in (1, 2, 5) if times * power >= wanted * (1 - 1e-9)), 10 * power)


def _every(gap: float, least: float, most: float) -> list[float]:
    return [number * gap for number in range(math.ceil(least / gap - 1e-9), math.floor(most / gap + 1e-9) + 1)]


def _decades(least: float, most: float, room: float) -> list[Tick]:
    """Return powers of ten, twice and five times each where there is room; round numbers where there is but one."""
    span = most - least
    if span <= _NARROW and most < 300:
        low, high = 10.0**least, 10.0**most
        gap = _round_gap((high - low) / room)
        values = [value for value in _every(gap, low, high) if value > 0]
        # A logarithm is rounded: at the edge of the axis it may come out beyond it.
        places = [min(max(least, math.log10(value)), most) for value in values]
        return [Tick(place, word) for place, word in zip(places, numbers(values, gap), strict=True)]
    every = max(1, math.ceil(span / room))
    powers = [power for power in range(math.floor(least), math.ceil(most) + 1) if power % every == 0]
    parts = (1, 2, 5) if 3 * span <= room else (1,)
    places = [power + math.log10(part) for power in powers for part in parts]
    return [Tick(place, short(10.0**place)) for place in places if least <= place <= most and abs(place) < 300]


def numbers(values: list[float], gap: float) -> list[str]:
    """Return values as they are written, with as many digits as tell apart what lies ``gap`` away."""
    size = max((abs(value) for value in values), default=0.0)
    if size >= 10_000:
        unit, sign = next((unit, sign) for unit, sign in _UNITS if size >= unit)
        return [_trimmed(value / unit, gap / unit) + sign if value else "0" for value in values]
    if 0 < size < 0.001:
        return [_scientific(value, gap) if value else "0" for value in values]
    return [f"{value:.{_digits(gap)}f}" for value in values]


def _scientific(value: float, gap: float) -> str:
    power = math.floor(math.log10(abs(value)) + 1e-9)
    return f"{_trimmed(value / 10.0**power, gap / 10.0**power)}e{power}"


def _digits(gap: float) -> int:
    return max(0, -math.floor(math.log10(gap) + 1e-9)) if gap > 0 else 0


def _trimmed(value: float, gap: float) -> str:
    words = f"{value:.{_digits(gap)}f}"
    return words.rstrip("0").rstrip(".") if "." in words else words


def short(value: float) -> str:
    """Return 1.2M for 1200000, 15k for 15000, 2e-4 for 0.0002."""
    size = abs(value)
    for unit, sign in _UNITS:
        if size >= unit and (unit > 1e3 or size >= 1e4):
            return f"{value / unit:.4g}{sign}"
    if value and size < 0.001:
        digits, _, power = f"{value:.2e}".partition("e")
        return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"
    return f"{value:.4g}"


def _duration(minutes: float, spacing: float) -> str:
    seconds = round(minutes * 60)
    hours, rest = divmod(abs(seconds), 3600)
    sign = "-" if seconds < 0 else ""
    if seconds == 0:
        return "0"
    if spacing < 1:
        return f"{sign}{hours * 60 + rest // 60}:{rest % 60:02}" if abs(seconds) >= 60 else f"{seconds} s"
    if hours >= 48 and spacing >= 360:
        return f"{sign}{hours / 24:.4g} d"
    if hours:
        return f"{sign}{hours} h" if rest < 60 else f"{sign}{hours}:{rest // 60:02} h"
    return f"{sign}{rest // 60} min"
