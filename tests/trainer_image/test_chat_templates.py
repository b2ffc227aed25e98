"""Chat templates by name: what they write, and that every answer ends where an answer stops."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest

from desktop.engine.chat_template import ChatTemplate
from desktop.engine.tokenizing import Tokenizer
from tests.desktop.engine.test_model_check import write_model
from trainer_image.chat_templates import OWN, TEMPLATES, untrained_marks
from trainer_image.contract import RunConfig, RunFolder, check_config
from trainer_image.data.rendering import Rendered, render
from trainer_image.errors import TrainerError
from trainer_image.formats import Example, Message, RowProblem
from trainer_image.methods import sft
from trainer_image.model import classifiers, loading
from trainer_image.reporter import Reporter
from trainer_image.training import telling

WORDS = {"bos_token": "<s>", "eos_token": "</s>"}
TURNS = (("system", "Be brief."), ("user", "One?"), ("assistant", "1."), ("user", "Two?"), ("assistant", "2."))
WRITTEN = {
    "chatml": (
        "<s><|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant\n1.</s>\n"
        "<|im_start|>user\nTwo?<|im_end|>\n<|im_start|>assistant\n2.</s>\n"
    ),
    "llama3": (
        "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nOne?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n1.</s>"
        "<|start_header_id|>user<|end_header_id|>\n\nTwo?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n2.</s>"
    ),
    "gemma": (
        "<s><start_of_turn>user\nBe brief.\n\nOne?<end_of_turn>\n<start_of_turn>model\n1.</s>\n"
        "<start_of_turn>user\nTwo?<end_of_turn>\n<start_of_turn>model\n2.</s>\n"
    ),
    "mistral": "<s>[INST] Be brief.\n\nOne? [/INST]1.</s>[INST] Two? [/INST]2.</s>",
    "alpaca": (
        "<s>Be brief.\n\n### Instruction:\nOne?\n\n### Response:\n1.</s>\n\n"
        "### Instruction:\nTwo?\n\n### Response:\n2.</s>\n\n"
    ),
    "plain": ("<s>Be brief.\n\nUser:\nOne?\n\nAssistant:\n1.</s>\n\nUser:\nTwo?\n\nAssistant:\n2.</s>\n\n"),
}


def turns(count: int = len(TURNS)) -> list[dict[str, Any]]:
    return [{"role": role, "content": content} for role, content in TURNS[:count]]


def test_the_knob_offers_each_of_them() -> None:
    assert get_args(RunConfig.model_fields["chat_template"].annotation) == (OWN, *TEMPLATES)
    config, _ = check_config({"model": "m", "dataset": "d"})
    assert config is not None
    assert config.chat_template == OWN
    assert check_config({"model": "m", "dataset": "d", "method": "pretrain", "chat_template": "chatml"})[0] is None


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_conversation_is_written_in_the_known_form(name: str) -> None:
    assert ChatTemplate(TEMPLATES[name]).write(turns(), None, False, WORDS) == WRITTEN[name]


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_asks_for_an_answer_stands_before_it(name: str) -> None:
    template = ChatTemplate(TEMPLATES[name])
    for count in (2, 4):
        asked = template.write(turns(count), None, True, WORDS)
        assert WRITTEN[name].startswith(f"{asked}{TURNS[count][1]}</s>")


@pytest.mark.parametrize("name", TEMPLATES)
def test_answers_are_learned_with_their_end_and_nothing_else(name: str, tmp_path: Path) -> None:
    write_model(tmp_path, template=False)
    tokenizer = Tokenizer.load(tmp_path).with_template(TEMPLATES[name])
    messages = tuple(Message(role=role, content=content) for role, content in TURNS)  # type: ignore[arg-type]
    rendered = render(Example(1, 1, messages=messages), tokenizer, "answers")
    assert isinstance(rendered, Rendered)
    learned = [rendered.text[start:end] for start, end in rendered.spans]
    assert learned == [f"1.{tokenizer.eos_token}", f"2.{tokenizer.eos_token}"]


@pytest.mark.parametrize(
    ("name", "mark"), [("chatml", "<|im_end|>"), ("llama3", "<|eot_id|>"), ("gemma", "<end_of_turn>")]
)
def test_without_an_end_token_an_answer_ends_as_the_format_has_it(name: str, mark: str) -> None:
    written = ChatTemplate(TEMPLATES[name]).write(turns(), None, False, {"bos_token": "<s>"})
    assert written == WRITTEN[name].replace("</s>", mark)


@pytest.mark.parametrize("name", ["gemma", "mistral"])
@pytest.mark.parametrize(
    ("roles", "why"),
    [
        ("system assistant", "an answer stands right behind instructions"),
        ("user assistant system assistant", "an answer stands right behind instructions"),
        ("user assistant system", "instructions stand last"),
    ],
)
def test_instructions_that_have_no_place_are_told_and_not_dropped(
    name: str, roles: str, why: str, tmp_path: Path
) -> None:
    write_model(tmp_path, template=False)
    tokenizer = Tokenizer.load(tmp_path).with_template(TEMPLATES[name])
    messages = tuple(Message(role=role, content=f"It is {role}.") for role in roles.split())  # type: ignore[arg-type]
    problem = render(Example(1, 1, messages=messages), tokenizer, "answers")
    assert isinstance(problem, RowProblem)
    assert problem.kind == "template"
    assert why in problem.sentence


ADDED = {"<|im_start|>": 0, "<|im_end|>": 1, "<|eot_id|>": 2, " ": 3}
ROWS = np.array([[0.0, 0.0], [0.0, 1e-3], [0.0, -1e-20], [0.0, 0.0]])


def test_marks_that_were_never_learned_are_found() -> None:
    assert untrained_marks(TEMPLATES["chatml"], ADDED, lambda number: ROWS[number].tolist()) == ["<|im_start|>"]
    assert untrained_marks(TEMPLATES["llama3"], ADDED, lambda number: ROWS[number].tolist()) == ["<|eot_id|>"]
    assert untrained_marks(TEMPLATES["plain"], ADDED, lambda number: ROWS[number].tolist()) == []
    assert untrained_marks(TEMPLATES["llama3"], {}, lambda number: ROWS[number].tolist()) == []


class Words:
    """A tokenizer with room for marks; one of them has no row in the model."""

    pad_token_id = 0
    chat_template: str | None = None

    def get_added_vocab(self) -> dict[str, int]:
        return {**ADDED, "<|start_header_id|>": 4}


def load_of(method: str) -> Callable[[RunConfig], tuple[Any, Any]]:
    return loading.load_trainable if method == "sft" else lambda config: classifiers.load_trainable(config, "reward")


@pytest.mark.parametrize("method", ["sft", "reward"])
def test_a_template_whose_marks_the_base_model_never_learned_is_refused(
    method: str, make_config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    text_config = SimpleNamespace(pad_token_id=None)
    model = SimpleNamespace(
        get_input_embeddings=lambda: SimpleNamespace(weight=ROWS),
        config=SimpleNamespace(get_text_config=lambda: text_config),
        requires_grad_=lambda _: None,
        named_modules=lambda: [],
    )
    # Where Unsloth and transformers begin, which are not here.
    monkeypatch.setattr(loading, "load_base", lambda *_: (model, Words()))
    monkeypatch.setattr(loading, "add_adapter", lambda *_: "adapter")
    monkeypatch.setattr(classifiers, "load_model", lambda *_, **__: model)
    monkeypatch.setattr(classifiers, "load_tokenizer", lambda *_: Words())
    monkeypatch.setattr(classifiers, "add_adapter", lambda *_: "adapter")
    load = load_of(method)
    for name, marks, others in (
        ("chatml", "<|im_start|>", "alpaca or plain"),
        ("llama3", "<|eot_id|>", "alpaca, plain or chatml"),
    ):
        with pytest.raises(TrainerError) as caught:
            load(make_config(method=method, chat_template=name))
        assert caught.value.code == "bad_config"
        assert caught.value.sentence == f"This base model has never learned {marks}."
        assert caught.value.hint == f"Choose the chat template {others}."
    assert load(make_config(method=method, chat_template="plain"))[0] == "adapter"
    # Whoever trains all weights teaches it the marks, too.
    assert load(make_config(method=method, chat_template="llama3", full_finetuning=True))[0] is model


@pytest.mark.parametrize(
    ("line", "is_joined"),
    [('{"prompt": "a", "completion": "b"}', True), ('{"text": "a b"}', False)],
)
def test_only_conversations_are_said_to_be_joined(
    line: str, is_joined: bool, make_config: Callable[..., RunConfig], tmp_path: Path
) -> None:
    write_model(tmp_path / "base", template=False)
    (tmp_path / "rows.jsonl").write_text(f"{line}\n" * 4)
    tokenizer, folder = Tokenizer.load(tmp_path / "base"), RunFolder(tmp_path / "run")
    prepared = sft.prepare(make_config(dataset=str(tmp_path / "rows.jsonl")), tokenizer)
    folder.path.mkdir()
    reporter = Reporter(folder)
    for one in (tokenizer, tokenizer.with_template(TEMPLATES["alpaca"])):
        telling.warn_of_joined_turns(reporter, one, prepared)
    reporter.close()
    codes = [json.loads(told)["code"] for told in folder.events.read_text("utf-8").splitlines()]
    assert codes == (["no_chat_template"] if is_joined else [])
