"""The tokens as a living object: kept, forgotten and looked for off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from desktop.controllers.jobs import Jobs
from desktop.engine.secrets import SERVICES, Kept, SecretStore, Service
from desktop.errors import AppError

__all__ = ["SERVICES", "Kept", "Secrets", "Service", "TokenState", "sentence_of"]


@dataclass(frozen=True)
class TokenState:
    """What is known of one token: ``kept`` is None where there is none."""

    service: Service
    kept: Kept | None
    sentence: str


class Secrets(QObject):
    """The tokens of this app; their values leave it only by ``store.token``, on a lane of the jobs."""

    changed = Signal(object)
    """A TokenState."""

    def __init__(self, store: SecretStore, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.store = store
        self._jobs = jobs

    def look(self, service: Service) -> None:
        """Ask where the token is; the answer comes as ``changed``."""
        self._jobs.run("pool", lambda: self.store.kept(service), lambda kept: self._tell(service, kept))

    def keep(self, service: Service, value: str, failed: Callable[[AppError], None]) -> None:
        """Keep a token; where it went comes as ``changed``."""
        self._jobs.run("pool", lambda: self.store.keep(service, value), lambda kept: self._tell(service, kept), failed)

    def delete(self, service: Service, failed: Callable[[AppError], None]) -> None:
        """Forget a token; that it is gone comes as ``changed``."""
        self._jobs.run("pool", lambda: self.store.delete(service), lambda _: self._tell(service, None), failed)

    def _tell(self, service: Service, kept: Kept | None) -> None:
        self.changed.emit(TokenState(service, kept, sentence_of(service, kept)))


def sentence_of(service: Service, kept: Kept | None) -> str:
    """Say where a token is, in one sentence."""
    title = SERVICES[service].title
    if kept is None:
        return f"There is no token for the {title}."
    if kept.where == "keyring":
        return f"The token for the {title} is in the keyring of this computer."
    if kept.where == "environment":
        return f"The token for the {title} is used for this session only. {kept.because}"
    return f"The token for the {title} is held for this session only. {kept.because}"
