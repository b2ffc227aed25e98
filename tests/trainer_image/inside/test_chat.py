"""A chat with a tuned model: both speakers, token by token, stopped when asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainer_image.chat import Stream
from trainer_image.chat_templates import TEMPLATES
from trainer_image.contract import (
    ChatMessage,
    PromptRequest,
    RunFolder,
    StopAnswerRequest,
    StopRequest,
    Token,
    read_event,
)
from trainer_image.reporter import Reporter


def _prompt(name: str, text: str, **more: Any) -> PromptRequest:
    return PromptRequest(prompt_id=name, messages=[ChatMessage(role="user", content=text)], **more)


def _answers(run: Any, name: str) -> dict[str, Any]:
    return {event.speaker: event for event in run.events("answer") if event.prompt_id == name}


@pytest.fixture
def open_chat(new_run: Any, model: str) -> Any:
    def start(adapter: str, **more: Any) -> Any:
        chat = new_run("chat")
        chat.folder.chat.write_text(json.dumps({"model": model, "adapter": adapter, "offline": True, **more}))
        return chat.start(module="trainer_image.chat")

    return start


def test_both_speakers_answer_and_stop(new_run: Any, open_chat: Any, tmp_path: Path) -> None:
    rows = tmp_path / "parrot.jsonl"
    rows.write_text('{"prompt": "Who are you?", "completion": "A parrot, a parrot!"}\n' * 8)
    run = new_run(dataset=str(rows), max_steps=25, learning_rate=2e-3).train()
    chat = open_chat(str(run.folder.adapter), max_length=512)
    chat.ask(_prompt("both", "Who are you?", speakers=["tuned", "base"], max_new_tokens=24))
    chat.ask(_prompt("long", "Tell me a story.", speakers=["base"], max_new_tokens=450))
    chat.wait_for(lambda events: any(event.kind == "token" and event.prompt_id == "long" for event in events))
    chat.ask(StopAnswerRequest(prompt_id="long"))
    chat.ask(_prompt("too_long", "word " * 600))
    chat.ask(_prompt("same", "Who are you?", temperature=1.0, seed=5, max_new_tokens=8))
    chat.ask(_prompt("again", "Who are you?", temperature=1.0, seed=5, max_new_tokens=8))
    chat.wait_for(lambda events: any(event.kind == "answer" and event.prompt_id == "again" for event in events))
    chat.ask(StopRequest())
    assert chat.wait() == 0

    both = _answers(chat, "both")
    assert both["tuned"].text == "A parrot, a parrot!"
    assert "parrot" not in both["base"].text
    assert both["tuned"].cut == ""
    assert both["base"].cut == ("length" if both["base"].tokens == 24 else "")
    for speaker, answer in both.items():
        told = [e.text for e in chat.events("token") if (e.prompt_id, e.speaker) == ("both", speaker)]
        assert "".join(told) == answer.text
        assert len(told) > 1
        assert not answer.stopped
    long = _answers(chat, "long")["base"]
    assert long.stopped
    assert 0 < long.tokens < 450
    assert _answers(chat, "too_long")["tuned"].stopped
    assert [event.code for event in chat.events("warning")] == ["conversation_too_long"]
    assert _answers(chat, "same")["tuned"].text == _answers(chat, "again")["tuned"].text
    assert [event.name for event in chat.events("phase") if event.seconds] == ["import", "load"]


def test_a_base_model_learns_a_named_template_and_answers_in_it(
    new_run: Any, open_chat: Any, model: str, tmp_path: Path
) -> None:
    base, rows = tmp_path / "base", tmp_path / "parrot.jsonl"
    base.mkdir()
    for file in Path(model).iterdir():
        if file.name != "chat_template.jinja":
            (base / file.name).symlink_to(file)
    rows.write_text('{"prompt": "Who are you?", "completion": "A parrot, a parrot!"}\n' * 8)
    knobs = {"model": str(base), "dataset": str(rows), "chat_template": "alpaca"}
    run = new_run(**knobs, max_steps=25, learning_rate=2e-3).train()
    assert (run.folder.adapter / "chat_template.jinja").read_text("utf-8") == TEMPLATES["alpaca"]
    without = new_run("without", **knobs | {"chat_template": "own"}, max_steps=1).train()
    warned = [[event.code for event in one.events("warning")] for one in (run, without)]
    assert warned == [[], ["no_chat_template"]]
    chat = open_chat(str(run.folder.adapter), model=str(base), max_length=512)
    chat.ask(_prompt("asked", "Who are you?", max_new_tokens=24))
    chat.wait_for(lambda events: any(event.kind == "answer" for event in events))
    chat.ask(StopRequest())
    assert chat.wait() == 0
    assert _answers(chat, "asked")["tuned"].text == "A parrot, a parrot!"


def test_a_chat_nobody_speaks_to_goes_away(new_run: Any, open_chat: Any) -> None:
    run = new_run(max_steps=2, save_steps=1).train()
    chat = open_chat(str(run.folder.checkpoint(1)), idle_seconds=0.2)
    assert chat.wait() == 0
    assert chat.events()[-1].checkpoint == "checkpoint-1"


def test_a_missing_adapter_is_said(open_chat: Any) -> None:
    chat = open_chat("/nowhere/adapter")
    assert chat.wait() == 1
    assert (chat.events()[-1].code, "/nowhere/adapter" in chat.events()[-1].sentence) == ("no_checkpoint", True)


def test_no_letter_is_broken_in_two(tokenizer: Any, tmp_path: Path) -> None:
    import torch

    text = "Zürich 🦊🏳️‍🌈 ほげ\n" * 3
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    reporter = Reporter(RunFolder(tmp_path))
    stream = Stream(reporter, tokenizer, "1", "base")
    stream.put(torch.tensor([[1, 2, 3]]))
    for token in ids:
        stream._told_at = 0.0
        stream.put(torch.tensor([token]))
    stream.end()
    events = [read_event(line) for line in reporter.folder.events.read_bytes().splitlines()]
    pieces = [event.text for event in events if isinstance(event, Token)]
    assert "".join(pieces) == stream.text == text
    assert not any("\ufffd" in piece for piece in pieces)
    assert len(pieces) > 10
