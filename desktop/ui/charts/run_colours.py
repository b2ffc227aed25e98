"""The colour of each run, the same wherever it is drawn: Okabe-Ito, with a dash and a marker beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from PySide6.QtCore import QSettings

from desktop.ui.charts.curve_items import DASHES, MARKERS
from desktop.ui.theme import Colours

_KEY = "curves/run_colours"
_KEPT = 400
_COLOURS = 7


@dataclass(frozen=True)
class Ink:
    """How a run is drawn: which of the theme's colours, which dash, which marker."""

    colour: int
    dash: int
    marker: int

    def of(self, colours: Colours) -> str:
        return colours.curves[self.colour % len(colours.curves)]


class RunColours:
    """Gives each run the next place in the row of colours when it is first drawn, and remembers it."""

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings
        try:
            known = json.loads(str(settings.value(_KEY, "{}")))
        except ValueError:
            known = {}
        self._places: dict[str, int] = (
            {str(run): int(place) for run, place in known.items()} if isinstance(known, dict) else {}
        )
        self._worn: dict[str, Ink] = {}
        """How runs are drawn that were told apart from others, until the app is closed."""

    def of(self, run_id: str) -> Ink:
        """Return how a run is drawn."""
        return self._worn.get(run_id) or self._own(run_id)

    def tell_apart(self, run_ids: Iterable[str]) -> None:
        """Let runs that are drawn together share no colour, or beyond seven of them no colour with its dash.

        The first keeps its colour; then those do that were told apart before, so that no line changes without need.
        """
        first, *others = dict.fromkeys(run_ids)
        drawn: list[Ink] = []
        for run_id in (first, *sorted(others, key=lambda run_id: run_id not in self._worn)):
            ink = _free(self.of(run_id), self._own(run_id), drawn)
            drawn.append(ink)
            self._worn[run_id] = ink

    def _own(self, run_id: str) -> Ink:
        place = self._places.get(run_id)
        if place is None:
            place = (max(self._places.values()) + 1) if self._places else 0
            self._places[run_id] = place
            self._places = dict(list(self._places.items())[-_KEPT:])
            self._settings.setValue(_KEY, json.dumps(self._places))
        return Ink(place % _COLOURS, place % len(DASHES), place % len(MARKERS))


def _free(now: Ink, own: Ink, drawn: list[Ink]) -> Ink:
    """Return the first way to draw a run that nobody confuses with those that are drawn already."""
    colours = {ink.colour for ink in drawn}
    free = (ink for ink in _ways(now, own) if ink.colour not in colours)
    if len(colours) < _COLOURS:
        return next(free)
    pairs = {(ink.colour, ink.dash) for ink in drawn}
    return next((ink for ink in _ways(now, own) if (ink.colour, ink.dash) not in pairs), own)


def _ways(now: Ink, own: Ink) -> Iterator[Ink]:
    yield from (now, own)
    for dash in (own.dash, *range(len(DASHES))):
        for colour in range(_COLOURS):
            yield replace(own, colour=colour, dash=dash)
