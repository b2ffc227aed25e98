"""Where copies stand, in words: the rows of a file that are copies of earlier ones, or stand in another file too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from desktop.core.dataset.counts import Counts
from desktop.core.dataset.found_copies import Duplicates, Overlap
from desktop.core.dataset.report import Finding, PlacedPair
from trainer_image.formats.rows import place_of

MANY_NEAR = 0.3
"""The share of near duplicates from which on it is worth a word before anything else."""


def placed_copies(copies: Duplicates, counts: Counts) -> Iterator[PlacedPair]:
    """Yield the first copies, exact ones before near ones, each with where it and the earlier row stand."""
    for lines, rows, is_near in (
        (copies.exact_pairs, copies.exact_row_pairs, False),
        (copies.near_pairs, copies.near_row_pairs, True),
    ):
        yield from _placed(lines, rows, (counts, counts), is_near=is_near)


def placed_overlaps(overlap: Overlap | None, here: Counts, there: Counts | None) -> Iterator[PlacedPair]:
    """Yield the first rows that stand in the evaluation file too, each with where it stands here and there."""
    if overlap is not None and there is not None:
        yield from _placed(overlap.pairs, overlap.row_pairs, (here, there))


def copies_found(copies: Duplicates, counts: Counts) -> Iterator[Finding]:
    """Yield what a person should know of the copies among the rows of a file."""
    if copies.exact:
        is_are = "row is an exact copy" if copies.exact == 1 else "rows are exact copies"
        where = _where([one for one in placed_copies(copies, counts) if not one.is_near])
        message = f"{copies.exact:,} {is_are} of an earlier one{where}."
        yield Finding("duplicates", copies.exact, message, tuple(line for _, line in copies.exact_pairs))
    if copies.near > MANY_NEAR * counts.good:
        is_are = "row is nearly the same as" if copies.near == 1 else "rows are nearly the same as"
        where = _where([one for one in placed_copies(copies, counts) if one.is_near])
        message = f"{copies.near:,} {is_are} an earlier one{where}."
        yield Finding("near_duplicates", copies.near, message, tuple(line for _, line in copies.near_pairs))


def overlap_found(overlap: Overlap | None, here: Counts, there: Counts | None) -> Iterator[Finding]:
    """Yield what a person should know of rows that stand in the evaluation file too."""
    if overlap is None or not overlap.exact + overlap.near:
        return
    count = overlap.exact + overlap.near
    stands = "row stands" if count == 1 else "rows stand"
    where = _where([*placed_overlaps(overlap, here, there)], ("here", "there"))
    message = f"{count:,} {stands} in the evaluation file too{where}, so its figures would flatter."
    yield Finding("overlap", count, message, tuple(line for line, _ in overlap.pairs))


def _placed(
    lines: Sequence[tuple[int, int]],
    rows: Sequence[tuple[int, int]],
    of: tuple[Counts, Counts],
    *,
    is_near: bool = False,
) -> Iterator[PlacedPair]:
    for both_lines, both_rows in zip(lines, rows, strict=True):
        one, other = (
            place_of(line, row, counts.part_of(row))
            for line, row, counts in zip(both_lines, both_rows, of, strict=True)
        )
        yield PlacedPair(one, other, both_rows, is_near)


def _where(pairs: Sequence[PlacedPair], sides: tuple[str, str] = ("", "")) -> str:
    """Return in brackets where the first pair stands."""
    if not pairs:
        return ""
    one, other = (
        f"{_in_sentence(place)} {side}".rstrip()
        for place, side in zip((pairs[0].one, pairs[0].other), sides, strict=True)
    )
    are_lines = not any(sides) and all(place.startswith("Line ") for place in (pairs[0].one, pairs[0].other))
    where = (
        f"lines {one.removeprefix('line ')} and {other.removeprefix('line ')}" if are_lines else f"{one} and {other}"
    )
    return f" ({where}, for one)" if len(pairs) > 1 else f" ({where})"


def _in_sentence(place: str) -> str:
    """Return a place for the middle of a sentence; the name of a file stays as it is."""
    return place[0].lower() + place[1:] if place.startswith(("Line ", "Row ")) else place
