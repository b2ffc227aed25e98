"""``data``: what a dataset file holds and what is wrong with it; and what a model sees of its rows."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from desktop.cli.reading import read_options
from desktop.controllers.token_lengths import token_lengths
from desktop.core.dataset.browse import Rows
from desktop.core.dataset.fits import KIND_OF
from desktop.core.dataset.report import Progress, Report, ScanOptions
from desktop.core.dataset.report_json import as_json
from desktop.core.dataset.scan import scan
from desktop.engine.preview import Previewer
from desktop.engine.seen_rows import Asked, Lengths, Preview, Token
from desktop.errors import AppError
from desktop.paths import Home
from trainer_image.formats import FEEDS, ReadOptions, why_not

if TYPE_CHECKING:
    from desktop.core.datasets import DatasetVersion

SHOWN = 10
DIM, BOLD, PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[0m"


def check(arguments: argparse.Namespace, home: Home) -> int:
    """Print what a file holds; 0 if it can be used, 1 if something has to be done first."""
    path, options = _file_and_options(arguments, home)
    options = replace(options, near=arguments.near)
    if arguments.problems:
        options = replace(options, kept=arguments.problems)
    report = scan(path, options, _progress(arguments))
    lengths = _lengths(report, options, arguments, home) if arguments.model and report.rows else None
    if arguments.json:
        told = as_json(report)
        if lengths is not None:
            told["findings"]["tokens"] = _lengths_as_json(lengths)
        print(json.dumps(told))
    else:
        _clear_progress()
        print("\n".join([*_sentences(report, arguments.problems), *(_tokens(lengths) if lengths else ())]))
    return 0 if report.outcome in ("accept", "warn") else 1


def preview(arguments: argparse.Namespace, home: Home) -> int:
    """Print rows as the model sees them, token by token."""
    path, options = _file_and_options(arguments, home)
    report = scan(path, replace(options, near=False), _progress(arguments))
    if report.shape is None:
        raise AppError(report.sentence, report.hint, "bad_data")
    asked = _asked(report, options, arguments)
    first, number = arguments.row, arguments.rows
    if first > report.rows_total:
        raise AppError(f"{report.path.name} has {report.rows_total:,} rows.", "Ask for one of them.", "bad_data")
    assert report.index is not None
    previewer = Previewer(arguments.model, [home.caches / "hub"])
    rows = Rows(report.index)
    try:
        previews = [previewer.show(row, asked) for row in rows.read(first, number)]
    finally:
        rows.close()
        previewer.close()
    if arguments.json:
        told = {"file": str(report.path), "model": arguments.model, "kind": asked.kind, "max_length": asked.max_length}
        print(json.dumps({**told, "rows": [_preview_as_json(one) for one in previews]}))
    else:
        _clear_progress()
        for one in previews:
            print("\n".join(_preview_lines(one)))
    return 0 if all(one.problem is None for one in previews) else 1


def _file_and_options(arguments: argparse.Namespace, home: Home) -> tuple[Path, ScanOptions]:
    """Return the file that is meant and how it is read: one on the disk, or that of a dataset of the library."""
    told = read_options(arguments)
    if not arguments.file.strip():
        raise AppError("No file is named: the word is empty.", "Name a file or a registered dataset.", "bad_data")
    path = Path(arguments.file).expanduser()
    if os.path.lexists(path) or not home.database.is_file():
        return path, told
    # The library is loaded only where a name may be meant: that takes longer than to check a file.
    version: DatasetVersion | None = import_module("desktop.cli.registered").version_named(arguments.file, home)
    if version is None:
        return path, told
    kept = version.options()
    return version.path, replace(
        told,
        read=told.read if told.read != ReadOptions() else kept.read,
        mapping=told.mapping or kept.mapping,
        shape=told.shape or kept.shape,
    )


def _progress(arguments: argparse.Namespace) -> Any:
    if arguments.json or not sys.stderr.isatty():
        return lambda _: None

    def show(progress: Progress) -> None:
        share = progress.share
        words = f"{share:.0%}" if share is not None else f"{progress.rows:,} rows"
        print(f"\r\x1b[Kreading: {words}", end="", file=sys.stderr, flush=True)

    return show


def _clear_progress() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _asked(report: Report, options: ScanOptions, arguments: argparse.Namespace) -> Asked:
    assert report.shape is not None
    kind = KIND_OF[arguments.method] if arguments.method else FEEDS[report.shape][0]
    if kind not in FEEDS[report.shape]:
        raise AppError(why_not(report.shape, kind), "Choose another method or another file.", "bad_data")
    how = (arguments.loss_on, arguments.max_length, arguments.chat_template)
    return Asked(report.shape, kind, report.meaning, options.mapping, *how)


def _lengths(report: Report, options: ScanOptions, arguments: argparse.Namespace, home: Home) -> Lengths:
    assert report.index is not None
    asked = _asked(report, options, arguments)
    previewer = Previewer(arguments.model, [home.caches / "hub"])
    try:
        return token_lengths(report.index, previewer, asked)
    finally:
        previewer.close()


def _lengths_as_json(lengths: Lengths) -> dict[str, Any]:
    return {
        "rows": len(lengths.lengths),
        "is_sample": lengths.is_sample,
        "refused": lengths.refused,
        "max_length": lengths.max_length,
        "share_cut": round(lengths.share_cut(), 4),
        "share_trained": round(lengths.share_trained, 4),
        "longest": lengths.percentile(100),
        "half": lengths.percentile(50),
        "histogram": lengths.histogram(20),
    }


def _sentences(report: Report, asked: int | None = None) -> Iterator[str]:
    """Yield the report in plain words, what matters most first."""
    yield f"{report.outcome}: {report.sentence}"
    if report.hint:
        yield report.hint
    if report.shape is None and not report.rows_total:
        return
    facts = [report.format, report.encoding, f"delimiter {report.delimiter!r}" if report.delimiter else ""]
    facts += [report.compression, f"{report.rows_total:,} rows", f"{report.size:,} bytes", f"{report.seconds:.1f} s"]
    yield f"file: {', '.join(fact for fact in facts if fact)}"
    yield from (f"note: {note}" for note in report.notes)
    if report.methods:
        yield f"can feed: {', '.join(report.methods)}"
    yield from (f"warning: {finding.message}" for finding in report.warnings)
    if report.problems:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in report.problem_counts.items())
        yield f"rows that cannot be used: {report.bad_rows:,} ({counts})"
        shown = report.problems if asked else report.problems[:SHOWN]
        yield from (f"  {problem}" for problem in shown)
        more = report.bad_rows - len(shown)
        if more > 0:
            yield f"  and {more:,} more: --problems all names each"
    if report.duplicates.near:
        yield f"nearly the same as an earlier row: {report.duplicates.near:,}"
    if report.languages:
        known = ", ".join(f"{name} {count:,}" for name, count in list(report.languages.items())[:5])
        yield f"languages, in {report.languages_looked_at:,} rows: {known}"
    if report.empty_fields:
        yield f"empty: {', '.join(f'{name} in {count:,} rows' for name, count in report.empty_fields.items())}"


def _tokens(lengths: Lengths) -> Iterator[str]:
    looked = f"{len(lengths.lengths):,} rows{' of a sample' if lengths.is_sample else ''}"
    yield (
        f"tokens, in {looked}: half of the rows have at most {lengths.percentile(50):,}, the longest "
        f"{lengths.percentile(100):,}; {lengths.share_cut():.1%} of the rows are cut at {lengths.max_length:,}, "
        f"and {lengths.share_trained:.0%} of the tokens are learned"
    )
    if lengths.refused:
        yield f"the model cannot take {lengths.refused:,} of these rows"


def _preview_as_json(one: Preview) -> dict[str, Any]:
    return {
        "row": one.row,
        "line": one.line,
        "problem": {"kind": one.problem.kind, "message": one.problem.sentence} if one.problem else None,
        "note": one.note,
        "doubt": one.doubt,
        "parts": [
            {
                "name": part.name,
                "tokens": part.total,
                "trained": part.trained,
                "was_cut": part.was_cut,
                "input_ids": [token.id for token in part.tokens],
                "texts": [token.text for token in part.tokens],
                "is_trained": [token.is_trained for token in part.tokens],
                "is_cut": [token.is_cut for token in part.tokens],
                "labels": [token.label for token in part.tokens],
            }
            for part in one.parts
        ],
    }


def _preview_lines(one: Preview) -> Iterator[str]:
    yield f"row {one.row:,}, line {one.line:,}"
    if one.problem:
        yield f"  {one.problem.sentence}"
    if one.note:
        yield f"  {one.note}"
    if one.doubt:
        yield f"  {one.doubt}"
    for part in one.parts:
        yield f"  {part.name}: {part.total:,} tokens, {part.trained:,} learned{', cut' if part.was_cut else ''}"
        yield _coloured(part.tokens)


def _coloured(tokens: tuple[Token, ...]) -> str:
    """Return the text with what is learned bold and what is cut dim; in brackets where there are no colours."""
    pieces = list[str]()
    before = ""
    marks = {"": (PLAIN, ""), "learned": (PLAIN + BOLD, "⟦"), "cut": (PLAIN + DIM, "✂")}
    for token in tokens:
        state = "cut" if token.is_cut else "learned" if token.is_trained else ""
        if state != before:
            pieces.append(
                marks[state][0] if sys.stdout.isatty() else ("⟧" if before == "learned" else "") + marks[state][1]
            )
            before = state
        pieces.append(token.text)
    end = PLAIN if sys.stdout.isatty() else "⟧" if before == "learned" else ""
    return "".join([*pieces, end])
