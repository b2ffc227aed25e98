"""What the model sees and what it learns of it, on a real tokenizer and on real rows."""

from __future__ import annotations

import copy
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from trainer_image.arguments import DataPlan
from trainer_image.contract import RunFolder
from trainer_image.data.batches import Counted, Padded
from trainer_image.data.dataset import prepare, read_dataset
from trainer_image.data.encoding import NOT_LEARNED, Encoded, encode
from trainer_image.data.splitting import split
from trainer_image.errors import TrainerError
from trainer_image.formats import Example, Message, RowProblem, read_told
from trainer_image.methods import sft

TALK = (
    Message("system", "Be kind."),
    Message("user", "Hallo Zürich 🦊?"),
    Message("assistant", "Grüezi! 🦊"),
    Message("user", "And now?"),
    Message("assistant", "Now we part.\nGoodbye."),
)


def _encode(example: Example, tokenizer: Any, loss_on: str = "answers", max_length: int = 512) -> Encoded:
    (made,) = encode([example], tokenizer, loss_on, max_length)
    assert isinstance(made, Encoded)
    return made


def as_sft(tokenizer: Any, plan: DataPlan) -> Any:
    return partial(encode, tokenizer=tokenizer, loss_on=plan.loss_on, max_length=plan.max_length)


def _learned(row: Encoded, tokenizer: Any) -> str:
    return str(tokenizer.decode([label for label in row.labels if label != NOT_LEARNED]))


def test_the_answers_are_learned_to_the_end_of_their_turn(tokenizer: Any) -> None:
    row = _encode(Example(1, 1, messages=TALK), tokenizer)
    turns = [{"role": message.role, "content": message.content} for message in TALK]
    assert tokenizer.decode(row.input_ids) == tokenizer.apply_chat_template(turns, tokenize=False)
    assert _learned(row, tokenizer) == "Grüezi! 🦊<|im_end|>Now we part.\nGoodbye.<|im_end|>"
    assert all(label in (NOT_LEARNED, token) for token, label in zip(row.input_ids, row.labels, strict=True))


def test_the_last_answer_or_everything(tokenizer: Any) -> None:
    example = Example(1, 1, messages=TALK)
    assert _learned(_encode(example, tokenizer, "last_answer"), tokenizer) == "Now we part.\nGoodbye.<|im_end|>"
    row = _encode(example, tokenizer, "everything")
    assert row.labels == row.input_ids


def test_text_is_learned_whole_with_an_end(tokenizer: Any) -> None:
    row = _encode(Example(1, 1, text="Once upon a time."), tokenizer)
    assert _learned(row, tokenizer) == "Once upon a time." + tokenizer.eos_token


def test_long_rows_are_cut_and_empty_ones_known(tokenizer: Any) -> None:
    example = Example(1, 1, messages=(Message("user", "word " * 50), Message("assistant", "yes " * 50)))
    whole = _encode(example, tokenizer)
    cut = _encode(example, tokenizer, max_length=len(whole.input_ids) - 10)
    assert (whole.was_cut, cut.was_cut) == (False, True)
    assert cut.input_ids == whole.input_ids[:-10]
    assert 0 < cut.learned < whole.learned
    assert _encode(example, tokenizer, max_length=20).learned == 0


def test_a_template_that_rewrites_turns_still_finds_the_answers(tokenizer: Any) -> None:
    """Some templates leave the thinking out of earlier answers, so that a prefix of turns is no prefix of text."""
    other = copy.deepcopy(tokenizer)
    other.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n"
        "{% if m.role == 'assistant' and loop.last %}<think></think>{% endif %}{{ m.content }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n<think></think>{% endif %}"
    )
    row = _encode(Example(1, 1, messages=TALK), other)
    assert _learned(row, other) == "Grüezi! 🦊<|im_end|>Now we part.\nGoodbye.<|im_end|>"


def test_a_template_that_refuses_is_a_problem_of_the_row(tokenizer: Any) -> None:
    other = copy.deepcopy(tokenizer)
    other.chat_template = "{{ raise_exception('only users here') }}"
    (problem,) = encode([Example(7, 3, messages=TALK)], other, "answers", 64)
    assert isinstance(problem, RowProblem)
    assert (problem.line, problem.row, problem.kind) == (7, 3, "template")
    assert "only users here" in problem.sentence


def test_without_a_template_the_turns_are_joined_plainly(tokenizer: Any) -> None:
    plain = copy.deepcopy(tokenizer)
    plain.chat_template = None
    example = Example(1, 1, messages=(Message("user", "1 + 1 ="), Message("assistant", " 2")))
    row = _encode(example, plain)
    assert plain.decode(row.input_ids) == f"1 + 1 = 2{plain.eos_token}"
    assert _learned(row, plain) == f" 2{plain.eos_token}"


def test_a_batch_is_padded_and_counted_once() -> None:
    import torch

    collator = Counted(Padded(9))
    short = {"input_ids": [1, 2], "labels": [NOT_LEARNED, 2]}
    long = {"input_ids": [3, 4, 5], "labels": [NOT_LEARNED, 4, 5]}
    batch = collator([short, long])
    assert torch.equal(batch["input_ids"], torch.tensor([[1, 2, 9], [3, 4, 5]]))
    assert torch.equal(batch["labels"], torch.tensor([[-100, 2, -100], [-100, 4, 5]]))
    assert torch.equal(batch["attention_mask"], torch.tensor([[1, 1, 0], [1, 1, 1]]))
    collator([long])
    collator.is_counting = False
    collator([long])
    assert (collator.take(1), collator.take(5)) == (5, 3)


def test_the_trainer_gets_our_labels(tokenizer: Any, model: str, tmp_path: Path) -> None:
    """TRL and Unsloth must neither mask, cut, pack nor reorder what we have made."""
    from trainer_image.arguments import Machine
    from trainer_image.contract import RunConfig
    from trainer_image.data.dataset import Prepared
    from trainer_image.methods import Parts
    from trainer_image.reporter import Reporter

    config = RunConfig(model=model, dataset="unused", gpus=(), max_length=64, lora_r=2)
    tuned, its_tokenizer = sft.load(config)
    rows = [_encode(Example(n, n, messages=TALK), tokenizer, max_length=64) for n in (1, 2)]
    prepared = Prepared(rows, [], [], [], [], 0, "")
    reporter = Reporter(RunFolder(tmp_path))
    trainer = sft.build_trainer(
        Parts(config, Machine("cpu"), tuned, its_tokenizer, prepared, reporter, str(tmp_path), lambda: False)
    )
    (batch,) = list(trainer.get_train_dataloader())
    assert batch["input_ids"].tolist() == [row.input_ids for row in rows]
    assert batch["labels"].tolist() == [[NOT_LEARNED, *row.labels[1:]] for row in rows]
    # The loss is the mean over the learned tokens and nothing else.
    import torch

    learned = (batch["labels"][:, 1:] != NOT_LEARNED).sum()
    with torch.no_grad():
        logits = tuned(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.float()
        by_hand = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten(), ignore_index=NOT_LEARNED
        )
        loss = trainer.compute_loss(trainer.model, batch, num_items_in_batch=learned)
    assert loss.item() == pytest.approx(by_hand.item(), rel=2e-2)


def test_the_split_is_the_same_for_the_same_seed() -> None:
    rows = [Encoded(n, n, [1, 2], [1, 2]) for n in range(100)]
    train, held = split(rows, 0.1, seed=1)
    assert (len(train), len(held)) == (90, 10)
    assert {row.row for row in train} | {row.row for row in held} == set(range(100))
    assert split(rows, 0.1, seed=1)[1] == held
    assert split(rows, 0.1, seed=2)[1] != held
    assert split(rows, 0.0, seed=1)[1] == []
    assert len(split(rows[:3], 0.01, seed=1)[1]) == 1
    assert split(rows[:1], 0.5, seed=1) == (rows[:1], [])


def test_parquet_is_read_by_row(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "rows.parquet"
    table = pyarrow.table({"prompt": ["a", "b"], "completion": ["c", None]})
    parquet.write_table(table, path)
    reading = read_dataset(path, "conversation")
    assert [example.row for example in reading.examples] == [1]
    assert [(problem.line, problem.kind) for problem in reading.problems] == [(2, "missing_field")]
    packed = tmp_path / "rows.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(path, "train-00000-of-00002.parquet")
        archive.write(path, "train-00001-of-00002.parquet")
    reading = read_dataset(packed, "conversation")
    assert [example.row for example in reading.examples] == [1, 3]
    assert [(one.row, one.line, one.part) for one in reading.problems] == [
        (2, 2, "train-00000-of-00002.parquet"),
        (4, 2, "train-00001-of-00002.parquet"),
    ]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TrainerError, match="Parquet"):
        read_dataset(path, "conversation")


def test_a_table_is_read_as_the_user_has_said(tokenizer: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("act;reply\nDo this;Done\n")
    told = read_told(("prompt=act", "completion=reply"), ("delimiter=;",))
    plan = DataPlan(str(path), 64, "answers", True, 0.0, 1, told)
    (row,) = prepare(plan, "conversation", as_sft(tokenizer, plan)).train
    assert _learned(row, tokenizer) == "Done<|im_end|>"


def test_bad_rows_stop_or_are_left_out(tokenizer: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a b c"}\n{"text": ""}\n{"text": "d e f"}\n')
    plan = DataPlan(str(path), 64, "answers", True, 0.0, 1)
    with pytest.raises(TrainerError, match=r"1 row of 3 cannot be used\. Line 2: text is empty"):
        prepare(plan, "conversation", as_sft(tokenizer, plan))
    going_on = DataPlan(str(path), 64, "answers", False, 0.0, 1)
    told: list[tuple[int, int]] = []
    prepared = prepare(going_on, "conversation", as_sft(tokenizer, plan), lambda *count: told.append(count))
    assert (len(prepared.train), len(prepared.problems)) == (2, 1)
    assert told == [(1, 3), (2, 3), (3, 3)]


REAL = [
    ("alpaca_user_oriented.parquet", "alpaca", 252),
    ("gsm8k_train_1000.jsonl", "question_answer", 1000),
    ("messages_gsm8k_azure.jsonl", "messages", 449),
    ("prompt_completion_oasst.csv", "prompt_completion", 295),
    ("prompt_completion_wwdc25.jsonl", "prompt_completion", 1800),
    ("sharegpt_fastchat.json", "sharegpt", 300),
    ("extra/alpaca_codegen_response_key.json", "alpaca", 600),
    ("extra/alpaca_user_oriented.json", "alpaca", 252),
    ("extra/messages_oasst_threads.parquet", "messages", 283),
    ("extra/messages_tinker.jsonl", "messages", 116),
    ("extra/sharegpt_toolcall_glaive.json", "sharegpt", 110),
    ("extra/text_wikisql.jsonl", "text", 1000),
]


@pytest.mark.parametrize(("name", "shape", "rows"), REAL)
def test_real_files(name: str, shape: str, rows: int, shared_data: Path, tokenizer: Any) -> None:
    reading = read_dataset(shared_data / name, "conversation")
    assert (reading.shape, reading.rows) == (shape, rows)
    assert len(reading.examples) + len(reading.problems) == rows
    assert len(reading.examples) > 0.95 * rows
    some = reading.examples[:40]
    for example, row in zip(some, encode(some, tokenizer, "answers", 10**6), strict=True):
        assert isinstance(row, Encoded)
        answers = [message.content for message in example.messages if message.role == "assistant"] or [example.text]
        assert _learned(row, tokenizer) == "".join(answer + "<|im_end|>" for answer in answers)


def test_preferences_are_read_as_their_better_answers(shared_data: Path, tokenizer: Any) -> None:
    plan = DataPlan(str(shared_data / "hh_rlhf_selected.jsonl"), 512, "answers", True, 0.0, 1)
    assert len(prepare(plan, "conversation", as_sft(tokenizer, plan)).train) == 31


def test_a_shape_that_does_not_fit_is_refused_with_what_it_lacks(tmp_path: Path, tokenizer: Any) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "1 + 1?", "completions": ["One.", "Two."], "labels": [false, true]}\n')
    plan = DataPlan(str(path), 64, "answers", True, 0.0, 1)
    with pytest.raises(TrainerError, match="does not fit this method"):
        prepare(plan, "conversation", as_sft(tokenizer, plan))


def test_tool_calls_are_read_or_named(shared_data: Path, tokenizer: Any) -> None:
    """A template that knows no calls would leave them out, and an empty answer would be learned."""
    path = shared_data / "extra/messages_toolcall_stock.jsonl"
    reading = read_dataset(path, "conversation")
    assert (len(reading.examples), reading.problems) == (86, [])
    made = list(encode(reading.examples, tokenizer, "answers", 4096))
    assert sum(isinstance(item, RowProblem) for item in made) == 36
    assert all(item.learned for item in made if isinstance(item, Encoded))
