"""New versions of datasets: their rows read back to the same examples, the same ones for the same seed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from desktop.core.dataset.report import Cancelled, ScanOptions
from desktop.core.dataset.sources import rows_of_file
from desktop.core.dataset_intake import take_in
from desktop.core.dataset_making import making
from desktop.core.dataset_making.plans import Dedupe, Sample, Split
from desktop.core.datasets import DatasetVersion, Origin
from desktop.errors import AppError
from trainer_image.formats import FEEDS, Made, ReadOptions, read_examples

Rows = list[dict[str, Any]]

CHAT: Rows = [
    {"messages": [{"role": "user", "content": f"Why {n}?"}, {"role": "assistant", "content": f"So {n}."}]}
    for n in range(40)
]
TOOLS: Rows = [
    {
        "messages": [
            {"role": "system", "content": ""},
            {"role": "user", "content": f"Weather {n}?"},
            {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "sky", "arguments": "{}"}}]},
            {"role": "tool", "content": "blue"},
            {"role": "assistant", "content": [{"type": "text", "text": "Blue."}]},
        ],
        "tools": [{"type": "function", "function": {"name": "sky"}}],
    }
    for n in range(3)
]
PAIRS: Rows = [{"prompt": f"Q{n}?", "chosen": f"Good {n}", "rejected": f"Bad {n}"} for n in range(12)]
RANKED: Rows = [
    {"prompt": f"Q{n}?", "responses": ["a", "b", "c"], "ranking": [[2, 0, 1], [1, 2, 0]][n % 2]} for n in range(8)
]
TASKS: Rows = [{"problem": f"{n} + 1?", "answer": n + 1, "hint": "add"} for n in range(9)]
TEXTS: Rows = [{"text": f"Once upon a time, {n}.\u2028And then."} for n in range(9)]
LABELLED: Rows = [{"prompt": f"Q{n}?", "completion": f"A{n}", "label": n % 2 == 0} for n in range(6)]
STEPS: Rows = [{"prompt": f"Q{n}?", "completions": ["One.", "Two."], "labels": [True, False]} for n in range(6)]
QUESTIONS: Rows = [{"question": f"Q{n}?", "answer": f"A{n} #### {n}"} for n in range(6)]


@pytest.fixture
def version_of(tmp_path: Path) -> Callable[..., DatasetVersion]:
    """Write rows into a file and return it as a version."""

    def make(rows: Rows | str | Path, name: str = "some", options: ScanOptions | None = None) -> DatasetVersion:
        path = rows if isinstance(rows, Path) else tmp_path / f"{name}.jsonl"
        if isinstance(rows, str):
            path.write_text(rows, "utf-8")
        elif isinstance(rows, list):
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        intake = take_in(path, options or ScanOptions(), "leave_out")
        report, read = intake.report, intake.options
        return DatasetVersion(
            name, 1, Origin("file", path=str(path)), path, report.sha256, intake.size_bytes, intake.modified_ns,
            report.rows, report.rows_total, report.shape, read.mapping, read.read, read.shape, "leave_out",
            datetime.now(UTC),
        )  # fmt: skip

    return make


def examples(path: Path, options: ScanOptions | None = None) -> list[Made]:
    """Return what a file makes for what its rows are meant for, without where they stand."""
    asked = options or ScanOptions()
    made = read_examples(rows_of_file(path, asked.read), asked.shape, None, asked.mapping).examples
    return [type(one)(**{**one.__dict__, "line": 0, "row": 0}) for one in made]


def rows_in(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def quietly(share: float | None, rows: int) -> None:
    assert share is None or 0 <= share <= 1


@pytest.mark.parametrize("rows", [CHAT, TOOLS, PAIRS, RANKED, TASKS, TEXTS, LABELLED, STEPS, QUESTIONS])
def test_a_sample_of_everything_reads_back_the_same(
    version_of: Callable[..., DatasetVersion], tmp_path: Path, rows: Rows
) -> None:
    version, target = version_of(rows), tmp_path / "all.jsonl"
    making.make_sample(version, Sample(share=1.0), target, quietly)
    assert examples(target) == examples(version.path)
    assert version.rows == len(rows)


def test_a_split_parts_the_rows_and_keeps_their_order(
    version_of: Callable[..., DatasetVersion], tmp_path: Path
) -> None:
    version, rest, held = version_of(CHAT), tmp_path / "rest.jsonl", tmp_path / "held.jsonl"
    before = version.path.read_bytes()
    making.make_split(version, Split(share=0.25), (rest, held), quietly)
    parts = [rows_in(file) for file in (rest, held)]
    assert [len(part) for part in parts] == [30, 10]
    assert all(part == [row for row in CHAT if row in part] for part in parts)
    assert sorted(map(json.dumps, [*parts[0], *parts[1]])) == sorted(map(json.dumps, CHAT))
    assert version.path.read_bytes() == before


def test_the_seed_chooses_the_rows(version_of: Callable[..., DatasetVersion], tmp_path: Path) -> None:
    version = version_of(CHAT)
    files = [tmp_path / f"{number}.jsonl" for number in range(3)]
    for file, seed in zip(files, (1, 1, 2), strict=True):
        making.make_sample(version, Sample(rows=10, seed=seed), file, quietly)
    first, again, other = (file.read_bytes() for file in files)
    assert first == again
    assert first != other
    assert len(first.splitlines()) == 10


def test_rows_that_cannot_be_used_are_left_out(version_of: Callable[..., DatasetVersion], tmp_path: Path) -> None:
    lines = [json.dumps(row) for row in PAIRS]
    lines[3:3] = ["{broken", json.dumps({"prompt": "Q", "chosen": "same", "rejected": "same"})]
    version, target = version_of("\n".join(lines)), tmp_path / "made.jsonl"
    assert (version.rows, version.rows_total) == (12, 14)
    making.make_sample(version, Sample(rows=12), target, quietly)
    assert examples(target) == examples(version.path)
    assert len(target.read_text("utf-8").splitlines()) == 12


def test_copies_are_left_out_and_the_first_stays(version_of: Callable[..., DatasetVersion], tmp_path: Path) -> None:
    version, target = version_of([*QUESTIONS, *QUESTIONS[:2], *QUESTIONS[4:]]), tmp_path / "made.jsonl"
    assert making.make_deduped(version, Dedupe(), target, quietly) == 4
    assert rows_in(target) == QUESTIONS
    with pytest.raises(AppError, match="has no copies"):
        making.make_deduped(version_of(QUESTIONS, "clean"), Dedupe(), tmp_path / "none.jsonl", quietly)


def test_near_copies_are_left_out_where_that_is_asked_for(
    version_of: Callable[..., DatasetVersion], tmp_path: Path
) -> None:
    story = " ".join(f"On day {n} the captain wrote about the weather and the {n * 7}th wave." for n in range(30))
    rows = [*TEXTS, {"text": story}, {"text": story.replace("day 3 ", "morning 3 ")}]
    version, target = version_of(rows), tmp_path / "made.jsonl"
    assert making.make_deduped(version, Dedupe(near=True), target, quietly) >= 1
    assert story in [row["text"] for row in rows_in(target)]
    assert rows[-1]["text"] not in target.read_text("utf-8")


def test_weights_say_how_often_a_row_comes(version_of: Callable[..., DatasetVersion], tmp_path: Path) -> None:
    one, two = version_of(CHAT, "one"), version_of(TOOLS, "two")
    files = [tmp_path / f"{number}.jsonl" for number in range(3)]
    for file, mixed in zip(files, (True, True, False), strict=True):
        making.make_merged([(one, 0.5), (two, 3.0)], 7, mixed, file, quietly)
    mixed_rows, again, behind = (rows_in(file) for file in files)
    assert mixed_rows == again
    assert len(mixed_rows) == 20 + 9
    assert Counter("tools" in row for row in mixed_rows) == {False: 20, True: 9}
    assert ["tools" in row for row in behind] == [False] * 20 + [True] * 9
    assert ["tools" in row for row in mixed_rows] != ["tools" in row for row in behind]
    assert [row for row in mixed_rows if "tools" in row] == TOOLS * 3


@pytest.mark.parametrize(
    ("parts", "shape"),
    [
        ((CHAT, QUESTIONS), "messages"),
        ((PAIRS, RANKED), "preference"),
        ((LABELLED, PAIRS), "labelled"),
        ((TASKS, QUESTIONS), "task"),
        ((TASKS, PAIRS), "messages"),
    ],
)
def test_rows_of_several_shapes_are_brought_to_one(
    version_of: Callable[..., DatasetVersion], tmp_path: Path, parts: tuple[Rows, Rows], shape: str
) -> None:
    versions = [version_of(rows, f"part{number}") for number, rows in enumerate(parts)]
    target = tmp_path / "made.jsonl"
    making.make_merged([(version, 1.0) for version in versions], 1, False, target, quietly)
    reading = read_examples(rows_of_file(target, ReadOptions()))
    assert reading.shape == shape
    assert not reading.problems
    kind = FEEDS[reading.shape][0]
    wanted: list[Made] = []
    for version in versions:
        wanted += read_examples(rows_of_file(version.path, ReadOptions()), kind=kind).examples
    bare = [_bare(one) for one in wanted]
    assert [_bare(one) for one in reading.examples] == bare


def _bare(made: Made) -> Mapping[str, Any]:
    return {name: value for name, value in made.__dict__.items() if name not in ("line", "row", "fields")}


def test_a_text_and_a_conversation_are_not_put_into_one(
    version_of: Callable[..., DatasetVersion], tmp_path: Path
) -> None:
    versions = [version_of(TEXTS, "texts"), version_of(CHAT, "chats")]
    with pytest.raises(AppError, match=r"texts@1 .text. and chats@1 .messages. hold rows that cannot be put into one"):
        making.make_merged([(version, 1.0) for version in versions], 1, True, tmp_path / "made.jsonl", quietly)
    assert not (tmp_path / "made.jsonl").exists()


def test_columns_that_were_named_get_our_names(version_of: Callable[..., DatasetVersion], tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text('act,reply\n"Do, this",None\nDo that,"2\n3"\n', "utf-8")
    options = ScanOptions(mapping={"prompt": "act", "completion": "reply"})
    target = tmp_path / "made.jsonl"
    version = version_of(table, "table", options)
    making.make_sample(version, Sample(share=1.0), target, quietly)
    assert rows_in(target) == [
        {"prompt": "Do, this", "completion": "None"},
        {"prompt": "Do that", "completion": "2\n3"},
    ]
    assert examples(target) == examples(table, options)


def test_what_only_a_table_can_hold_becomes_json(version_of: Callable[..., DatasetVersion], tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    rows = {"text": ["one", "two"], "when": [date(2024, 2, 29), None], "score": [float("nan"), 0.5], "raw": [b"x", b""]}
    parquet.write_table(pyarrow.table(rows), path)
    target = tmp_path / "made.jsonl"
    making.make_sample(version_of(path), Sample(share=1.0), target, quietly)
    assert rows_in(target) == [
        {"text": "one", "when": "2024-02-29", "score": None, "raw": "x"},
        {"text": "two", "when": None, "score": 0.5, "raw": ""},
    ]
    assert examples(target) == examples(path)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Sample(rows=0), "40 rows"),
        (Sample(rows=41), "40 rows"),
        (Sample(), "a number of rows or a share"),
        (Sample(rows=3, share=0.1), "a number of rows or a share"),
        (Sample(share=1.5), "above 0 and at most 1"),
    ],
)
def test_a_sample_that_cannot_be_is_said(
    version_of: Callable[..., DatasetVersion], tmp_path: Path, plan: Sample, words: str
) -> None:
    with pytest.raises(AppError, match=words):
        making.make_sample(version_of(CHAT), plan, tmp_path / "made.jsonl", quietly)


@pytest.mark.parametrize("weight", [0, -1, float("nan"), 1000, 0.001])
def test_a_weight_that_takes_nothing_is_said(
    version_of: Callable[..., DatasetVersion], tmp_path: Path, weight: float
) -> None:
    with pytest.raises(AppError, match="weight"):
        making.make_merged([(version_of(CHAT), weight)], 1, True, tmp_path / "made.jsonl", quietly)


def test_who_stops_it_finds_no_half_file(version_of: Callable[..., DatasetVersion], tmp_path: Path) -> None:
    version, target = version_of(CHAT), tmp_path / "new" / "made.jsonl"
    target.parent.mkdir()

    def stop(share: float | None, rows: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        making.make_sample(version, Sample(share=1.0), target, stop)
    assert list(target.parent.iterdir()) == []


def test_a_disk_that_takes_nothing_is_said(version_of: Callable[..., DatasetVersion], tmp_path: Path) -> None:
    with pytest.raises(AppError, match="The new file cannot be written"):
        making.make_sample(version_of(CHAT), Sample(rows=3), tmp_path / "nowhere" / "made.jsonl", quietly)


REAL = (
    "gsm8k_train_1000.jsonl",
    "messages_gsm8k_azure.jsonl",
    "prompt_completion_oasst.csv",
    "sharegpt_fastchat.json",
    "hh_rlhf_selected.jsonl",
    "ranking_oasst.jsonl",
    "text_shakespeare.txt",
    "alpaca_user_oriented.parquet",
    "extra/messages_toolcall_stock.jsonl",
    "extra/sharegpt_toolcall_glaive.json",
    "extra/kto_oasst.jsonl",
)


@pytest.mark.parametrize("name", REAL)
def test_real_rows_read_back_the_same(
    version_of: Callable[..., DatasetVersion], tmp_path: Path, name: str, shared_data: Path
) -> None:
    version, target = version_of(shared_data / name), tmp_path / "made.jsonl"
    making.make_sample(version, Sample(share=1.0), target, quietly)
    assert examples(target) == examples(version.path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", " \n"])
def test_lines_that_are_rows_already_stay_as_they_are(
    version_of: Callable[..., DatasetVersion], tmp_path: Path, end: str
) -> None:
    lines = [json.dumps(row, separators=(" ,", ": ")) for row in QUESTIONS]
    version, target = version_of(end.join(lines) + end), tmp_path / "made.jsonl"
    making.make_sample(version, Sample(rows=6), target, quietly)
    assert target.read_bytes().decode().split("\n") == [
        line + end.removesuffix("\n").strip("\r\n") for line in lines
    ] + [""]
    assert examples(target) == examples(version.path)


def test_lines_that_end_otherwise_are_rows_too(version_of: Callable[..., DatasetVersion], tmp_path: Path) -> None:
    path, target = tmp_path / "old.jsonl", tmp_path / "made.jsonl"
    path.write_bytes("\r".join(json.dumps(row) for row in QUESTIONS).encode())
    making.make_sample(version_of(path), Sample(rows=6), target, quietly)
    assert rows_in(target) == QUESTIONS
