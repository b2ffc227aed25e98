"""Chat templates by name: what they write, and that every answer ends where an answer stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from desktop.engine.chat_template import ChatTemplate
from desktop.engine.tokenizing import Tokenizer
from tests.desktop.engine.test_model_check import write_model
from trainer_image.chat_templates import OWN, TEMPLATES
from trainer_image.contract import RunConfig, check_config
from trainer_image.formats import Example, Message
from trainer_image.rendering import Rendered, render

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
    "plain": "<s>Be brief.\n\nUser: One?\n\nAssistant: 1.</s>\n\nUser: Two?\n\nAssistant: 2.</s>\n\n",
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
