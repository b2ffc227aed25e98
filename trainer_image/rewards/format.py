"""The reward format: the tags of a template, in their order and each once, with something in every gap."""

from __future__ import annotations

import re

from trainer_image.rewards.kinds import Score, each

GAP = "..."
_PIECES = re.compile(r"\.\.\.|</?[^<>\s]+>|[^<.\s]+(?:[^<.]*[^<.\s])?|[<.]")


def pieces_of(template: str) -> list[str]:
    """Return the template in pieces: tags, other words, and gaps."""
    return [piece.strip() for piece in _PIECES.findall(template)]


def build(template: str) -> Score:
    """Return the reward: 1 for a completion of this form, 0 for any other."""
    pieces = pieces_of(template)
    return each(lambda completion, _: float(fits(completion, pieces)))


def fits(completion: str, pieces: list[str]) -> bool:
    """Say whether a text has the pieces in order; between pieces without a gap only blanks may stand."""
    text, place, gap = completion.strip(), 0, False
    for piece in pieces:
        if piece == GAP:
            gap = True
            continue
        found = text.find(piece, place)
        between = text[place:found].strip()
        if found < 0 or text.count(piece) != pieces.count(piece) or bool(between) != gap:
            return False
        place, gap = found + len(piece), False
    return bool(text[place:].strip()) == gap
