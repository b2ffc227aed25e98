"""Where tokens are kept, and what happens where no keyring takes them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringLocked, PasswordDeleteError

from desktop.engine import secrets
from desktop.engine.secrets import Kept, SecretStore, why_no_keyring
from desktop.errors import ConfigError

TOKEN = "hf_" + "k" * 34


class MemoryKeyring(KeyringBackend):
    """A keyring that works."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.kept:
            raise PasswordDeleteError("not there")
        del self.kept[service, username]


class LockedKeyring(MemoryKeyring):
    """Raises what a keyring raises whose owner does not unlock it."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("dismissed")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked("dismissed")


class BrokenKeyring(MemoryKeyring):
    """Raises errors of its own, as D-Bus does."""

    def get_password(self, service: str, username: str) -> str | None:
        raise ZeroDivisionError

    def set_password(self, service: str, username: str, password: str) -> None:
        raise ZeroDivisionError


@pytest.fixture
def use() -> Iterator[object]:
    """Put a keyring in the place of this computer's."""
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


@pytest.fixture
def working(use: object) -> MemoryKeyring:
    made = MemoryKeyring()
    keyring.set_keyring(made)
    return made


def test_a_token_from_its_keeping_to_its_end(working: MemoryKeyring) -> None:
    store = SecretStore({})
    assert (store.token("hub"), store.kept("hub")) == (None, None)
    assert store.keep("hub", f" {TOKEN}\n") == Kept("keyring")
    assert working.kept == {("Tunedeck", "hub"): TOKEN}
    assert SecretStore({}).token("hub") == TOKEN
    assert SecretStore({}).kept("hub") == Kept("keyring")
    assert store.delete("hub")
    assert working.kept == {}
    assert not store.delete("hub")
    assert store.token("hub") is None


def test_the_keyring_is_asked_once(working: MemoryKeyring) -> None:
    working.set_password("Tunedeck", "hub", TOKEN)
    store = SecretStore({})
    assert [store.token("hub") for _ in range(3)] == [TOKEN] * 3
    assert working.asked == 1


@pytest.mark.parametrize("backend", [fail.Keyring, null.Keyring, LockedKeyring, BrokenKeyring])
def test_without_a_keyring_the_token_is_held_for_the_session_and_that_is_said(
    use: object, backend: type[KeyringBackend]
) -> None:
    keyring.set_keyring(backend())
    store = SecretStore({})
    assert store.token("hub") is None
    kept = store.keep("hub", TOKEN)
    assert kept.where == "session"
    assert kept.because.endswith(".")
    assert store.token("hub") == TOKEN
    shown = store.kept("hub")
    assert shown is not None
    assert (shown.where, bool(shown.because)) == ("session", True)
    assert SecretStore({}).token("hub") is None
    assert store.delete("hub")
    assert store.token("hub") is None


def test_a_keyring_that_never_answers_is_not_waited_for(use: object, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(MemoryKeyring):
        def set_password(self, service: str, username: str, password: str) -> None:
            waiting.wait()

    waiting = secrets.threading.Event()
    keyring.set_keyring(Silent())
    monkeypatch.setattr(secrets, "ANSWER_S", 0.05)
    kept = SecretStore({}).keep("hub", TOKEN)
    waiting.set()
    assert kept == Kept("session", "The keyring is locked and did not answer.")


def test_a_plain_file_is_no_keyring(use: object) -> None:
    kind = type("PlaintextKeyring", (MemoryKeyring,), {"__module__": "keyrings.alt.file"})
    keyring.set_keyring(kind())
    assert "no keyring" in why_no_keyring()
    assert SecretStore({}).keep("hub", TOKEN).where == "session"


def test_the_environment_is_taken_over_and_emptied(use: object, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring.set_keyring(fail.Keyring())
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", "hf_another")
    store = SecretStore()
    assert not {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"} & set(os.environ)
    assert store.token("hub") == TOKEN
    kept = store.kept("hub")
    assert kept is not None
    assert (kept.where, "HF_TOKEN" in kept.because) == ("environment", True)


def test_what_the_user_gives_outdoes_the_environment(working: MemoryKeyring) -> None:
    store = SecretStore({"HF_TOKEN": "hf_of_the_environment"})
    store.keep("hub", TOKEN)
    assert store.token("hub") == TOKEN


@pytest.mark.parametrize("value", ["", "  ", "two words", "hf_\x07bell", "hf_ümlaut", "x" * 513])
def test_what_is_no_token_is_refused_without_saying_it(working: MemoryKeyring, value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        SecretStore({}).keep("hub", value)
    assert not value.strip() or value not in str(refused.value)
    assert working.kept == {}


def test_a_keyring_that_keeps_what_it_should_forget_is_said(use: object) -> None:
    class Stubborn(MemoryKeyring):
        def delete_password(self, service: str, username: str) -> None:
            raise PasswordDeleteError("no")

    backend = Stubborn()
    keyring.set_keyring(backend)
    store = SecretStore({})
    store.keep("hub", TOKEN)
    with pytest.raises(ConfigError, match="did not give the token up"):
        store.delete("hub")
