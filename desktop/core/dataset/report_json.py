"""A report as the JSON object that programs read."""

from __future__ import annotations

from typing import Any

from desktop.core.dataset.report import Finding, Report
from trainer_image.formats import RowProblem


def as_json(report: Report) -> dict[str, Any]:
    """Return the object that ``tunedeck data check --json`` prints."""
    return {
        "file": str(report.path),
        "outcome": report.outcome,
        "shape": report.shape,
        "rows": report.rows,
        "rows_total": report.rows_total,
        "methods": list(report.methods),
        "encoding": report.encoding,
        "delimiter": report.delimiter,
        "sha256": report.sha256,
        "problems": [_problem(problem) for problem in report.problems],
        "warnings": [_finding(finding) for finding in report.warnings],
        "sentence": report.sentence,
        "hint": report.hint,
        "problem_counts": dict(report.problem_counts),
        "problems_kept": len(report.problems),
        "findings": _findings(report),
    }


def _problem(problem: RowProblem) -> dict[str, Any]:
    place = {"part": problem.part} if problem.part else {}
    return {
        "kind": problem.kind,
        "line": problem.line,
        "row": problem.row,
        "column": problem.column,
        "message": problem.sentence,
        "fix": problem.fix,
        **place,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "count": finding.count,
        "lines": list(finding.lines),
        "message": finding.message,
    }


def _findings(report: Report) -> dict[str, Any]:
    """Return what is neither a fault nor a warning, and what else a program may want."""
    copies, overlap = report.duplicates, report.overlap
    return {
        "size": report.size,
        "seconds": round(report.seconds, 3),
        "format": report.format,
        "has_header": report.has_header,
        "compression": report.compression,
        "parts": list(report.parts),
        "notes": list(report.notes),
        "kind": report.kind,
        "ranking": report.meaning if report.shape == "ranking" else None,
        "shapes": {shape or "unknown": votes for shape, votes in report.votes.items()},
        "columns": list(report.columns),
        "why_not": dict(report.why_not),
        "bad_rows": report.bad_rows,
        "left_out": report.left_out,
        "duplicates": {
            "exact": copies.exact,
            "near": copies.near,
            "near_looked_at": copies.looked_at,
            "near_threshold": copies.threshold,
        },
        "overlap": {"exact": overlap.exact, "near": overlap.near} if overlap else None,
        "languages": dict(report.languages),
        "languages_looked_at": report.languages_looked_at,
        "empty_fields": dict(report.empty_fields),
    }
