"""Real rows: each file is the shape that it is said to be, and every good row of it is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer_image.formats import FEEDS, Row, Shape, Task, examples_of, read_examples, read_rows

DATA = Path(__file__).parents[4] / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the folder of real rows is not beside the project")

FILES: list[tuple[str, Shape, int]] = [
    ("dpo_oasst.jsonl", "preference", 50),
    ("gsm8k_train_1000.jsonl", "question_answer", 1000),
    ("hh_rlhf_selected.jsonl", "preference", 31),
    ("messages_gsm8k_azure.jsonl", "messages", 449),
    ("prompt_completion_oasst.csv", "prompt_completion", 295),
    ("prompt_completion_wwdc25.jsonl", "prompt_completion", 1800),
    ("ranking_oasst.jsonl", "ranking", 50),
    ("sharegpt_fastchat.json", "sharegpt", 300),
    ("text_shakespeare.txt", "text", 4340),
    ("extra/alpaca_codegen_response_key.json", "alpaca", 600),
    ("extra/alpaca_user_oriented.json", "alpaca", 252),
    ("extra/dpo_oasst_conversational.jsonl", "preference", 62),
    ("extra/dpo_orca_azure.jsonl", "preference", 140),
    ("extra/kto_oasst.jsonl", "labelled", 100),
    ("extra/messages_tinker.jsonl", "messages", 116),
    ("extra/messages_toolcall_stock.jsonl", "messages", 86),
    ("extra/ranking_ultrafeedback_shape.jsonl", "ranking", 50),
    ("extra/sharegpt_toolcall_glaive.json", "sharegpt", 110),
    ("extra/text_wikisql.jsonl", "text", 1000),
]


@pytest.mark.parametrize(("name", "shape", "rows"), FILES)
def test_every_row_of_every_file_feeds_what_its_shape_feeds(name: str, shape: Shape, rows: int) -> None:
    for kind in FEEDS[shape]:
        reading = read_examples(read_rows(DATA / name), kind=kind)
        assert (reading.shape, reading.rows, reading.problems) == (shape, rows, [])
        assert len({made.row for made in reading.examples}) + len(reading.left_out) == rows


def test_every_file_is_looked_at() -> None:
    endings = (".jsonl", ".json", ".csv", ".txt")
    names = {str(path.relative_to(DATA)) for path in DATA.rglob("*") if path.suffix in endings}
    assert {name for name in names if not name.startswith("LICENSES")} == {name for name, _, _ in FILES} | {
        "extra/awesome_prompts.csv"
    }


def test_rows_that_need_a_mapping() -> None:
    path = DATA / "extra/awesome_prompts.csv"
    reading = read_examples(read_rows(path))
    assert (reading.shape, reading.rows, len(reading.problems)) == (None, 162, 162)
    assert "act, prompt" in reading.problems[0].sentence
    mapped = examples_of(path, mapping={"prompt": "act", "completion": "prompt"})
    assert (mapped.shape, len(list(mapped))) == ("prompt_completion", 162)


def test_the_prompts_of_preferences_are_those_of_the_file() -> None:
    """The ranking file holds the same prompts as the pairs that were made of it: best and worst must agree."""
    pairs = [json.loads(line) for line in (DATA / "dpo_oasst.jsonl").read_text("utf-8").splitlines()]
    best = read_examples(read_rows(DATA / "ranking_oasst.jsonl"), kind="conversation").examples
    answers = {made.messages[0].content: made.messages[1].content for made in best}  # type: ignore[union-attr]
    shared = [pair for pair in pairs if pair["prompt"] in answers]
    assert len(shared) > 40
    assert all(answers[pair["prompt"]] == pair["chosen"] for pair in shared)


def test_the_reference_of_a_task_is_the_whole_answer() -> None:
    tasks = read_examples(read_rows(DATA / "gsm8k_train_1000.jsonl"), kind="task").examples
    rows = [item.value["answer"] for item in read_rows(DATA / "gsm8k_train_1000.jsonl") if isinstance(item, Row)]
    assert [task.answer for task in tasks if isinstance(task, Task)] == rows
