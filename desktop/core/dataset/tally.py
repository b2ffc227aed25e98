"""Counts the rows of a file, or of a part of it, one by one as they go by."""

from __future__ import annotations

import re

import numpy as np

from desktop.core.dataset.counts import Counts, Guess, TallyOptions, is_empty
from desktop.core.dataset.fingerprints import Fingerprints, Numbers, Said, said_in
from desktop.core.dataset.languages import language_of
from desktop.core.dataset.letters import doubts_in
from desktop.core.dataset.patterns import Group
from trainer_image.formats import Labelled, LeftOut, Made, Row, RowProblem, Task, convert, mapped
from trainer_image.formats.reading import Survey
from trainer_image.formats.shapes import shape_of

_FEWEST_WORDS = 3
"""A shorter answer is one that can be compared as a whole."""
_FINAL = re.compile(r"####|\\boxed|<answer>|\d")


def _is_unmarked(answer: str) -> bool:
    """Say whether an answer is a sentence in which nothing stands out as what is to be compared."""
    return len(answer.split(None, _FEWEST_WORDS)) >= _FEWEST_WORDS and _FINAL.search(answer) is None


class Tally:
    """Counts rows one by one, as the guess reads them."""

    def __init__(self, guess: Guess, options: TallyOptions) -> None:
        self.counts = Counts(survey=Survey(options.mapping))
        self.fingerprints = Fingerprints(options.near)
        self._guess, self._options = guess, options

    def add(self, item: Row | RowProblem) -> None:
        """Count a row the strict way."""
        self.meet(item, self.counts.rows + 1)
        self.count(item)

    def meet(self, item: Row | RowProblem, number: int) -> None:
        """Note of a row what has to be noted in the order of the rows, whichever way it is counted."""
        counts = self.counts
        if self._options.notes_lines:
            self._keep(counts.first_lines, item.line)
        if item.part:
            counts.part_starts.setdefault(item.part, number)
        if self._options.notes_letters and isinstance(item, Row) and not repr(item.value).isascii():
            counts.letters += 1
            self._keep(counts.letter_lines, item.line)

    def count(self, item: Row | RowProblem) -> None:
        """Count a row that was met."""
        counts = self.counts
        counts.rows += 1
        expected = counts.survey.votes[self._guess.shape]
        counts.survey.add(item)
        if isinstance(item, RowProblem):
            self._note(item)
            return
        row = mapped(item, self._options.mapping) if self._options.mapping else item
        if counts.survey.votes[self._guess.shape] == expected and (shape := shape_of(row.value)) is not None:
            self._keep(counts.shape_lines.setdefault(shape, []), row.line)
        for name, cell in item.value.items():
            if is_empty(cell):
                counts.empty_fields[name] += 1
        made: list[Made] = []
        for outcome in convert(row, self._guess.shape, self._guess.kind, self._guess.meaning):
            if isinstance(outcome, RowProblem):
                self._note(outcome)
                return
            if isinstance(outcome, LeftOut):
                counts.left_out += 1
                self._keep(counts.left_out_lines, outcome.line)
                return
            made.append(outcome)
        for one in made:
            if isinstance(one, Labelled):
                counts.labels[one.label] += 1
            elif isinstance(one, Task) and self._guess.shape != "task" and _is_unmarked(one.answer):
                counts.unmarked += 1
        said = said_in(made)
        for doubt in doubts_in(said.texts):
            counts.doubts[doubt] += 1
            self._keep(counts.doubt_lines.setdefault(doubt, []), row.line)
        self._add_good(row.number, row.line, said)

    def _add_good(self, number: int, line: int, said: Said) -> None:
        self.counts.good += 1
        exact = self.fingerprints.add(number, line, said)
        # Which rows are looked at goes by what they say, so that the same are whoever reads the file in what parts.
        if exact % self._options.one_language_in == 0:
            self.counts.languages[language_of(said.text)] += 1

    def add_group(self, rows: Numbers, lines: Numbers, group: Group) -> None:
        """Count rows of the guessed shape that the quick way has found good."""
        counts, count = self.counts, len(rows)
        counts.rows += count
        counts.good += count
        counts.survey.rows += count
        counts.survey.votes[self._guess.shape] += count
        for pattern, times in group.met():
            if pattern.pair is not None:
                counts.survey.taken.pairs[pattern.pair] += times
            for name in pattern.empty:
                counts.empty_fields[name] += times
        exact = group.exact()
        self.fingerprints.add_many(rows, lines, exact, group.texts)
        chosen = np.flatnonzero(exact % np.uint64(self._options.one_language_in) == 0).tolist()
        counts.languages.update(map(language_of, group.texts(chosen)))

    def _keep(self, lines: list[int], line: int) -> None:
        if len(lines) < self._options.kept:
            lines.append(line)

    def _note(self, problem: RowProblem) -> None:
        counts = self.counts
        counts.problem_counts[problem.kind] += 1
        kept = counts.problems.setdefault(problem.kind, [])
        if len(kept) < self._options.kept:
            kept.append(problem)
