"""A file that is read in parts and by skeletons gives the report of the strict way, line by line, whatever is in it."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Generator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from desktop.core.dataset import native
from desktop.core.dataset.counts import Counts, Look, TallyOptions
from desktop.core.dataset.reading import look, tally_lines, tally_rows
from desktop.errors import AppError
from desktop.paths import EXAMPLE_DATASET
from trainer_image.formats import ReadOptions

KEPT = 10_000
OPTIONS = TallyOptions(kept=KEPT)
T = TypeVar("T")
ROWS: tuple[Any, ...] = (
    {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]},
    {
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": 'Grüezi 🦊 "wie" geht\'s?\n\tGut?'},
            {"role": "assistant", "content": "很好 <b>[1]</b> \\frac{1}{2}"},
        ]
    },
    {"id": "row_1", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}], "n": 3},
    {"id": 120, "text": "A text with numbers beside it.", "score": 0.5, "seen": -3, "big": 1e300, "year": None},
    {"instruction": "Add", "input": "1 and 2", "output": "3"},
    {"instruction": "Add one and two", "input": "", "output": "Three of them"},
    {"prompt": "Human: what?", "completion": "That."},
    {"prompt": "What is it, then?", "completion": " \n It is this."},
    {"question": "How many?", "answer": "7", "source": None},
    {"text": "A text by itself, with <|im_end|> in it."},
    {"text": "   "},
    {"prompt": "Which?", "chosen": "The first one.", "rejected": "The other."},
    {"prompt": "Good?", "completion": "Yes, very.", "label": True},
    {"prompt": "What is it?", "response": "It is that."},
    {"id": 7, "question": "Which\n?", "rejected": "The other.", "chosen": "The first one."},
    {"prompt": "Which?", "chosen": "Same", "rejected": "Same \n"},
    {"instruction": "Which?", "input": "", "chosen": "", "rejected": "The other."},
    {"question": "How many?", "answer": 42, "id": "42"},
    {"messages": '[{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]'},
    {"instruction": "Which?", "context": "There are two.", "response": "That."},
    {"question": "Which?", "context": "There are two.", "answer": "That."},
    {"question": "Which?", "context": "", "answer": "That."},
    {"system_prompt": "Be kind.", "question": "Which?", "response": "That."},
    {"prompt": "Which?", "chosen": "The first.", "rejected": "The other.", "passage": "There are two."},
    {"question": "Which?", "answer": "That.", "label": True},
    {"messages": [{"role": "assistant", "content": "So."}]},
    {
        "messages": [
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": "call"},
            {"role": "tool", "content": "So."},
            {"role": "assistant", "content": "So."},
        ]
    },
    {
        "messages": [
            {"role": "user", "content": "Why?"},
            {"role": "tool", "content": "x"},
            {"role": "assistant", "content": "y"},
        ]
    },
    {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So.", "weight": 0}]},
    {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So.", "function_call": None}]},
    {"prompt": "Which?", "completion": "That.", "conversation": "[17]"},
    {"instruction": "Add one and two", "input": " ", "output": "Three of them"},
    {"query": "Which?", "chosen": "The first one.", "rejected": "The other."},
    {"query": "How many?", "chosen": 8, "rejected": "9"},
    {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": None}]},
            {"role": "assistant", "content": "So."},
        ]
    },
    {"prompt": "Which?", "completion": "That.", "conversation": "a talk"},
)
PIECES = (
    *(
        b'"',
        b"\\",
        b"\\\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b" :",
        b"\t",
        b"\r",
        b"\n",
        b"\x00",
        b"\x1f",
        b"\xff",
        b"\xc3",
    ),
    *(b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\u0041", b"\\ud83d", b"\\ud83d\\ude00", b"\\/", b"\\n", b"\\x", b"   "),
    *(b"<|im_end|>", b"[INST]", b"[/INST]", b"<<SYS>>", "<｜User｜>".encode(), b"<start_of_turn>", b"\\u003c|im_end|>"),
    *(b'"role": "user", ', b'"content": "x", ', b'"content" : "x", ', b'"system": "s", ', b'"tools": "[", '),
    *(b'"label": true, ', b"Human: a\\n\\nAssistant: b", "\u3000\u00a0\u2028".encode(), b"null", b"NaN", b"1e999"),
    *(
        b"12345678901",
        b"-0",
        b"01",
        b"1.50",
        b"1.",
        b".5",
        b"1e5",
        b"-",
        b"1234567890123456789",
        b"3-4",
        b"1.2.3",
        b"+1",
    ),
    *(b'{"a": 1}', b'{"text": "a"}\n'),
)


@pytest.fixture(params=["library", "numpy"], autouse=True)
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take lines apart in both ways."""
    if request.param == "numpy":
        monkeypatch.setattr(native, "_LIBRARY", None)
    elif native.take_apart(b"{}", 2) is None:
        pytest.skip("no compiler was there when this environment was made")


def _end(work: Generator[Any, None, T]) -> T:
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result


def _look(path: Path) -> Look:
    return _end(look(path, ReadOptions(), None, None, None))


def _in_parts(
    path: Path, seen: Look, cuts: list[int]
) -> tuple[Counts, np.ndarray[Any, Any], list[tuple[int, int, int]]]:
    """Read a file in parts, and put them together as a scan does."""
    assert seen.begin is not None
    borders = [seen.begin, *sorted(cut for cut in cuts if cut > seen.begin), path.stat().st_size]
    counts, records, places = Counts(), [], []
    out = path.with_suffix(".npy")
    for begin, end in pairwise(borders):
        more, found = _end(tally_lines(path, begin, end, begin == seen.begin, seen, OPTIONS, out))
        part = np.load(out)
        part["row"] += np.uint32(counts.rows)
        part["line"] += np.uint32(counts.lines)
        records.append(part)
        places += [(one.row + counts.rows, one.line + counts.lines, one.offset) for one in found]
        counts.add(more, KEPT)
    return counts, np.concatenate(records), places


def _compare_rows(path: Path, seen: Look, counts: Counts | None = None, records: Any = None) -> None:
    """Read a file from its beginning, each row by itself and many at once, and hold both against what is given."""
    out = path.with_suffix(".strict.npy")
    strict, _ = _end(tally_rows(path, seen.read, seen.guess, replace(OPTIONS, is_strict=True), out))
    expected = np.load(out).tobytes()
    many, _ = _end(tally_rows(path, seen.read, seen.guess, OPTIONS, out))
    found = [(many, np.load(out))]
    if counts is not None:
        found.append((counts, records))
    for one, fingerprints in found:
        assert one.problems == strict.problems
        assert replace(one, survey=strict.survey, lines=0) == replace(strict, lines=0)
        assert (one.survey.rows, one.survey.votes) == (strict.survey.rows, strict.survey.votes)
        assert one.survey.columns == strict.survey.columns
        assert one.survey.ranks.votes == strict.survey.ranks.votes
        taken, strictly = one.survey.taken, strict.survey.taken
        assert (taken.pairs, taken.counts, taken.lines) == (strictly.pairs, strictly.counts, strictly.lines)
        assert fingerprints.tobytes() == expected


def _compare(path: Path, cuts: list[int]) -> None:
    try:
        seen = _look(path)
    except AppError:
        return
    if seen.begin is None:
        return
    counts, records, places = _in_parts(path, seen, cuts)
    _compare_rows(path, seen, counts, records)
    assert counts.good + counts.left_out + counts.problem_counts.total() == counts.rows
    lines = path.read_bytes().split(b"\n")
    for _, line, offset in places:
        # The first row begins behind the mark of the encoding.
        assert offset == max(seen.begin, sum(len(one) + 1 for one in lines[: line - 1]))


def _write(path: Path, lines: list[bytes]) -> Path:
    path.write_bytes(b"\n".join(lines))
    return path


def _as_lines(rows: list[Any], **how: Any) -> list[bytes]:
    return [json.dumps(row, ensure_ascii=False, **how).encode() for row in rows]


def _varied(rng: random.Random) -> list[bytes]:
    """Return rows of one shape in a hundred small variations, good and bad."""
    row = rng.choice(ROWS)
    lines = _as_lines([row] * 8)
    for _ in range(60):
        line = bytearray(rng.choice(lines))
        for _ in range(rng.randrange(3)):
            at = rng.randrange(len(line) + 1)
            line[at : at + rng.choice((0, 0, 1, 4))] = rng.choice(PIECES)
        lines.append(bytes(line))
    return lines


@pytest.mark.parametrize("how", [{}, {"separators": (",", ":")}, {"ensure_ascii": True}, {"sort_keys": True}])
def test_rows_of_every_shape_are_read_alike(tmp_path: Path, how: dict[str, Any]) -> None:
    for number, row in enumerate(ROWS):
        lines = [json.dumps(row, **({"ensure_ascii": False} | how)).encode()] * 3 + _as_lines(list(ROWS))
        _compare(_write(tmp_path / f"{number}.jsonl", lines), [40, 41, 300])


@pytest.mark.parametrize("seed", range(40))
def test_damaged_lines_are_read_alike(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lines = _varied(rng)
    _compare(_write(tmp_path / "rows.jsonl", lines), [rng.randrange(4000) for _ in range(3)])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    row=st.sampled_from(ROWS),
    edits=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 400), st.integers(0, 6), st.sampled_from(PIECES)), max_size=8
    ),
    cuts=st.lists(st.integers(1, 1200), max_size=3),
    crlf=st.booleans(),
)
@example(row=ROWS[0], edits=[(0, 14, 0, b'"role" : "user", ')], cuts=[], crlf=False)
@example(row=ROWS[0], edits=[(0, 0, 0, b"\xef\xbb\xbf")], cuts=[], crlf=False)
def test_whatever_stands_in_a_line(
    tmp_path: Path, row: Any, edits: list[tuple[int, int, int, bytes]], cuts: list[int], crlf: bool
) -> None:
    lines = _as_lines([row] * 5)
    for place, at, cut, piece in edits:
        line = bytearray(lines[place])
        line[at % (len(line) + 1) : at % (len(line) + 1) + cut] = piece
        lines[place] = bytes(line)
    _compare(_write(tmp_path / "rows.jsonl", [line + b"\r" for line in lines] if crlf else lines), cuts)


def test_the_example_is_read_alike(tmp_path: Path) -> None:
    data = EXAMPLE_DATASET.read_bytes()
    path = tmp_path / "example.jsonl"
    path.write_bytes(data)
    _compare(path, [1, 2, 100, 5000, len(data) - 1])


def test_real_files_are_read_alike(tmp_path: Path, shared_data: Path) -> None:
    files = sorted(shared_data.rglob("*.jsonl"))
    assert files
    rng = random.Random(3)
    for file in files:
        lines = file.read_bytes().split(b"\n")[:300]
        _compare(_write(tmp_path / file.name, lines), [rng.randrange(100_000) for _ in range(4)])
        for place in rng.sample(range(len(lines)), min(40, len(lines))):
            line = bytearray(lines[place])
            at = rng.randrange(len(line) + 1)
            line[at : at + rng.choice((0, 1, 5))] = rng.choice(PIECES)
            lines[place] = bytes(line)
        _compare(_write(tmp_path / f"bad_{file.name}", lines), [rng.randrange(100_000) for _ in range(4)])


def test_pairs_are_told_apart_whatever_stands_at_their_ends(tmp_path: Path) -> None:
    ends = ["", " ", "\n", "\t \n", "\u00a0", "\u3000", "n", "\\", "\\n", "\u2028", "é", "不", "t", "."]
    rows = [
        {"prompt": f"Q{n}", "chosen": one + "Yes" + two, "rejected": "Yes"}
        for n, one in enumerate(ends)
        for two in ends
    ]
    rows += [{"prompt": "Q", "chosen": one, "rejected": two} for one in ends for two in ends]
    _compare(_write(tmp_path / "rows.jsonl", _as_lines(rows)), [900, 5000])


def test_texts_that_begin_with_blanks_beyond_ascii_are_read_alike(tmp_path: Path) -> None:
    blanks = ["\u00a0", "\u1680", "\u180e", "\u2003", "\u200b", "\u202f", "\u205f", "\u3000", "\ufeff"]
    begins = [blank * count for blank in blanks for count in (1, 2, 3, 5)] + ["".join(blanks)]
    texts = [begin + rest for begin in begins for rest in ("", "a", "Human: a\n\nAssistant: b", " Human: a")]
    rows = [{"question": "Why?", "answer": text} for text in ["So.", *texts]]
    path = _write(tmp_path / "rows.jsonl", [json.dumps(row, ensure_ascii=False).encode() for row in rows])
    _compare(path, [path.stat().st_size // 2])


def test_numbers_where_texts_belong_are_read_alike(tmp_path: Path) -> None:
    rows = [{"instruction": "Add", "input": number, "output": "So."} for number in (0, 5, 0, 12)]
    path = _write(tmp_path / "rows.jsonl", _as_lines(rows))
    _compare(path, [60])
    counts, _, _ = _in_parts(path, _look(path), [60])
    assert (counts.rows, counts.problem_counts) == (4, {"wrong_type": 4})


def test_what_was_taken_for_what_is_noted_in_every_part(tmp_path: Path) -> None:
    turns = json.dumps(ROWS[0]["messages"])
    rows = [{"messages": turns}, ROWS[0]] * 30 + [{"prompt": "Why?", "response": "So."}] * 7 + [ROWS[-1]] * 3
    lines = _as_lines(rows)
    lines[25:40] = [line + b"," for line in lines[25:40]]
    path = _write(tmp_path / "rows.jsonl", lines)
    _compare(path, [500, 1500, 4000])
    counts, _, _ = _in_parts(path, _look(path), [500, 1500, 4000])
    assert counts.survey.taken.counts == {"turns_as_text": 30, "trailing_comma": 15}
    assert counts.survey.taken.lines["trailing_comma"] == [*range(26, 41)]
    assert counts.survey.taken.pairs == {("prompt", "response"): 7, ("prompt", "completion"): 3}


def test_a_line_that_looks_like_the_others_may_hold_turns(tmp_path: Path) -> None:
    turns = json.dumps(ROWS[0]["messages"])
    rows = [
        {"prompt": f"Why {n}?", "completion": "So.", "conversation": "a talk" if n % 9 else turns} for n in range(60)
    ]
    _compare(_write(tmp_path / "rows.jsonl", _as_lines(rows)), [700])


def test_what_only_begins_like_a_number_is_none(tmp_path: Path) -> None:
    good = [b"1e+300", b"1e-7", b"-3", b"0.25", b"2E5"]
    bad = [b"1e+31.00", b"1e-2.5", b"2E5.0", b"1e+3-4", b"-3-3", b"0.25.1", b"1e+01e5", b"--3", b"1e+"]
    for first in good:
        lines = [b'{"text": "A text", "n": %s}' % number for number in [first] * 3 + good + bad]
        _compare(_write(tmp_path / "rows.jsonl", lines), [100])


def test_a_line_that_ends_in_another_part_is_read_once(tmp_path: Path) -> None:
    lines = _as_lines([{"text": f"Text number {n}, " + "long " * (n % 50)} for n in range(3000)])
    path = _write(tmp_path / "rows.jsonl", lines)
    cuts = [len(b"\n".join(lines[:n])) + extra for n in (1, 700, 1500) for extra in (-1, 0, 1, 2)]
    _compare(path, cuts)


def test_lines_are_found_whatever_their_number(tmp_path: Path) -> None:
    for line in (b"", b"1", b'""', b'{"text": "a"}', b'["' + b'","' * 500 + b'"]'):
        _compare(_write(tmp_path / "rows.jsonl", [b'{"text": "first"}', *[line] * 3000, b'{"text": "last"}']), [2000])
    long = b'{"text": "' + b"word " * 2_000_000 + b'"}'
    _compare(_write(tmp_path / "long.jsonl", [b'{"text": "first"}', long, b'{"text": "last"}']), [30])


@pytest.mark.parametrize("seed", range(12))
def test_rows_of_tables_and_arrays_are_read_alike_one_by_one_and_many_at_once(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    cells = [
        "",
        " ",
        "None",
        "7",
        "=A1",
        'said "so"',
        "two\nlines",
        "tab\there",
        "back\\slash",
        "\u200b",
        "\x07",
        "é 🦊",
    ]
    cells += ["<|im_end|>", "Human: a\n\nAssistant: b", "Ã¤ spoilt", "\ufffd", "[1, 2]", '{"a": 1}', "line\u2028end"]
    columns = rng.choice(
        [("prompt", "completion"), ("Question", "answer"), ("instruction", "input", "output"), ("text",)]
    )
    columns = (*columns, *rng.sample(("id", "notes", "role"), rng.randrange(3)))
    rows = [
        {name: rng.choice(cells) if rng.random() < 0.2 else f"Some words of {name} in row {number}" for name in columns}
        for number in range(150)
    ]
    rows += rng.sample(rows, 20)
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(columns)
    writer.writerows(row.values() for row in rows)
    array = json.dumps([*rows[:90], {**rows[0], "score": 3.50}, {"text": None}, {**rows[1], "more": [1, {"a": None}]}])
    for name, content in (("rows.csv", table.getvalue()), ("rows.json", array)):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8", newline="")
        _compare_rows(path, _look(path))
