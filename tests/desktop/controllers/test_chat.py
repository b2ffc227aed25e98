"""Talking: a body is started for a run, prompts go in, tokens come out, and it goes away again."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.body import Body
from desktop.controllers.chat import ChatState
from desktop.core.run import Run, RunState
from desktop.errors import ConfigError, EngineError
from tests.desktop.controllers.conftest import App
from tests.fakes import START, FakeTrainer
from trainer_image.contract import (
    Answer,
    ChatConfig,
    ChatMessage,
    ChatReady,
    PromptRequest,
    RunConfig,
    RunFolder,
    StopAnswerRequest,
    StopRequest,
    Token,
)


@pytest.fixture
def run(app: App, config: RunConfig) -> Run:
    """A finished run with a checkpoint at step 2 and one at step 4."""
    made = Run("r1", "First", "docker", app.home.runs / "r1", config, START, RunState.FINISHED)
    made.folder.mkdir()
    FakeTrainer(made.files).run(4)
    app.store.save_run(made)
    return made


def speaker(app: App) -> FakeTrainer:
    """Return what stands for the chat's body."""
    (folder,) = app.home.chats.iterdir()
    return FakeTrainer(RunFolder(folder))


def open_chat(app: App, run: Run, qtbot: QtBot, step: int | None = None) -> FakeTrainer:
    app.chat.open(run, step)
    assert app.chat.state is ChatState.OPENING
    qtbot.waitUntil(lambda: any(spec.role == "chat" for spec in app.engine.specs.values()))
    body = speaker(app)
    body.phase("import", 1.0).phase("load", 1.0).say(ChatReady(seconds=2.0))
    qtbot.waitUntil(lambda: app.chat.state is ChatState.READY)
    return body


def answer(prompt_id: str, text: str, who: str = "tuned", *, stopped: bool = False) -> Answer:
    return Answer.model_validate(
        {
            "prompt_id": prompt_id,
            "speaker": who,
            "text": text,
            "tokens": 2,
            "first_token_s": 0.5,
            "tokens_per_s": 20.0,
            "stopped": stopped,
        }
    )


def token(prompt_id: str, text: str, who: str = "tuned") -> Token:
    return Token.model_validate({"prompt_id": prompt_id, "speaker": who, "text": text})


def prompts(body: FakeTrainer) -> list[PromptRequest]:
    return [request for request in body.requests() if isinstance(request, PromptRequest)]


def test_from_opening_to_a_saved_answer(app: App, run: Run, qtbot: QtBot) -> None:
    states: list[str] = []
    phases: list[str] = []
    tokens: list[tuple[str, str, str]] = []
    app.chat.state_changed.connect(states.append)
    app.chat.phase_changed.connect(phases.append)
    app.chat.token_arrived.connect(lambda *token: tokens.append(token))
    body = open_chat(app, run, qtbot)
    assert phases == ["import", "load"]
    assert (app.chat.run_id, app.chat.checkpoint) == ("r1", None)
    chat = ChatConfig.model_validate_json(body.folder.chat.read_bytes())
    assert (chat.model, chat.adapter) == (run.config.model, str(run.folder / "adapter"))

    before = [ChatMessage(role="user", content="Hi"), ChatMessage(role="assistant", content="Ahoy")]
    prompt_id = app.chat.ask("How are you?", history=before, temperature=0.7, max_new_tokens=9)
    assert app.chat.state is ChatState.ANSWERING
    (request,) = prompts(body)
    assert request.prompt_id == prompt_id
    assert [message.content for message in request.messages] == ["Hi", "Ahoy", "How are you?"]
    assert (request.speakers, request.temperature, request.max_new_tokens) == (["tuned"], 0.7, 9)

    with qtbot.waitSignal(app.chat.answered) as answered:
        body.say(token(prompt_id, "A")).say(token(prompt_id, "hoy")).say(answer(prompt_id, "Ahoy"))
    assert tokens == [(prompt_id, "tuned", "A"), (prompt_id, "tuned", "hoy")]
    assert answered.args[0].text == "Ahoy"
    assert states == ["opening", "ready", "answering", "ready"]
    (turn,) = app.store.turns("r1")
    assert (turn.prompt, turn.answer, turn.speaker, turn.checkpoint) == ("How are you?", "Ahoy", "tuned", None)
    assert (turn.first_token_s, turn.tokens_per_s) == (0.5, 20.0)


def test_against_the_base_both_have_to_answer(app: App, run: Run, qtbot: QtBot) -> None:
    body = open_chat(app, run, qtbot)
    prompt_id = app.chat.ask("Hello?", against_base=True)
    assert prompts(body)[0].speakers == ["tuned", "base"]
    with qtbot.waitSignal(app.chat.answered):
        body.say(answer(prompt_id, "Hello.", "base"))
    assert app.chat.state is ChatState.ANSWERING
    with qtbot.waitSignal(app.chat.answered):
        body.say(answer(prompt_id, "Ahoy!"))
    assert app.chat.state is ChatState.READY
    assert [(turn.speaker, turn.answer) for turn in app.store.turns("r1")] == [("base", "Hello."), ("tuned", "Ahoy!")]


def test_stopping_stops_every_answer(app: App, run: Run, qtbot: QtBot) -> None:
    body = open_chat(app, run, qtbot)
    first, second = app.chat.ask("One?"), app.chat.ask("Two?")
    app.chat.stop()
    stops = [request.prompt_id for request in body.requests() if isinstance(request, StopAnswerRequest)]
    assert stops == [first, second]
    with qtbot.waitSignals([app.chat.answered] * 2):
        body.say(answer(first, "On", stopped=True)).say(answer(second, "", stopped=True))
    assert app.chat.state is ChatState.READY
    app.chat.stop()
    assert len(body.requests()) == 4


def test_a_checkpoint_is_talked_to_while_the_run_goes_on(app: App, run: Run, qtbot: QtBot) -> None:
    running = replace(run, state=RunState.RUNNING)
    body = open_chat(app, running, qtbot)
    assert app.chat.checkpoint == 4  # the last one
    chat = ChatConfig.model_validate_json(body.folder.chat.read_bytes())
    assert chat.adapter == str(run.files.checkpoint(4))


def test_a_named_checkpoint(app: App, run: Run, qtbot: QtBot) -> None:
    open_chat(app, run, qtbot, step=2)
    assert app.chat.checkpoint == 2
    with pytest.raises(ConfigError, match="no complete checkpoint at step 3"):
        app.chat.open(run, 3)
    assert app.chat.state is ChatState.READY  # the open one stays


def test_a_run_without_anything_to_talk_to(app: App, run: Run, tmp_path: Path) -> None:
    empty = replace(run, folder=tmp_path, state=RunState.RUNNING)
    with pytest.raises(ConfigError) as caught:
        app.chat.open(empty)
    assert caught.value.code == "no_adapter"
    with pytest.raises(ConfigError, match="No model is loaded"):
        app.chat.ask("Hello?")


def test_opening_the_same_again_changes_nothing(app: App, run: Run, qtbot: QtBot) -> None:
    open_chat(app, run, qtbot)
    app.chat.open(run)
    assert app.chat.state is ChatState.READY
    assert len(app.engine.asked("start")) == 1


def test_opening_another_closes_the_first(app: App, run: Run, qtbot: QtBot) -> None:
    body = open_chat(app, run, qtbot)
    first = body.folder.path.name
    app.chat.open(run, 2)
    qtbot.waitUntil(lambda: not body.folder.path.exists())
    assert (first, "kill") in app.engine.asked("signal")
    qtbot.waitUntil(lambda: len(app.engine.specs) == 2)
    speaker(app).say(ChatReady(seconds=1.0))
    qtbot.waitUntil(lambda: app.chat.state is ChatState.READY)


def test_closing_ends_the_body_and_takes_its_folder(app: App, run: Run, qtbot: QtBot) -> None:
    body = open_chat(app, run, qtbot)
    app.chat.close()
    app.chat.close()
    assert app.chat.state is ChatState.CLOSED
    assert app.chat.run_id is None
    qtbot.waitUntil(lambda: not body.folder.path.exists())
    assert app.engine.bodies == {}


def test_a_chat_that_the_engine_cannot_end_is_asked_to_go(app: App, run: Run, qtbot: QtBot) -> None:
    body = open_chat(app, run, qtbot)
    app.engine.refusals["signal"] = EngineError("No Docker engine answers.")
    app.chat.close()
    assert isinstance(body.requests()[-1], StopRequest)


def test_closing_the_app_ends_the_chat(app: App, run: Run, qtbot: QtBot) -> None:
    body = open_chat(app, run, qtbot)
    app.close()
    assert app.engine.bodies == {}
    assert not body.folder.path.exists()


def test_a_body_that_goes_away_is_noticed(app: App, run: Run, qtbot: QtBot) -> None:
    open_chat(app, run, qtbot)
    app.chat.ask("Hello?")
    app.engine.bodies.clear()
    qtbot.waitUntil(lambda: app.chat.state is ChatState.FAILED)
    assert app.chat.failure is not None
    assert "went away" in app.chat.failure.sentence
    assert not app.chat.is_open
    with pytest.raises(ConfigError):
        app.chat.ask("Still there?")
    open_chat(app, run, qtbot)
    assert app.chat.failure is None


def test_an_engine_that_is_silent_for_a_while_ends_no_chat(app: App, run: Run, qtbot: QtBot) -> None:
    body = open_chat(app, run, qtbot)
    app.engine.refusals["find"] = EngineError("No Docker engine answers.")
    asked = len(app.engine.asked("find"))
    qtbot.waitUntil(lambda: len(app.engine.asked("find")) > asked + 2)
    prompt_id = app.chat.ask("Hello?")
    with qtbot.waitSignal(app.chat.answered):
        body.say(answer(prompt_id, "Ahoy"))


def test_a_failure_brings_its_sentence_and_the_logs_tail(app: App, run: Run, qtbot: QtBot) -> None:
    app.chat.open(run)
    qtbot.waitUntil(lambda: bool(app.engine.specs))
    body = speaker(app)
    body.print("loading\nCUDA out of memory\n").fail("out_of_memory")
    qtbot.waitUntil(lambda: app.chat.state is ChatState.FAILED)
    failure = app.chat.failure
    assert failure is not None
    assert (failure.code, failure.sentence, failure.hint) == (
        "out_of_memory",
        "The memory is full.",
        "Lower Rows at once.",
    )
    assert app.chat.log_tail.endswith("CUDA out of memory")
    qtbot.waitUntil(lambda: not body.folder.path.exists())


def test_a_body_that_says_why_it_goes_is_heard(app: App, run: Run, qtbot: QtBot) -> None:
    body = open_chat(app, run, qtbot)
    app.chat._polling.stop()
    body.fail("out_of_memory")
    app.engine.bodies.clear()
    qtbot.waitUntil(lambda: app.chat.state is ChatState.FAILED)
    assert app.chat.failure is not None
    assert app.chat.failure.code == "out_of_memory"


@pytest.mark.parametrize("where", ["build", "start"])
def test_a_chat_that_cannot_start(app: App, run: Run, qtbot: QtBot, where: str) -> None:
    error = EngineError("The disk is full.", "Free some.", "disk_full")
    if where == "build":
        app.builders["docker"].ready, app.builders["docker"].error = False, error
    else:
        app.engine.refusals["start"] = error
    app.chat.open(run)
    qtbot.waitUntil(lambda: app.chat.state is ChatState.FAILED)
    assert app.chat.failure is not None
    assert app.chat.failure.code == "disk_full"


def test_closing_while_it_opens_starts_nothing(app: App, run: Run, qtbot: QtBot) -> None:
    builder = app.builders["docker"]
    builder.ready = False
    builder.gate.clear()
    app.chat.open(run)
    app.chat.close()
    builder.gate.set()
    qtbot.waitUntil(lambda: not app.setup.is_building("docker"))
    assert app.engine.asked("start") == []
    assert app.chat.state is ChatState.CLOSED


def test_closing_from_within_an_answer_stays_closed(app: App, run: Run, qtbot: QtBot) -> None:
    """A listener closes the chat at a token; the answer behind it in the same poll must not open it again."""
    body = open_chat(app, run, qtbot)
    prompt_id = app.chat.ask("Hello?")
    app.chat._polling.stop()
    app.chat.token_arrived.connect(lambda *_: app.chat.close())
    body.say(token(prompt_id, "A")).say(answer(prompt_id, "Ahoy"))
    app.chat._poll()
    assert app.chat.state is ChatState.CLOSED


def test_what_a_dead_app_left_behind_is_cleared_away(app: App, qtbot: QtBot) -> None:
    dead, own = "chat-999999999-abcd", f"chat-{os.getpid()}-abcd"
    for id in (dead, own, "chat", "chat-x-y", "notes"):
        (app.home.chats / id).mkdir()
        app.engine.bodies[id] = Body("running", handle=id)
    app.chat.clear_leftovers()
    qtbot.waitUntil(lambda: dead not in app.engine.bodies)
    assert sorted(path.name for path in app.home.chats.iterdir()) == sorted([own, "chat", "chat-x-y", "notes"])
    assert app.engine.asked("signal") == [(dead, "kill")]


def test_hints_reach_the_listener(app: App, run: Run, qtbot: QtBot) -> None:
    body = open_chat(app, run, qtbot)
    with qtbot.waitSignal(app.chat.warned) as warned:
        body.warn("The conversation is too long.")
    assert warned.args == ["The conversation is too long.", "Raise Longest row."]


def test_the_settings_of_the_run_reach_the_chat(
    app: App, run: Run, qtbot: QtBot, make_config: Callable[..., RunConfig]
) -> None:
    config = make_config(model="org/name", model_revision="v2", load_in_4bit=True, max_length=4096, offline=True)
    body = open_chat(app, replace(run, config=config), qtbot)
    chat = ChatConfig.model_validate_json(body.folder.chat.read_bytes())
    assert (chat.model, chat.model_revision, chat.load_in_4bit) == ("org/name", "v2", True)
    assert (chat.max_length, chat.offline) == (4096, True)
    (spec,) = app.engine.specs.values()
    assert not spec.network
