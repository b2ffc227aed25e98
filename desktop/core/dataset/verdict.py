"""From what was counted to what a person reads first: whether a file can be used, and what to know before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from desktop.core.dataset.copies import copies_found, overlap_found, placed_copies, placed_overlaps
from desktop.core.dataset.counts import Counts, Look
from desktop.core.dataset.fits import methods_for, why_not_for
from desktop.core.dataset.found_copies import Duplicates, Overlap
from desktop.core.dataset.index import RowIndex
from desktop.core.dataset.letters import Doubt
from desktop.core.dataset.report import Finding, Outcome, Report, ScanOptions, rows_in_words
from trainer_image.formats import SHAPE_WORDS, RowProblem, unknown_shape
from trainer_image.formats.files import BRACKETS
from trainer_image.formats.opening import shown
from trainer_image.formats.taken import words_of_pair

_MOST_LINES = 100
_DOUBTS: Mapping[Doubt, str] = {
    "lost_letters": "\ufffd, which stands for a letter that some program has lost",
    "wrong_letters": "letters such as Ã¤ for ä, which some program has read in the wrong encoding",
}
_ASKED = (
    "more than one array of rows",
    "holds several datasets",
    "holds files of several kinds",
)
"""What a file cannot say of itself, and a person can."""


@dataclass(frozen=True)
class Findings:
    """Everything that a scan has found."""

    look: Look
    counts: Counts
    sha256: str
    duplicates: Duplicates
    overlap: Overlap | None
    other: Counts | None
    """What was counted of the evaluation file."""
    index: RowIndex
    options: ScanOptions


def refusal(path: Path, sentence: str, hint: str) -> Report:
    """Return the report of a file that cannot be read at all."""
    asks = any(words in sentence for words in _ASKED)
    return Report(path, "ask" if asks else "reject", sentence, hint)


def report_of(path: Path, size: int, found: Findings) -> Report:
    """Return the report of a file that was read."""
    counts, look = found.counts, found.look
    bad_rows = counts.problem_counts.total()
    assert counts.good + bad_rows + counts.left_out == counts.rows
    shape = look.guess.shape
    warnings = tuple(_warnings(found))
    outcome, sentence, hint = _outcome(path, found, bool(warnings))
    # That the columns are of no known shape is asked once, and not said of each row.
    told = {kind: kept for kind, kept in counts.problems.items() if shape is not None or kind != "unknown_shape"}
    problems = sorted((one for kept in told.values() for one in kept), key=_place)
    return Report(
        path=path,
        outcome=outcome,
        sentence=sentence,
        hint=hint,
        size=size,
        sha256=found.sha256,
        format=look.format,
        encoding=", ".join(dict.fromkeys(look.facts.encodings)) or look.facts.encoding,
        delimiter=look.facts.delimiter,
        has_header=look.facts.has_header,
        compression=look.facts.compression,
        parts=look.facts.parts,
        notes=(*look.facts.notes, *(counts.survey.ranks.notes() if shape == "ranking" else ())),
        rows_total=counts.rows,
        rows=counts.good,
        bad_rows=bad_rows,
        left_out=counts.left_out,
        shape=shape,
        kind=look.guess.kind if shape else None,
        meaning=look.guess.meaning,
        votes=dict(counts.survey.votes),
        columns=tuple(counts.survey.columns),
        methods=methods_for(shape) if shape and counts.good else (),
        why_not=why_not_for(shape) if shape else {},
        problems=tuple(problems),
        problem_counts=dict(counts.problem_counts),
        warnings=warnings,
        duplicates=found.duplicates,
        overlap=found.overlap,
        copies=tuple(placed_copies(found.duplicates, counts)),
        overlaps=tuple(placed_overlaps(found.overlap, counts, found.other)),
        languages=dict(counts.languages.most_common()),
        languages_looked_at=counts.languages.total(),
        empty_fields=dict(counts.empty_fields.most_common()),
        index=found.index,
    )


def _place(problem: RowProblem) -> tuple[int, int]:
    return problem.row, problem.line


def _outcome(path: Path, found: Findings, is_warned: bool) -> tuple[Outcome, str, str]:
    counts, shape, name = found.counts, found.look.guess.shape, shown(path.name)
    if not counts.rows:
        return "reject", f"{name} has no rows.", "Choose another file."
    if shape is None:
        if not counts.survey.columns:
            return "reject", f"No row of {name} can be read. {_first(found)}".rstrip(), "Mend the file."
        return "ask", unknown_shape(counts.survey.columns), "Say which column is which."
    bad_rows = counts.problem_counts.total()
    if not counts.good:
        what = f"None of the {rows_in_words(counts.rows)} of {name} can be used." if counts.rows > 1 else ""
        what = what or f"The only row of {name} cannot be used."
        return "reject", f"{what} {_first(found)}".rstrip(), "Mend the rows, or choose another file."
    held = SHAPE_WORDS[shape]
    if shape == "prompt_completion" and (read := words_of_pair(counts.survey.taken.pair)):
        held = f"{held} ({read})"
    if bad_rows or counts.left_out:
        parts = [f"{counts.good:,} of {rows_in_words(counts.rows)} can be used: {held}."]
        if bad_rows:
            parts.append(f"{rows_in_words(bad_rows)} cannot. {_first(found)}")
        if counts.left_out:
            parts.append(f"{rows_in_words(counts.left_out)} would be left out.")
        return "warn", " ".join(parts), "Mend the rows, or leave them out."
    sentence = (
        f"All {rows_in_words(counts.rows)} can be used: {held}." if counts.rows > 1 else f"Its row can be used: {held}."
    )
    return ("warn" if is_warned else "accept"), sentence, ""


def _first(found: Findings) -> str:
    problems = [problem for kept in found.counts.problems.values() for problem in kept]
    return str(min(problems, key=_place)) if problems else ""


def _warnings(found: Findings) -> Iterator[Finding]:
    counts, shape = found.counts, found.look.guess.shape
    if found.look.doubtful_encoding:
        lines = tuple(counts.letter_lines[:_MOST_LINES])
        yield Finding("encoding", counts.letters or counts.rows, found.look.doubtful_encoding, lines)
    if BRACKETS in found.look.facts.notes:
        yield Finding("no_commas", counts.rows, BRACKETS, tuple(counts.first_lines[:_MOST_LINES]))
    yield from (Finding(one.kind, one.count, one.sentence, one.lines) for one in found.look.facts.noticed)
    for doubt, count in counts.doubts.items():
        lines = tuple(counts.doubt_lines[doubt][:_MOST_LINES])
        holds = f"{rows_in_words(count)} {'holds' if count == 1 else 'hold'} {_DOUBTS[doubt]}"
        yield Finding(doubt, count, f"{holds}{_where(lines, count)}.", lines)
    for other, votes in counts.survey.votes.items():
        if other not in (None, shape):
            has = "1 row has" if votes == 1 else f"{votes:,} rows have"
            lines = tuple(counts.shape_lines.get(other, ())[:_MOST_LINES])
            message = f"{has} another shape: {SHAPE_WORDS[other]}{_where(lines, votes)}."
            yield Finding("mixed_shapes", votes, message, lines)
    for what, message in counts.survey.taken.sentences():
        yield Finding(what, counts.survey.taken.counts[what], message, tuple(counts.survey.taken.lines[what]))
    if shape == "prompt_completion":
        yield from (Finding("columns", count, message) for count, message in counts.survey.taken.other_pairs())
    ranks = counts.survey.ranks
    if shape == "ranking" and ranks.undecided and not ranks.votes:
        yield Finding("ranking", ranks.undecided, " ".join(ranks.notes()))
    if counts.left_out:
        lines = tuple(counts.left_out_lines[:_MOST_LINES])
        message = f"{rows_in_words(counts.left_out)} with an answer labelled bad would not be learned from."
        yield Finding("left_out", counts.left_out, message, lines)
    yield from _cannot_teach(found)
    yield from copies_found(found.duplicates, counts)
    yield from overlap_found(found.overlap, counts, found.other)


def _cannot_teach(found: Findings) -> Iterator[Finding]:
    """Yield what keeps the method from learning anything, although each row is good."""
    counts = found.counts
    if counts.good > 1 and found.look.guess.kind == "labelled" and len(counts.labels) == 1:
        label = "good" if True in counts.labels else "bad"
        message = (
            f"All {rows_in_words(counts.good)} are labelled {label}, so there is nothing to tell good from bad by."
        )
        yield Finding("one_label_only", counts.good, message)
    if counts.good and counts.unmarked == counts.good:
        answers = "The answer is a sentence" if counts.good == 1 else f"All {counts.good:,} answers are sentences"
        message = (
            f"{answers} without a number or a final answer (behind ####, in \\boxed{{}} or <answer>), so a reward "
            "could compare the whole text alone, which hardly any answer of a model is equal to."
        )
        yield Finding("no_final_answer", counts.good, message)


def _where(lines: tuple[int, ...], count: int) -> str:
    """Return the first of these lines in brackets, or nothing where none was kept."""
    if not lines:
        return ""
    return f" (line {lines[0]:,})" if count == 1 else f" (line {lines[0]:,}, for one)"
