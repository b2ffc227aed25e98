"""Talking with what came out: a chat body is started for one run, prompts go in, tokens come out."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Literal

import psutil
from PySide6.QtCore import QObject, QTimer, Signal

from desktop.body import GONE, Body, EngineName
from desktop.controllers.jobs import Jobs
from desktop.controllers.setup import NeededModel, Setup
from desktop.core import folders
from desktop.core.run import Failure, Run
from desktop.core.run_log import RunLog, tail_of_log
from desktop.core.store import Store, Turn
from desktop.engine.launch import Machine, plan_chat
from desktop.engine.verbs import Engine
from desktop.errors import AppError, ConfigError
from desktop.paths import Home
from trainer_image.contract import (
    Answer,
    ChatConfig,
    ChatMessage,
    ChatReady,
    Event,
    Failed,
    Phase,
    PromptRequest,
    Request,
    RunFolder,
    StopAnswerRequest,
    StopRequest,
    Token,
    UnknownLine,
    Warned,
)

POLL_MS = 30
LOOK_MS = 1000


class ChatState(StrEnum):
    """Where the chat is."""

    CLOSED = "closed"
    OPENING = "opening"
    READY = "ready"
    ANSWERING = "answering"
    FAILED = "failed"


@dataclass
class _Session:
    """One open chat body."""

    id: str
    run: Run
    step: int | None
    files: RunFolder
    log: RunLog
    started: bool = False
    is_looking: bool = False


class Chat(QObject):
    """One chat at a time, with a run's adapter or one of its checkpoints."""

    state_changed = Signal(str)
    """A ChatState."""
    phase_changed = Signal(str)
    """What the opening chat is doing."""
    token_arrived = Signal(str, str, str)
    """Prompt id, speaker (tuned or base) and text."""
    answered = Signal(object)
    """An Answer: one speaker has ended."""
    warned = Signal(str, str)
    """A sentence and a hint."""

    def __init__(
        self,
        home: Home,
        store: Store,
        engines: Mapping[EngineName, Engine],
        machine: Machine,
        setup: Setup,
        jobs: Jobs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._home = home
        self._store = store
        self._engines = engines
        self._machine = machine
        self._setup = setup
        self._jobs = jobs
        self._session: _Session | None = None
        self._waiting: dict[str, tuple[str, set[str]]] = {}
        """Prompts that are being answered: the prompt's text, and who has not answered yet."""
        self.state = ChatState.CLOSED
        self.failure: Failure | None = None
        self.log_tail = ""
        self._polling = QTimer(self, interval=POLL_MS)
        self._polling.timeout.connect(self._poll)
        self._looking = QTimer(self, interval=LOOK_MS)
        self._looking.timeout.connect(self._look)

    @property
    def run_id(self) -> str | None:
        """The run whose model is being talked to."""
        return self._session.run.id if self._session else None

    @property
    def checkpoint(self) -> int | None:
        """The step of the checkpoint that is loaded, or None for the finished adapter."""
        return self._session.step if self._session else None

    def clear_leftovers(self) -> None:
        """End the chats that an app which is no more left behind: nobody can read them any longer."""
        for engine in self._engines.values():
            self._jobs.run("engine", partial(_end_orphans, engine), failed=lambda _: None)
        for folder in self._home.chats.iterdir():
            if _is_orphan(folder.name):
                shutil.rmtree(folder, ignore_errors=True)

    def open(self, run: Run, step: int | None = None) -> None:
        """Load the adapter of ``run``, or its checkpoint at ``step``; an unfinished run's last one."""
        adapter, step = _adapter_of(run, step)
        if self._session and (self._session.run.id, self._session.step) == (run.id, step) and self.is_open:
            return
        self.close()
        chat_id = f"chat-{os.getpid()}-{secrets.token_hex(4)}"
        files = RunFolder(self._home.chats / chat_id)
        chat = ChatConfig(
            model=run.config.model,
            model_revision=run.config.model_revision,
            adapter=str(adapter),
            load_in_4bit=run.config.load_in_4bit,
            max_length=max(2048, run.config.max_length),
            offline=run.config.offline,
        )
        files.path.mkdir(parents=True)
        files.chat.write_text(chat.model_dump_json(indent=2) + "\n")
        session = self._session = _Session(chat_id, run, step, files, RunLog(files.events))
        self.failure, self.log_tail = None, ""
        self._set_state(ChatState.OPENING)
        self._setup.ensure(
            run.engine, lambda: self._bring_model(session, chat), lambda error: self._fail(session, error)
        )

    def _bring_model(self, session: _Session, chat: ChatConfig) -> None:
        """Fetch a model of the Hub that has left the cache since: no container is to need a token."""
        self._setup.bring_model(
            NeededModel(chat.model, chat.model_revision, chat.load_in_4bit, chat.offline),
            lambda is_fetched: self._start_body(session, chat, is_fetched=is_fetched),
            lambda error: self._fail(session, error),
            is_wanted=lambda: session is self._session,
        )

    @property
    def is_open(self) -> bool:
        return self.state in (ChatState.OPENING, ChatState.READY, ChatState.ANSWERING)

    def ask(
        self,
        text: str,
        *,
        against_base: bool = False,
        history: list[ChatMessage] | None = None,
        temperature: float = 0.0,
        max_new_tokens: int = 512,
        speakers: list[Literal["tuned", "base"]] | None = None,
    ) -> str:
        """Send a prompt, with what was said before it, and return its id; the answers come as signals.

        ``speakers`` names who answers where that is not the tuned model, alone or ``against_base``: once the two
        have given different answers, each of them has a history of its own.
        """
        if self._session is None or self.state not in (ChatState.READY, ChatState.ANSWERING):
            raise ConfigError("No model is loaded to talk to.", "Open a run in the chat first.")
        prompt_id = secrets.token_hex(4)
        request = PromptRequest(
            prompt_id=prompt_id,
            messages=[*(history or []), ChatMessage(role="user", content=text)],
            speakers=speakers or (["tuned", "base"] if against_base else ["tuned"]),
            temperature=temperature,
            max_new_tokens=max_new_tokens,
        )
        self._waiting[prompt_id] = (text, set(request.speakers))
        self._send(request)
        self._set_state(ChatState.ANSWERING)
        return prompt_id

    def stop(self) -> None:
        """Stop every answer within a token."""
        for prompt_id in self._waiting:
            self._send(StopAnswerRequest(prompt_id=prompt_id))

    def close(self) -> None:
        """End the chat body; a second call does nothing."""
        session = self._session
        if session is None:
            return
        self._session = None
        self._polling.stop()
        self._looking.stop()
        self._waiting.clear()
        folders.append_request(session.files, StopRequest())
        engine = self._engines[session.run.engine]

        def end() -> None:
            engine.signal(session.id, "kill")
            engine.remove(session.id)
            shutil.rmtree(session.files.path, ignore_errors=True)

        self._jobs.run("engine", end, failed=lambda _: None)
        self._set_state(ChatState.CLOSED)

    def _start_body(self, session: _Session, chat: ChatConfig, *, is_fetched: bool) -> None:
        if session is not self._session:
            return
        engine = self._engines[session.run.engine]
        offline = self._setup.is_offline()
        spec = plan_chat(chat, session.id, session.files.path, self._machine, offline=offline, is_fetched=is_fetched)

        def started(_: str) -> None:
            session.started = True

        self._jobs.run("engine", lambda: engine.start(spec), started, lambda error: self._fail(session, error))
        self._polling.start()
        self._looking.start()

    def _send(self, request: Request) -> None:
        if self._session is not None:
            folders.append_request(self._session.files, request)

    def _poll(self) -> None:
        session = self._session
        if session is None:
            return
        for event in session.log.poll():
            if session is self._session:  # a listener may have closed it, or opened another
                self._take(session, event)

    def _take(self, session: _Session, event: Event | UnknownLine) -> None:
        match event:
            case Phase(seconds=None):
                self.phase_changed.emit(event.name)
            case ChatReady():
                self._set_state(ChatState.READY)
            case Token():
                self.token_arrived.emit(event.prompt_id, event.speaker, event.text)
            case Answer():
                self._take_answer(session, event)
            case Warned():
                self.warned.emit(event.sentence, event.hint)
            case Failed():
                self._fail(session, AppError(event.sentence, event.hint, event.code))
            case _:
                pass

    def _take_answer(self, session: _Session, answer: Answer) -> None:
        prompt, missing = self._waiting.get(answer.prompt_id, ("", set()))
        missing.discard(answer.speaker)
        self._store.add_turn(
            Turn(
                run_id=session.run.id,
                checkpoint=session.step,
                speaker=answer.speaker,
                prompt=prompt,
                answer=answer.text,
                first_token_s=answer.first_token_s,
                tokens_per_s=answer.tokens_per_s,
                asked=datetime.now(UTC),
            )
        )
        if not missing:
            self._waiting.pop(answer.prompt_id, None)
        if not self._waiting:
            self._set_state(ChatState.READY)
        self.answered.emit(answer)

    def _look(self) -> None:
        """Notice a body that went away without a word."""
        session = self._session
        if session is None or not session.started or session.is_looking:
            return
        session.is_looking = True
        engine = self._engines[session.run.engine]
        self._jobs.run(
            "engine",
            lambda: engine.find().get(session.id, GONE),
            lambda body: self._take_body(session, body),
            lambda _: self._take_body(session, Body("running")),  # an engine that does not answer says nothing
        )

    def _take_body(self, session: _Session, body: Body) -> None:
        session.is_looking = False
        if session is not self._session or body.state == "running":
            return
        self._poll()
        if session is self._session and self.is_open:
            self._fail(
                session,
                AppError("The chat went away.", "It leaves when nobody asks for half an hour. Open it again."),
            )

    def _fail(self, session: _Session, error: AppError) -> None:
        if session is not self._session:
            return
        self.log_tail = tail_of_log(session.files.log)
        self.failure = Failure(error.code or "failed", error.sentence, error.hint)
        self.close()
        self._set_state(ChatState.FAILED)

    def _set_state(self, state: ChatState) -> None:
        if state is not self.state:
            self.state = state
            self.state_changed.emit(state.value)


def _adapter_of(run: Run, step: int | None) -> tuple[Path, int | None]:
    if run.no_chat_because:
        raise ConfigError(run.no_chat_because, code="no_adapter")
    if step is None and run.adapter is not None:
        return run.adapter, None
    checkpoints = run.files.complete_checkpoints()
    for number, folder in reversed(checkpoints):
        if step is None or number == step:
            return folder, number
    if step is not None:
        raise ConfigError(f"{run.name} has no complete checkpoint at step {step}.", "`tunedeck runs show` lists them.")
    raise ConfigError(
        f"{run.name} has nothing to talk to yet.",
        "Wait for its first checkpoint, or for its end.",
        code="no_adapter",
    )


def _is_orphan(id: str) -> bool:
    """Say whether the app that opened this chat, whose process number is in the id, is gone."""
    words = id.split("-")
    return words[0] == "chat" and len(words) == 3 and words[1].isdigit() and not psutil.pid_exists(int(words[1]))


def _end_orphans(engine: Engine) -> None:
    for id, body in engine.find().items():
        if _is_orphan(id):
            if body.state == "running":
                engine.signal(id, "kill")
            engine.remove(id)
