"""``token``: the tokens of services, read from a prompt or from standard input, never from the command line."""

from __future__ import annotations

import argparse
import getpass
import json
import sys

from desktop.cli.loop import assembled
from desktop.controllers.secrets import SERVICES, sentence_of
from desktop.errors import ConfigError
from desktop.paths import Home


def set_token(arguments: argparse.Namespace, home: Home) -> int:
    """Keep a token in the keyring; ConfigError where there is none that takes it."""
    with assembled(home) as assembly:
        store = assembly.secrets.store
        kept = store.keep(arguments.service, _read(arguments.service))
        if kept.where != "keyring":
            variable = SERVICES[arguments.service].variables[0]
            raise ConfigError(
                f"The token was not kept. {kept.because}",
                f"Give it to the window, which holds it until it is closed, or set {variable} for one command.",
                code="no_keyring",
            )
        _say(arguments, "keyring", sentence_of(arguments.service, kept))
        return 0


def show(arguments: argparse.Namespace, home: Home) -> int:
    """Say where the token is; never what it is."""
    with assembled(home) as assembly:
        kept = assembly.secrets.store.kept(arguments.service)
        _say(arguments, kept.where if kept else None, sentence_of(arguments.service, kept))
        return 0


def delete(arguments: argparse.Namespace, home: Home) -> int:
    """Take the token out of the keyring."""
    with assembled(home) as assembly:
        was_there = assembly.secrets.store.delete(arguments.service)
        title = SERVICES[arguments.service].title
        sentence = f"Forgot the token for the {title}." if was_there else f"There was no token for the {title}."
        _say(arguments, None, sentence)
        return 0


def _read(service: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"Token for the {SERVICES[service].title} (it is not shown): ")  # type: ignore[index]
    return sys.stdin.readline()


def _say(arguments: argparse.Namespace, where: str | None, sentence: str) -> None:
    print(
        json.dumps({"service": arguments.service, "kept": where, "sentence": sentence}) if arguments.json else sentence
    )
