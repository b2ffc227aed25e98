"""The process inside the walls: it runs an answer, or the tests of one, or nothing but the walls."""

from __future__ import annotations

import builtins
import importlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from types import CodeType, ModuleType
from typing import Any

from trainer_image.jail import walls
from trainer_image.jail.talk import VERBS, Peer

NO_WALLS = 97


def main() -> None:
    """Read the job from the descriptor that the command line names, build the walls, do it."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        job = json.loads(file.read())
    # Numbers of any length may be compared; the time limit is the limit.
    sys.set_int_max_str_digits(0)
    try:
        standing = walls.build(job["memory_bytes"], job["seconds"], job["parent"])
    except walls.NoWallsError as error:
        print(error, flush=True)
        sys.exit(NO_WALLS)
    sys.argv[:] = [""]
    if job["role"] == "script":
        _load(job["code"], "__main__")
    elif job["role"] == "answer":
        _serve(job["code"], job["reading"], job["writing"])
    elif job["role"] == "tests":
        _test(job["setup"], job["tests"], job["reading"], job["writing"], job["verdict"])
    else:
        print("\n".join(standing))


def _load(code: str, name: str) -> ModuleType:
    """Run the code as a module of its own."""
    module = sys.modules[name] = ModuleType(name)
    exec(compile(code, "<answer>", "exec"), module.__dict__)
    return module


# The side of the answer


def _serve(code: str, reading: int, writing: int) -> None:
    module = None

    def load() -> list[list[Any]]:
        nonlocal module
        module = _load(code, "answer")
        return list(_offers(module))

    peer = Peer(reading, writing, {**VERBS, "load": load, "take": lambda name: getattr(module, name)}, for_tests=False)
    peer.answer_until_the_end()


def _offers(module: ModuleType) -> Iterator[list[Any]]:
    """Yield the names that tests may use, and what they stand for."""
    for name, value in vars(module).items():
        if name.startswith("_"):
            continue
        if isinstance(value, ModuleType):
            yield [name, "module", value.__name__]
        elif isinstance(value, type) and issubclass(value, Exception):
            yield [name, "exception", [kind.__name__ for kind in value.__mro__]]
        else:
            yield [name, "value", None]


# The side of the tests


def _test(setup: str, tests: list[str], reading: int, writing: int, verdict: int) -> None:
    with os.fdopen(verdict, "w", encoding="utf-8") as out:

        def tell(**said: Any) -> None:
            out.write(json.dumps(said) + "\n")
            out.flush()

        peer = Peer(reading, writing, {"call": VERBS["call"]}, for_tests=True)
        try:
            offers = peer.ask("load")
        except Exception as error:
            tell(problem=f"The code did not load: {_in_words(error)}.")
            return
        names: dict[str, Any] = {"__name__": "tests"}
        names |= _bind(peer, offers, _names_in([setup, *tests]))
        try:
            exec(compile(setup, "<setup>", "exec"), names)
        except BaseException as error:
            tell(problem=f"What stands before the tests failed: {_in_words(error)}.")
            return
        for number, test in enumerate(tests, 1):
            try:
                exec(compile(test, "<test>", "exec"), names)
            except AssertionError:
                tell(problem=f"Test {number} failed: {_short(test)}")
            except BaseException as error:
                tell(problem=f"Test {number} ended with {_in_words(error)}: {_short(test)}")
            else:
                tell(passed=number)


def _bind(peer: Peer, offers: list[list[Any]], used: set[str]) -> dict[str, Any]:
    """Return what the names of the answer are in the tests.

    A name that Python has too (abs, all, sum) is the answer's only where the tests use nothing else of it: an answer
    that brings its own abs would pass every test that allows a tolerance.
    """
    own = {name for name, _, _ in offers} & used
    if any(name not in vars(builtins) for name in own):
        own -= set(vars(builtins))
    bound: dict[str, Any] = {}
    for name, kind, detail in offers:
        if name not in own:
            continue
        if kind == "module":
            # An answer's module is the real one of that name, or none.
            if detail.split(".")[0] in sys.stdlib_module_names:
                bound[name] = importlib.import_module(detail)
        elif kind == "exception":
            bound[name] = peer.exceptions[name] = _exception_class(detail)
        else:
            bound[name] = peer.ask("take", name)
    return bound


def _exception_class(names: list[str]) -> type[Exception]:
    known = (getattr(builtins, name, None) for name in names)
    parent = next((kind for kind in known if isinstance(kind, type) and issubclass(kind, Exception)), Exception)
    return type(names[0], (parent,), {})


def _names_in(sources: Iterable[str]) -> set[str]:
    """Return every name that the sources mention; one that cannot be compiled mentions none."""
    found: set[str] = set()
    for source in sources:
        try:
            waiting = [compile(source, "<test>", "exec")]
        except (SyntaxError, ValueError):
            continue
        while waiting:
            code = waiting.pop()
            found |= set(code.co_names)
            waiting += [part for part in code.co_consts if isinstance(part, CodeType)]
    return found


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300].rstrip(".: ")


def _short(test: str) -> str:
    lines = test.strip().splitlines() or [""]
    return lines[0][:200] + (" ..." if len(lines) > 1 else "")
