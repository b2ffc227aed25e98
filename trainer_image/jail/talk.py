"""Tests and answer talk as two processes: plain values cross over, objects stay where they are and are asked.

So the code under test never meets the expected value, and what it returns is compared where it has no hand in it.
"""

from __future__ import annotations

import builtins
import json
import operator
import os
from collections.abc import Callable, Mapping
from typing import Any

# What one side may ask of an object of the other.
VERBS: Mapping[str, Callable[..., Any]] = {
    "call": lambda called, *arguments, **named: called(*arguments, **named),
    "getattr": getattr,
    "setattr": setattr,
    "getitem": operator.getitem,
    "setitem": operator.setitem,
    "delitem": operator.delitem,
    "isinstance": lambda kind, value: isinstance(value, kind),
    **{name: getattr(builtins, name) for name in ("len", "iter", "next", "str", "repr", "bool", "hash")},
    **{name: getattr(operator, name) for name in ("eq", "lt", "le", "gt", "ge", "add", "sub", "mul", "neg")},
}

_ENDED = "the code ended before its tests did"


class Remote:
    """An object of the other side; what is done with it is done there."""

    def __init__(self, peer: Peer, number: int) -> None:
        object.__setattr__(self, "_peer", peer)
        object.__setattr__(self, "_number", number)

    def __getattr__(self, name: str) -> Any:
        return self._peer.ask("getattr", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._peer.ask("setattr", self, name, value)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._peer.ask("call", self, *arguments, **named)

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, Remote) and self._peer.ask("isinstance", self, value) is True

    def __eq__(self, other: object) -> Any:
        # An object never equals a plain value: its own idea of equality would make every test pass.
        return isinstance(other, Remote) and self._peer.ask("eq", self, other) is True


def _forward(verb: str) -> Callable[..., Any]:
    return lambda self, *arguments: self._peer.ask(verb, self, *arguments)


def _forward_to_objects(verb: str) -> Callable[..., Any]:
    """Return an operator that is asked of two objects; with a plain value the object could answer as it likes."""

    def apply(self: Remote, *others: Any) -> Any:
        if all(isinstance(other, Remote) for other in others):
            return self._peer.ask(verb, self, *others)
        return NotImplemented

    return apply


for _verb in ("getitem", "setitem", "delitem", "len", "iter", "next", "str", "repr", "bool", "hash"):
    setattr(Remote, f"__{_verb}__", _forward(_verb))
for _verb in ("lt", "le", "gt", "ge", "add", "sub", "mul", "neg"):
    setattr(Remote, f"__{_verb}__", _forward_to_objects(_verb))


class Peer:
    """One end of the talk: asks the other side, and answers it while it waits."""

    def __init__(self, reading: int, writing: int, verbs: Mapping[str, Callable[..., Any]], for_tests: bool) -> None:
        self._reader = os.fdopen(reading, "rb")
        self._writer = os.fdopen(writing, "wb")
        self._verbs = verbs
        self._for_tests = for_tests
        self._held: dict[int, Any] = {}
        self.exceptions: dict[str, type[Exception]] = {}

    def ask(self, verb: str, *arguments: Any, **named: Any) -> Any:
        """Have the other side do something with its objects, and return or raise what came of it."""
        packed = {name: self._pack(value) for name, value in named.items()}
        self._send(["ask", verb, [self._pack(value) for value in arguments], packed])
        while (message := self._receive())[0] == "ask":
            self._answer(message)
        if message[0] == "error":
            raise self._exception(message[1], message[2])
        for argument, changed in zip(arguments, message[2], strict=True):
            _take_over(argument, None if changed is None else self._unpack(changed))
        return self._unpack(message[1])

    def answer_until_the_end(self) -> None:
        """Answer the other side until it hangs up."""
        while (message := self._receive(may_end=True)) is not None:
            self._answer(message)

    def _answer(self, message: list[Any]) -> None:
        try:
            arguments = [self._unpack(value) for value in message[2]]
            named = {name: self._unpack(value) for name, value in message[3].items()}
            value = self._pack(self._verbs[message[1]](*arguments, **named))
            changed = [self._pack(given) if type(given) in (list, dict, set) else None for given in arguments]
            self._send(["value", value, changed])
        except BaseException as error:
            self._send(["error", [kind.__name__ for kind in type(error).__mro__], str(error)[:2000]])

    def _send(self, message: list[Any]) -> None:
        try:
            self._writer.write(json.dumps(message).encode() + b"\n")
            self._writer.flush()
        except BrokenPipeError:
            raise EOFError(_ENDED) from None

    def _receive(self, may_end: bool = False) -> Any:
        line = self._reader.readline()
        if not line and not may_end:
            raise EOFError(_ENDED)
        return json.loads(line) if line else None

    def _pack(self, value: Any) -> Any:
        """Return a value as JSON; what is no plain value is held here, and its number goes over."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return float(value)
        if isinstance(value, str):
            return "".join(value)
        for name in ("list", "tuple", "set", "frozenset"):
            if isinstance(value, getattr(builtins, name)):
                return [name, [self._pack(part) for part in value]]
        if isinstance(value, dict):
            return ["dict", [[self._pack(key), self._pack(part)] for key, part in value.items()]]
        if isinstance(value, bytes | bytearray):
            return ["bytes", value.hex()]
        if isinstance(value, complex):
            return ["complex", [value.real, value.imag]]
        if type(value) is Remote:
            return ["yours", value._number]
        if self._for_tests and (name := getattr(value, "__name__", "")) and getattr(builtins, name, None) is value:
            return ["builtin", name]
        self._held[id(value)] = value
        return ["mine", id(value)]

    def _unpack(self, packed: Any) -> Any:
        if not isinstance(packed, list):
            return packed
        kind, content = packed
        if kind in ("list", "tuple", "set", "frozenset"):
            return getattr(builtins, kind)(self._unpack(part) for part in content)
        if kind == "dict":
            return {self._unpack(key): self._unpack(part) for key, part in content}
        if kind == "bytes":
            return bytes.fromhex(content)
        if kind == "complex":
            return complex(*content)
        if kind == "mine":
            return Remote(self, content)
        if kind == "yours":
            return self._held[content]
        # Only the tests may name a builtin: for the code that would be a way to run things over there.
        if kind == "builtin" and not self._for_tests:
            return getattr(builtins, content)
        raise ValueError(f"{kind} is nothing that can be sent")

    def _exception(self, names: list[str], text: str) -> Exception:
        """Return the error of the other side as the nearest one that is known here."""
        for name in names:
            kind = self.exceptions.get(name) or getattr(builtins, name, None)
            if isinstance(kind, type) and issubclass(kind, Exception) and kind is not Exception:
                # UnicodeError's own wants five arguments.
                return ValueError(text) if issubclass(kind, UnicodeError) else kind(text)
        return RuntimeError(f"{names[0]}: {text}")


def _take_over(argument: Any, changed: Any) -> None:
    """Make a list, dict or set that was passed what the call has made of it."""
    if type(argument) is not type(changed):
        return
    if isinstance(argument, list):
        argument[:] = changed
    elif isinstance(argument, dict | set):
        argument.clear()
        argument.update(changed)
