"""Finished models on their way to the Hub, each in a process that can be ended at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal

from desktop.controllers.downloads import Pace
from desktop.controllers.jobs import Jobs
from desktop.core.model_card import base_name, model_card
from desktop.core.passport import Passport
from desktop.core.run import Run
from desktop.engine.hub_push import HOW_TO_GET_A_TOKEN, REPO_MARK, Pushed, Sent, model_files, repository_name
from desktop.errors import AppError, ConfigError
from desktop.workers import Worker, WorkerLost

State = Literal["running", "done", "failed", "stopped"]


@dataclass(frozen=True)
class Push:
    """The model of one run on its way, in bytes."""

    run_id: str
    repo: str
    is_private: bool
    state: State = "running"
    done_bytes: int = 0
    total_bytes: int | None = None
    bytes_per_s: float | None = None
    error: AppError | None = None
    address: str = ""
    """Where it is, once it is there."""
    keeps_card: bool = False
    """The repository had a card already, which was left as it is."""

    @property
    def is_live(self) -> bool:
        return self.state == "running"

    @property
    def seconds_left(self) -> float | None:
        """Return how long it will take at this speed; None while nobody knows."""
        if self.total_bytes is None or not self.bytes_per_s:
            return None
        return max(0, self.total_bytes - self.done_bytes) / self.bytes_per_s


@dataclass
class _Going:
    """What belongs to a push that is under way."""

    worker: Worker
    folder: Path
    card: str
    base: str
    is_stopped: bool = False
    pace: Pace = field(default_factory=Pace)


class Pushes(QObject):
    """Starts and stops pushes, one a run; whoever shows one looks at ``get`` when ``changed`` comes."""

    changed = Signal(str)
    """The id of a run."""

    def __init__(
        self,
        jobs: Jobs,
        token: Callable[[], str | None],
        endpoint: str | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._token = token
        self._endpoint = endpoint
        self._known: dict[str, Push] = {}
        self._going: dict[str, _Going] = {}

    def get(self, run_id: str) -> Push | None:
        """Return the latest push of a run in this session."""
        return self._known.get(run_id)

    def start(self, run: Run, passport: Passport, repo: str, *, is_private: bool) -> None:
        """Begin to push the model of a run; ConfigError where it has none or the name is none."""
        if run.id in self._going:
            raise ConfigError(f"{run.name} is on its way to the Hub already.", "Wait, or stop it first.", "busy")
        folder = pushable(run)
        name = repository_name(repo)
        model_files(folder)
        going = _Going(Worker(), folder, model_card(run, passport, REPO_MARK), base_name(run.config.model))
        self._going[run.id] = going
        push = Push(run.id, name, is_private)
        self._set(push)
        self._jobs.run(
            "data",
            lambda: self._work(going, push),
            lambda pushed: self._done(going, run.id, pushed),
            lambda error: self._fail(going, run.id, error),
        )

    def stop(self, run_id: str) -> None:
        """Stop at once; what was sent is not in the repository, for the commit comes last."""
        if (going := self._going.get(run_id)) is not None:
            going.is_stopped = True
            going.worker.close()

    def stop_all(self) -> None:
        """Stop whatever is under way."""
        for run_id in list(self._going):
            self.stop(run_id)

    def close(self) -> None:
        """End whatever is under way, for good."""
        self.stop_all()

    def _work(self, going: _Going, push: Push) -> Pushed:
        try:
            token = self._token()
            if not token:
                raise ConfigError(
                    "Pushing to the Hub needs a token, and there is none.", HOW_TO_GET_A_TOKEN, "no_token"
                )
            task = ("desktop.engine.hub_push:push", going.folder, push.repo, going.card, going.base, push.is_private)
            said = going.worker.stream(*task, token, self._endpoint)
            while True:
                try:
                    sent = next(said)
                except StopIteration as end:
                    pushed: Pushed = end.value
                    return pushed
                self._jobs.call_soon(partial(self._take, going, push.run_id, sent))
        except ValueError as error:  # its pipe was closed while it was read
            raise WorkerLost from error
        finally:
            going.worker.close()

    def _take(self, going: _Going, run_id: str, sent: Sent) -> None:
        if self._going.get(run_id) is going and not going.is_stopped:
            speed = going.pace.speed(sent.done_bytes)
            known = replace(self._known[run_id], done_bytes=sent.done_bytes, total_bytes=sent.total_bytes)
            self._set(replace(known, bytes_per_s=speed))

    def _done(self, going: _Going, run_id: str, pushed: Pushed) -> None:
        del self._going[run_id]
        known = replace(self._known[run_id], repo=pushed.repo, is_private=pushed.is_private, state="done")
        known = replace(known, address=pushed.address, keeps_card=pushed.keeps_card, bytes_per_s=None)
        self._set(replace(known, done_bytes=known.total_bytes or known.done_bytes))

    def _fail(self, going: _Going, run_id: str, error: AppError) -> None:
        del self._going[run_id]
        known = replace(self._known[run_id], bytes_per_s=None)
        if going.is_stopped:
            self._set(replace(known, state="stopped"))
            return
        lost = isinstance(error, WorkerLost)
        said = AppError("The process that sent the model has ended early.", "Push it again.", "push") if lost else error
        self._set(replace(known, state="failed", error=said))

    def _set(self, push: Push) -> None:
        self._known[push.run_id] = push
        self.changed.emit(push.run_id)


def pushable(run: Run) -> Path:
    """Return the folder of a run's finished model; ConfigError where it has none."""
    folder = run.adapter
    if run.config.find_learning_rate:
        sentence, hint = f"{run.name} looked for a learning rate and kept no model.", "Push a run that trained one."
    elif folder is None:
        sentence, hint = f"{run.name} has no finished model: it is {run.state}.", "Push it once it has finished."
    elif not folder.is_dir():
        sentence, hint = f"The model of {run.name} is not where it was.", "Put its folder back, then push again."
    else:
        return folder
    raise ConfigError(sentence, hint, "no_adapter")
