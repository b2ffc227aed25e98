"""What a scan has found, in the window's words: a headline, what stands in the way of a start, kinds of problems."""

from __future__ import annotations

from typing import Literal

from desktop.controllers.scanning import Report
from desktop.ui import words
from trainer_image.contract import Method
from trainer_image.formats import SHAPE_WORDS, RowProblem

BadRows = Literal["stop", "leave_out"]

KIND_WORDS: dict[str, str] = {
    "all_tied": "no better answer",
    "bad_ranking": "ranking",
    "broken_json": "broken JSON",
    "broken_letters": "broken letters",
    "broken_list": "broken list",
    "broken_row": "quotes do not match",
    "chosen_is_rejected": "both answers are the same",
    "differ_in_question": "two questions in one row",
    "duplicate_key": "a column twice",
    "empty_answer": "empty answer",
    "empty_conversation": "no turns",
    "empty_question": "empty question",
    "empty_step": "empty step",
    "empty_turn": "empty turn",
    "formula_cell": "formula",
    "half_letter": "half a letter",
    "label_not_boolean": "label",
    "labels_unlike_steps": "labels and steps differ",
    "missing_field": "something is missing",
    "no_answer_at_end": "no answer at the end",
    "no_common_prompt": "no common question",
    "not_a_number": "not a number",
    "not_an_object": "not a row",
    "repeated_header": "the header again",
    "same_role_twice": "two turns by the same side",
    "stray_return": "line end inside a cell",
    "system_not_first": "instructions behind other turns",
    "template_mark": "mark of a chat template",
    "too_deep": "nested too deeply",
    "too_few_answers": "too few answers",
    "tool_calls": "call of a tool",
    "tools": "tools",
    "unfit_shape": "does not suit the method",
    "unknown_role": "unknown role",
    "unknown_shape": "unknown columns",
    "wrong_cells": "number of cells",
    "wrong_type": "wrong kind of value",
    "zero_byte": "zero bytes",
}


def kind_words(kind: str) -> str:
    """Return what a kind of problem is called."""
    return KIND_WORDS.get(kind, kind.replace("_", " "))


def fault_of(problem: RowProblem) -> str:
    """Return what is wrong with a row, without what to do about it."""
    return problem.sentence.removesuffix(problem.fix).rstrip() if problem.fix else problem.sentence


def place_of(problem: RowProblem) -> str:
    """Return where a problem is, as people look for it."""
    return problem.place


def headline(report: Report, bad_rows: BadRows) -> str:
    """Return the one line that says whether these rows can be used, with a sign before it."""
    if report.outcome in ("ask", "reject") and not report.rows:
        return "▲ Which column is which?" if is_about_columns(report) else f"▲ {report.sentence}"
    if not report.bad_rows:
        good = "its row can be used" if report.rows_total == 1 else "all can be used"
        return f"✓ {words.plural(report.rows_total, 'row')}, {good}"
    if not report.rows:
        return "▲ No row can be used"
    if bad_rows == "leave_out":
        return f"✓ {words.plural(report.rows, 'row')} can be used, {words.count(report.bad_rows)} left out"
    return f"▲ {words.count(report.bad_rows)} of {words.plural(report.rows_total, 'row')} cannot be used"


def is_about_columns(report: Report) -> bool:
    """Say whether all that is missing is which column is which."""
    return report.outcome == "ask" and bool(report.columns)


def columns_words(report: Report) -> str:
    """Return which columns a file has that nobody knows."""
    shown = ", ".join(name[:40] for name in report.columns[:6])
    more = f" and {len(report.columns) - 6} more" if len(report.columns) > 6 else ""
    has = "Its column is" if len(report.columns) == 1 else "Its columns are"
    return f"{has} called {shown}{more}. Say what they are once, and it is kept with the config."


def held(report: Report) -> str:
    """Return what the rows hold, as a sentence."""
    if report.shape is None:
        return ""
    kind = SHAPE_WORDS[report.shape]
    return f"{kind[0].upper()}{kind[1:]}."


def in_the_way(report: Report | None, bad_rows: BadRows, method: Method) -> tuple[str, str]:
    """Return the knob and the sentence that keep a run from being started, or two empty words."""
    if report is None:
        return "", ""
    if report.outcome in ("ask", "reject") and not report.rows:
        return "dataset", f"{report.sentence} {report.hint}".strip()
    if report.shape is not None and method in report.why_not:
        return "dataset", report.why_not[method]
    if report.bad_rows and bad_rows == "stop":
        them = "it" if report.bad_rows == 1 else "them"
        rows = words.plural(report.bad_rows, "row")
        return "bad_rows", f"{rows} cannot be used. Mend {them}, or choose to leave {them} out."
    return "", ""
