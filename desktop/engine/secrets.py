"""Secrets: in the keyring of the operating system, or in memory until the app ends.

A token goes from here to huggingface_hub in this process, as an argument, and nowhere else. What a run needs of a
gated model the app fetches itself, before the start, into the caches. No container and no process of the trainer ever
gets a token: there model repositories and reward files bring code of their own, and what is not there cannot be shown
by `docker inspect`, by a list of processes, or by a run folder.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import keyring
from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend

from desktop.errors import ConfigError
from trainer_image.log.redaction import remember

Service = Literal["hub"]
Where = Literal["keyring", "session", "environment"]
T = TypeVar("T")


@dataclass(frozen=True)
class ServiceFacts:
    """What is to be known of a service that asks for a token."""

    title: str
    variables: tuple[str, ...]
    """Variables by which other programs are given the token; the first that is set is taken for this session."""


SERVICES: Mapping[Service, ServiceFacts] = {
    "hub": ServiceFacts("Hugging Face Hub", ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACEHUB_API_TOKEN")),
}
KEYRING_NAME = "Tunedeck"
ANSWER_S = 60.0
"""A locked keyring asks the user for its password, and on a machine without a screen it waits for ever."""
LONGEST = 512


@dataclass(frozen=True)
class Kept:
    """Where a token is, and in one sentence why it is not in the keyring."""

    where: Where
    because: str = ""


class SecretStore:
    """The tokens of this app. Any thread may ask; a keyring may take its time to answer."""

    def __init__(self, environment: MutableMapping[str, str] | None = None) -> None:
        self._lock = threading.RLock()
        self._session: dict[Service, str] = {}
        self._from_environment: dict[Service, str] = {}
        self._from_keyring: dict[Service, str | None] = {}
        """What the keyring has said, so that it asks for its password once at most."""
        self._take_from(os.environ if environment is None else environment)

    def _take_from(self, environment: MutableMapping[str, str]) -> None:
        """Take tokens out of the environment: whatever this process starts would inherit them."""
        for service, facts in SERVICES.items():
            found = [value for name in facts.variables if (value := environment.pop(name, "").strip())]
            for value in found:
                remember(value)
            if found:
                self._from_environment[service] = found[0]

    def token(self, service: Service) -> str | None:
        """Return the token: what was given in this session, else the keyring's, else the environment's."""
        with self._lock:
            if service in self._session:
                return self._session[service]
            return self._ask_keyring(service) or self._from_environment.get(service)

    def kept(self, service: Service) -> Kept | None:
        """Say where the token is, or None where there is none."""
        with self._lock:
            if service in self._session:
                return Kept("session", why_no_keyring() or "The keyring did not take it.")
            if self._ask_keyring(service):
                return Kept("keyring")
            if service in self._from_environment:
                return Kept("environment", f"It was set as {SERVICES[service].variables[0]} when Tunedeck started.")
            return None

    def keep(self, service: Service, value: str) -> Kept:
        """Keep a token, in the keyring if there is one that takes it, else until the app ends."""
        value = checked(value)
        with self._lock:
            remember(value)
            because = why_no_keyring()
            if not because:
                because = _trying(lambda: keyring.set_password(KEYRING_NAME, service, value))[1]
            if because:
                self._session[service] = value
                return Kept("session", because)
            self._from_keyring[service] = value
            self._session.pop(service, None)
            return Kept("keyring")

    def delete(self, service: Service) -> bool:
        """Forget the token wherever it is; say whether there was one. ConfigError where the keyring keeps it."""
        with self._lock:
            kept = self.kept(service)
            in_keyring = self._ask_keyring(service) is not None
            self._session.pop(service, None)
            self._from_environment.pop(service, None)
            if in_keyring:
                because = _trying(lambda: keyring.delete_password(KEYRING_NAME, service))[1]
                if because:
                    raise ConfigError("The keyring did not give the token up.", because, code="keyring_refused")
                self._from_keyring[service] = None
            return kept is not None

    def _ask_keyring(self, service: Service) -> str | None:
        if service not in self._from_keyring:
            if why_no_keyring():
                return None
            value, because = _trying(lambda: keyring.get_password(KEYRING_NAME, service))
            if because:
                return None  # it may be unlocked later
            self._from_keyring[service] = value
            if value:
                remember(value)
        return self._from_keyring[service]


def checked(value: str) -> str:
    """Return a token without the blanks around it; ConfigError where it can be none."""
    value = value.strip()
    if not value:
        raise ConfigError("The token is empty.", "Copy it from the page where it was made, and try again.", "bad_token")
    if len(value) > LONGEST or not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigError(
            "This is not a token: a token is one word of letters, digits and a few signs.",
            "Copy it again from the page where it was made.",
            "bad_token",
        )
    return value


def why_no_keyring() -> str:
    """Say in one sentence why nothing can be kept in a keyring here; nothing where it can."""
    backend, because = _trying(keyring.get_keyring)
    if because:
        return because
    return "" if _is_safe(backend) else "This computer has no keyring that Tunedeck can use."


def _is_safe(backend: Any) -> bool:
    """Say whether a backend keeps secrets at all, and not as a readable file."""
    if isinstance(backend, ChainerBackend):
        return bool(backend.backends) and _is_safe(backend.backends[0])  # the one that takes what is new
    if not isinstance(backend, KeyringBackend):
        return False
    module = type(backend).__module__
    return not module.startswith(("keyring.backends.fail", "keyring.backends.null", "keyrings.alt."))


def _trying(ask: Callable[[], T]) -> tuple[T | None, str]:
    """Return the keyring's answer, or in one sentence why there is none."""
    answers: list[T] = []
    troubles: list[str] = []

    def call() -> None:
        try:
            answers.append(ask())
        # A backend is somebody else's plug-in, and raises what it likes: D-Bus errors, its own, bare ones.
        except Exception as error:
            troubles.append(f"The keyring cannot be used ({type(error).__name__}).")

    # A thread of its own: one that waits for ever must not keep the app from ending.
    asking = threading.Thread(target=call, daemon=True, name="keyring")
    asking.start()
    asking.join(ANSWER_S)
    if answers:
        return answers[0], ""
    return None, troubles[0] if troubles else "The keyring is locked and did not answer."
