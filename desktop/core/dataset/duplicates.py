"""Which rows of a file are copies of earlier ones, word for word or nearly so, and which stand in another file too."""

from __future__ import annotations

from array import array
from collections.abc import Generator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from desktop.core.dataset.fingerprints import EXACT_RECORD
from desktop.core.dataset.found_copies import ALIKE, CELLS, Duplicates, Overlap, Part

MOST_NEAR = 2_000_000
"""In larger files only so many rows are compared for near duplicates: their sketches have to fit into memory."""
_SHOWN = 100
_FEWEST_CELLS = 8
"""A text whose sketch fills fewer cells is too short to be told from another by it."""
_BANDS = 4
_EMPTY = np.uint32(0xFFFFFFFF)
_AT_ONCE = 1 << 16
_SOME_BITS = np.uint64((1 << 20) - 1)

Records = npt.NDArray[np.void]
Places = npt.NDArray[np.intp]


def find_duplicates(
    parts: Sequence[Part], others: Sequence[Part], near: bool
) -> Generator[None, None, tuple[Duplicates, Overlap | None]]:
    """Compare the rows of a file with each other, and with those of another file if there is one."""
    yield
    records = _load(parts)
    first = _firsts(records["exact"])
    copies = np.flatnonzero(first != np.arange(len(records)))
    singles = np.flatnonzero(first == np.arange(len(records)))
    alike = _alike(records, singles[:MOST_NEAR]) if near else np.empty((0, 2), np.intp)
    duplicates = Duplicates(
        exact=len(copies),
        near=len(alike),
        exact_rows=_rows(records, copies),
        exact_firsts=_rows(records, first[copies]),
        near_rows=_rows(records, alike[:, 1]),
        near_firsts=_rows(records, alike[:, 0]),
        exact_pairs=_pairs("line", records, first[copies], records, copies),
        near_pairs=_pairs("line", records, alike[:, 0], records, alike[:, 1]),
        exact_row_pairs=_pairs("row", records, first[copies], records, copies),
        near_row_pairs=_pairs("row", records, alike[:, 0], records, alike[:, 1]),
        looked_at=min(len(singles), MOST_NEAR) if near else 0,
    )
    return duplicates, _overlap(records, _load(others), near) if others else None


def _load(parts: Sequence[Part]) -> Records:
    loaded = []
    for part in parts:
        records = np.load(part.records)
        records["row"] += np.uint32(part.rows_before)
        records["line"] += np.uint32(part.lines_before)
        loaded.append(records)
    return np.concatenate(loaded) if loaded else np.empty(0, EXACT_RECORD)


def _firsts(keys: npt.NDArray[np.uint64]) -> Places:
    """Return for each key the place where the same key stands first."""
    first = np.arange(len(keys))
    # To sort the keys alone takes a tenth of the time that it takes to sort their places; few stand there twice.
    ordered = np.sort(keys)
    doubled = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(doubled):
        return first
    # Which keys may be among them is told by some of their bits, before they are looked for one by one.
    may_be = np.zeros(int(_SOME_BITS) + 1, bool)
    may_be[doubled & _SOME_BITS] = True
    copies = np.flatnonzero(may_be[keys & _SOME_BITS])
    numbers = np.minimum(np.searchsorted(doubled, keys[copies]), len(doubled) - 1)
    is_one = doubled[numbers] == keys[copies]
    copies, numbers = copies[is_one], numbers[is_one]
    leaders = np.full(len(doubled), len(keys))
    np.minimum.at(leaders, numbers, copies)
    first[copies] = leaders[numbers]
    return first


def _alike(records: Records, among: Places) -> Places:
    """Return pairs of an earlier row and one that is nearly the same, each later one once."""
    sketches = np.ascontiguousarray(records["sketch"][among])
    found = np.full(len(among), -1, np.intp)
    long_enough = (sketches != _EMPTY).sum(axis=1) >= _FEWEST_CELLS
    width = CELLS // _BANDS
    # Two rows that differ in three cells of sixteen have at least one of four bands in common.
    for band in range(_BANDS):
        cells = np.ascontiguousarray(sketches[:, band * width : (band + 1) * width]).view("<u8")
        key = cells[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ cells[:, 1]
        order = np.argsort(key, kind="stable")
        order = order[long_enough[order]]
        ordered = key[order]
        same = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        leaders = starts[np.searchsorted(starts, same, side="right") - 1] if len(same) else same
        # With the first of those that share the band, and with the one before: not each with each.
        for others in (leaders, same - 1):
            _match(sketches, order[others], order[same], found)
    later = np.flatnonzero(found >= 0)
    return np.column_stack((among[found[later]], among[later]))


def _match(sketches: npt.NDArray[np.uint32], earlier: Places, later: Places, found: Places) -> None:
    """Note for each later row that is like the earlier one which that is."""
    for start in range(0, len(later), _AT_ONCE):
        one, other = earlier[start : start + _AT_ONCE], later[start : start + _AT_ONCE]
        is_like = _are_alike(sketches[one], sketches[other]) & (found[other] < 0)
        found[other[is_like]] = one[is_like]


def _are_alike(one: npt.NDArray[np.uint32], other: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Say of each two sketches whether they share enough of the cells that either has filled."""
    filled = CELLS - ((one == _EMPTY) & (other == _EMPTY)).sum(axis=1)
    common = ((one == other) & (one != _EMPTY)).sum(axis=1)
    result: npt.NDArray[np.bool_] = (common * CELLS >= filled * ALIKE) & (filled >= _FEWEST_CELLS)
    return result


def _overlap(records: Records, there: Records, near: bool) -> Overlap:
    order = np.argsort(there["exact"], kind="stable")
    keys = there["exact"][order]
    at = np.searchsorted(keys, records["exact"])
    is_same = np.zeros(len(records), bool)
    inside = at < len(keys)
    is_same[inside] = keys[at[inside]] == records["exact"][inside]
    mine, theirs = np.flatnonzero(is_same), order[at[is_same]]
    lines = [*_pairs("line", records, mine, there, theirs)]
    row_pairs = [*_pairs("row", records, mine, there, theirs)]
    rows = _rows(records, mine)
    close = 0
    rest = np.flatnonzero(~is_same)
    if near and len(rest) and len(there) and len(rest) + len(there) <= MOST_NEAR:
        both = np.concatenate((there, records[rest]))
        alike = _alike_across(both, len(there))
        close = len(alike)
        rows.extend(_rows(both, alike[:, 1]))
        lines += _pairs("line", both, alike[:, 1], both, alike[:, 0])
        row_pairs += _pairs("row", both, alike[:, 1], both, alike[:, 0])
    return Overlap(len(mine), close, array("L", sorted(rows)), tuple(lines[:_SHOWN]), tuple(row_pairs[:_SHOWN]))


def _alike_across(both: Records, border: int) -> Places:
    """Return the pairs of which the first is from before the border and the second from behind it."""
    found = _alike(both, np.arange(len(both)))
    leader = np.arange(len(both))
    # A row that is like another of its own file leads on to what that one is like.
    leader[found[:, 1]] = found[:, 0]
    for _ in range(8):
        leader = leader[leader]
    behind = np.arange(border, len(both))
    is_there = leader[behind] < border
    return np.column_stack((leader[behind][is_there], behind[is_there]))


def _rows(records: Records, places: Places) -> array[int]:
    return array("L", records["row"][places].tolist())


def _pairs(
    what: Literal["row", "line"], here: Records, mine: Places, there: Records, theirs: Places
) -> tuple[tuple[int, int], ...]:
    """Return the rows, or the lines, of the first pairs."""
    return tuple(zip(here[what][mine[:_SHOWN]].tolist(), there[what][theirs[:_SHOWN]].tolist(), strict=True))
