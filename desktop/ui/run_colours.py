"""The colour of each run, the same wherever it is drawn: Okabe-Ito, with a dash and a marker beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from PySide6.QtCore import QSettings

from desktop.ui.curve_items import DASHES, MARKERS
from desktop.ui.theme import Colours

_KEY = "curves/run_colours"
_KEPT = 400


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

    def of(self, run_id: str) -> Ink:
        """Return how a run is drawn."""
        place = self._places.get(run_id)
        if place is None:
            place = (max(self._places.values()) + 1) if self._places else 0
            self._places[run_id] = place
            self._places = dict(list(self._places.items())[-_KEPT:])
            self._settings.setValue(_KEY, json.dumps(self._places))
        return Ink(place % 7, place % len(DASHES), place % len(MARKERS))
