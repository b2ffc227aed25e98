"""Where a text says its final answer, and what number it is."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

_TAGS = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)
_HASHES = re.compile(r"####[ \t]*([^\n]*)")
_SAID = re.compile(r"\banswer(?:[ \t]+\w+){0,5}?[ \t]*(?:\bis\b|[:=])[ \t:*]*([^\n]+)", re.IGNORECASE)
_BOX = "\\boxed{"

_NUMBER = re.compile(
    r"""(?<![A-Za-z0-9_.])(?P<sign>[-+])?[ ]?
    (?:\\[dt]?frac\{(?P<over>\d+)\}\{(?P<under>\d+)\}
    |(?P<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d+)?(?P<part>\.\d+)?(?P<power>[eE][-+]?\d{1,3}(?!\w))?
     (?:[ ]?/[ ]?(?P<divisor>\d+(?:\.\d+)?)(?![\d/]))?)
    [ ]?(?P<percent>\\?%)?""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Number:
    """A number in a text; of a percentage both readings count (50 and 0.5)."""

    value: float
    percent: bool = False

    def equals(self, other: Number) -> bool:
        """Say whether two numbers are the same: whole ones exactly, others to one part in ten thousand."""
        return any(_same(one, two) for one in self._readings() for two in other._readings())

    def _readings(self) -> tuple[float, ...]:
        return (self.value, self.value / 100) if self.percent else (self.value,)


def _same(one: float, two: float) -> bool:
    near = 1e-9 if one.is_integer() and two.is_integer() else 1e-4
    return math.isclose(one, two, rel_tol=near, abs_tol=1e-9)


def without_thoughts(text: str) -> str:
    """Return what follows the thinking; thoughts that never end leave nothing."""
    before, end, after = text.rpartition("</think>")
    if end:
        return after
    return "" if "<think>" in before + after else text


def marked_answer(text: str) -> str | None:
    r"""Return what stands in <answer>, or else behind the last of ####, \boxed{ and "the answer is"."""
    tagged = _TAGS.findall(text)
    if tagged:
        inner = str(tagged[-1]).strip()
        return marked_answer(inner) or inner
    marks = [(found.start(), found[1].strip()) for pattern in (_HASHES, _SAID) for found in pattern.finditer(text)]
    box = text.rfind(_BOX)
    if box >= 0:
        marks.append((box, _up_to_the_brace(text, box + len(_BOX))))
    return max(marks)[1] if marks else None


def _up_to_the_brace(text: str, start: int) -> str:
    """Return what stands from here to the closing brace, with the pairs inside it."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return text[start:place].strip()
    return ""


def final_answer(completion: str) -> str:
    """Return the marked answer of a completion, or else its last line that is not empty."""
    text = without_thoughts(completion).strip()
    marked = marked_answer(text)
    return text.rpartition("\n")[2].strip() if marked is None else marked


def numbers_in(text: str) -> list[Number]:
    """Return the numbers of a text in their order: with commas, signs, powers of ten, fractions and percent."""
    return list(_numbers_in(text.replace("\u2212", "-").replace("\u2044", "/")))


def _numbers_in(text: str) -> Iterator[Number]:
    for found in _NUMBER.finditer(text.replace("\\$", "").replace("$", "")):
        if found["over"]:
            value = float(found["over"]) / (float(found["under"]) or math.nan)
        elif found["whole"] or found["part"]:
            digits = (found["whole"] or "").replace(",", "") + (found["part"] or "") + (found["power"] or "")
            value = float(digits) / (float(found["divisor"] or 1) or math.nan)
        else:
            continue
        if math.isfinite(value):
            yield Number(-value if found["sign"] == "-" else value, bool(found["percent"]))
