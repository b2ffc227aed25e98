"""What the window shows of a row is what the trainer feeds: the same ids, and the same of them learned.

The desktop's tokenizer is tokenizers and jinja2 alone; it is compared here with transformers' own, on real rows.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from desktop.engine.seeing import see_row
from desktop.engine.seen_rows import Asked
from desktop.engine.tokenizing import Tokenizer
from trainer_image import chat_templates
from trainer_image.chat_templates import give_template
from trainer_image.data.dataset import read_dataset
from trainer_image.data.encoding import NOT_LEARNED, encode, prompt_ids
from trainer_image.data.pairs import encode_labelled, encode_pairs
from trainer_image.data.steps import encode_steps
from trainer_image.formats import (
    FEEDS,
    Example,
    Labelled,
    Made,
    Message,
    Preference,
    Row,
    RowProblem,
    Steps,
    convert,
    read_rows,
    survey,
)

FILES = (
    "gsm8k_train_1000.jsonl",
    "messages_gsm8k_azure.jsonl",
    "prompt_completion_oasst.csv",
    "prompt_completion_wwdc25.jsonl",
    "sharegpt_fastchat.json",
    "dpo_oasst.jsonl",
    "hh_rlhf_selected.jsonl",
    "ranking_oasst.jsonl",
    "text_shakespeare.txt",
    "extra/alpaca_codegen_response_key.json",
    "extra/dpo_oasst_conversational.jsonl",
    "extra/dpo_orca_azure.jsonl",
    "extra/kto_oasst.jsonl",
    "extra/messages_toolcall_stock.jsonl",
    "extra/sharegpt_toolcall_glaive.json",
    "extra/ranking_ultrafeedback_shape.jsonl",
    "extra/text_wikisql.jsonl",
)
ROWS = 60
TEMPLATES = {
    "its own": None,
    "none": "",
    # Tools, thinking that is left out of earlier turns, a loop control, a date, a generation block and a namespace.
    "rich": (
        "{%- if tools %}{{ '<|im_start|>system\n' + tools | tojson(indent=2) + '<|im_end|>\n' }}{%- endif %}"
        "{%- set ns = namespace(last=-1) %}"
        "{%- for m in messages %}{%- if m.role == 'user' %}{%- set ns.last = loop.index0 %}{%- endif %}{%- endfor %}"
        "{{ bos_token }}{{ strftime_now('%Y') }}\n"
        "{%- for m in messages %}"
        "{%- if m.role == 'system' and not m.content %}{%- continue %}{%- endif %}"
        "{{- '<|im_start|>' + m.role + '\n' }}"
        "{%- if m.role == 'assistant' %}{% generation %}"
        "{{- m.content.split('\n')[0] if loop.index0 < ns.last else m.content }}"
        "{%- for call in m.tool_calls or [] %}{{ call.function | tojson }}{%- endfor %}"
        "{{- '<|im_end|>' }}{% endgeneration %}"
        "{%- else %}{{ m.content }}<|im_end|>{%- endif %}\n"
        "{% endfor %}"
        "{%- if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ),
    "strict": (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system turns here') }}{% endif %}"
        "{{ bos_token }}{% for m in messages %}"
        "{% if m['role'] == 'user' %}[INST] {{ m['content'].strip() }} [/INST]"
        "{% else %} {{ m['content'].strip() }}{{ eos_token }}{% endif %}{% endfor %}"
    ),
}


@pytest.fixture(scope="module", params=TEMPLATES)
def both(request: pytest.FixtureRequest, model: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Return the desktop's tokenizer and the trainer's for the same model folder."""
    folder = tmp_path_factory.mktemp("model")
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json", "chat_template.jinja"):
        shutil.copy(Path(model) / name, folder / name)
    template = TEMPLATES[request.param]
    if template is not None:
        (folder / "chat_template.jinja").unlink()
        if template:
            (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    theirs = AutoTokenizer.from_pretrained(str(folder))
    return Tokenizer.load(folder), theirs


def _rows(file: Path) -> list[Row]:
    rows = (item for item in read_rows(file) if isinstance(item, Row))
    return list(islice(rows, ROWS))


def _fed(made: Made, kind: str, tokenizer: Any, longest: int) -> list[tuple[list[int], list[bool]]] | RowProblem:
    """Return what the trainer feeds of one example: ids, and which of them are learned."""
    if isinstance(made, Example):
        loss_on = "everything" if kind == "text" else "answers"
        row = next(encode([made], tokenizer, loss_on, 2**31 if kind == "text" else longest))
        if isinstance(row, RowProblem):
            return row
        return [(row.input_ids, [False, *(label != NOT_LEARNED for label in row.labels[1:])])]
    if isinstance(made, Preference):
        pair = next(encode_pairs([made], tokenizer, longest))
        if isinstance(pair, RowProblem):
            return pair
        return [_given(pair.prompt_ids[:longest]), _learned(pair.chosen_ids), _learned(pair.rejected_ids)]
    if isinstance(made, Labelled):
        one = next(encode_labelled([made], tokenizer, longest))
        if isinstance(one, RowProblem):
            return one
        return [_given(one.prompt_ids[:longest]), _learned(one.completion_ids)]
    if isinstance(made, Steps):
        steps = next(encode_steps([made], tokenizer, longest))
        if isinstance(steps, RowProblem):
            return steps
        return [(steps.input_ids, [label != NOT_LEARNED for label in steps.labels])]
    try:
        return [_given(prompt_ids([message.as_turn() for message in made.prompt], tokenizer)[:longest])]
    except Exception as error:
        return RowProblem(made.line, made.row, "", "template", str(error))


def _given(ids: list[int]) -> tuple[list[int], list[bool]]:
    return ids, [False] * len(ids)


def _learned(ids: list[int]) -> tuple[list[int], list[bool]]:
    return ids, [True] * len(ids)


def _compare(rows: list[Row], both: tuple[Any, Any], longest: int) -> Iterator[str]:
    """Compare every kind that the rows can be made into, and yield what came of each: shown or refused."""
    ours, theirs = both
    seen = survey(rows)
    assert seen.shape is not None
    for kind in FEEDS[seen.shape]:
        asked = Asked(seen.shape, kind, seen.ranks.meaning, max_length=longest)
        for row in rows:
            made = convert(row, seen.shape, kind, seen.ranks.meaning)[0]
            if not isinstance(made, Made):
                continue
            fed = _fed(made, kind, theirs, longest)
            preview = see_row(ours, row, asked)
            if isinstance(fed, RowProblem):
                assert preview.problem is not None
                assert preview.problem.kind == fed.kind
                yield "refused"
                continue
            assert preview.problem is None
            shown = [[token for token in part.tokens if not token.is_cut] for part in preview.parts]
            assert [[token.id for token in part] for part in shown] == [ids for ids, _ in fed], row.line
            assert [[token.is_trained for token in part] for part in shown] == [mask for _, mask in fed], row.line
            yield "shown"


@pytest.mark.parametrize("name", FILES)
def test_a_preview_is_what_the_trainer_feeds(name: str, both: tuple[Any, Any], shared_data: Path) -> None:
    rows = _rows(shared_data / name)
    assert len(rows) >= 30
    assert "shown" in set(_compare(rows, both, longest=120)) or "[INST]" in (both[0].chat_template or "")


def test_judged_steps_are_shown_as_they_are_fed(both: tuple[Any, Any]) -> None:
    values = [
        {"prompt": f"What is {n} + {n}?", "completions": ["Add them.", f"It is {2 * n}."], "labels": [True, n % 2 == 0]}
        for n in range(20)
    ]
    rows = [Row(number, number, value) for number, value in enumerate(values, 1)]
    assert set(_compare(rows, both, longest=40)) == {"shown"}


@pytest.mark.parametrize("name", chat_templates.TEMPLATES)
def test_a_named_template_is_shown_as_it_is_fed(name: str, model: str, shared_data: Path, tmp_path: Path) -> None:
    """For a base model, which has none of its own; what the trainer saves then is the very same."""
    for file in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        shutil.copy(Path(model) / file, tmp_path / file)
    theirs, source = AutoTokenizer.from_pretrained(str(tmp_path)), chat_templates.TEMPLATES[name]
    assert not theirs.chat_template
    give_template(theirs, source)
    both = Tokenizer.load(tmp_path).with_template(source), theirs
    for file in ("messages_gsm8k_azure.jsonl", "extra/dpo_oasst_conversational.jsonl"):
        assert set(_compare(_rows(shared_data / file), both, longest=200)) == {"shown"}
    theirs.save_pretrained(str(tmp_path / "saved"))
    assert (tmp_path / "saved" / "chat_template.jinja").read_text("utf-8") == source


@pytest.mark.parametrize("name", chat_templates.TEMPLATES)
@pytest.mark.parametrize("answer", ["Yes", "42 it is."])
def test_what_a_chat_asks_with_is_what_stood_before_the_answer(name: str, answer: str, tokenizer: Any) -> None:
    """Of an answer every token is learned, its first too, behind the very ids that will ask for it."""
    theirs = copy.copy(tokenizer)
    give_template(theirs, chat_templates.TEMPLATES[name])
    asking = (Message("system", "Be brief."), Message("user", "Is it so?"))
    (row,) = encode([Example(1, 1, messages=(*asking, Message("assistant", answer)))], theirs, "answers", 512)
    assert not isinstance(row, RowProblem)
    asked = prompt_ids([message.as_turn() for message in asking], theirs)
    learned = [label for label in row.labels if label != NOT_LEARNED]
    assert theirs.decode(learned) == answer + theirs.eos_token
    if name == "llama3" and theirs.convert_tokens_to_ids("<|end_header_id|>") == theirs.unk_token_id:
        # Without the marks of Llama 3, and how it reads line breaks, the two breaks join where no answer follows.
        return
    assert row.input_ids[: len(asked)] == asked
    assert row.input_ids[len(asked) :][: len(learned)] == learned


def test_the_texts_of_the_tokens_are_the_text(both: tuple[Any, Any]) -> None:
    value = {"prompt": "Grüezi 🦊, wie geht’s?", "completion": "很好，谢谢。\n\n  Und dir? 🧑‍🚀"}
    preview = see_row(both[0], Row(1, 1, value), Asked("prompt_completion", "conversation"))
    if preview.problem is None:
        (part,) = preview.parts
        assert value["completion"] in "".join(token.text for token in part.tokens)


def test_whole_files_have_the_same_lengths(model: str, shared_data: Path) -> None:
    ours, theirs = Tokenizer.load(Path(model)), AutoTokenizer.from_pretrained(model)
    for name in ("messages_gsm8k_azure.jsonl", "prompt_completion_oasst.csv"):
        examples = read_dataset(shared_data / name, "conversation").examples
        mine, other = (list(encode(examples, one, "answers", 256)) for one in (ours, theirs))
        assert mine == other


def test_settings_of_the_tokenizer_are_kept(model: str, tmp_path: Path) -> None:
    """A begin token that only the config asks for, a template in the config, tokens that only the config names."""
    shutil.copy(Path(model) / "tokenizer.json", tmp_path / "tokenizer.json")
    shutil.copy(Path(model) / "config.json", tmp_path / "config.json")
    config = json.loads((Path(model) / "tokenizer_config.json").read_text(encoding="utf-8"))
    config |= {
        "add_bos_token": True,
        "extra_special_tokens": ["<|my_mark|>"],
        "chat_template": "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}\n{% endfor %}",
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    ours, theirs = Tokenizer.load(tmp_path), AutoTokenizer.from_pretrained(str(tmp_path))
    for text in ("Hello <|my_mark|> there", "", " x", "<|im_end|>"):
        for special in (True, False):
            assert (
                ours(text, add_special_tokens=special)["input_ids"]
                == theirs(text, add_special_tokens=special)["input_ids"]
            )
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert ours.apply_chat_template(turns) == theirs.apply_chat_template(turns, tokenize=False)
    assert ours.all_special_tokens == theirs.all_special_tokens
    assert (ours.eos_token, ours.eos_token_id) == (theirs.eos_token, theirs.eos_token_id)
    assert ours.pad_token_id == theirs.pad_token_id
