"""The tests of a row, in the forms that datasets have: statements, test functions, or what goes in and comes out."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trainer_image.jail.run import Program

COLUMNS = ("tests", "test_list", "test_cases", "test", "input_output")
_SETUPS = ("test_imports", "test_setup_code")


def tests_of(fields: Mapping[str, Any]) -> Program | None:
    """Return a row's tests as a program that still lacks its code, or None where it has none that can be read."""
    value = next((fields[name] for name in COLUMNS if fields.get(name)), None)
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    setup = "\n".join(_lines(fields.get(name)) for name in _SETUPS)
    if isinstance(value, str):
        return _from_source(value, setup, str(fields.get("entry_point") or ""))
    if isinstance(value, Mapping):
        return _from_columns(value.get("inputs"), value.get("outputs"), str(value.get("fn_name") or ""))
    if not isinstance(value, Sequence) or not value:
        return None
    if all(isinstance(test, str) for test in value):
        return Program("", setup=setup, tests=tuple(value))
    if all(isinstance(test, Mapping) and "input" in test for test in value):
        return _from_pairs((test["input"], test.get("output", test.get("expected_output"))) for test in value)
    if all(isinstance(test, Sequence) and not isinstance(test, str) and len(test) == 2 for test in value):
        return _from_pairs(value)
    return None


def _from_columns(inputs: Any, outputs: Any, function: str) -> Program | None:
    """Read the form of APPS: two lists of one length, for a whole program or for a function by name."""
    if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
        return None
    pairs = list(zip(inputs, outputs, strict=True))
    if not function:
        return _from_pairs(pairs)
    tests = tuple(f"assert {function}(*{given!r}) == {expected!r}" for given, expected in pairs)
    return Program("", tests=tests) if tests and function.isidentifier() else None


def _from_pairs(pairs: Iterable[Any]) -> Program | None:
    found = tuple((_lines(given), _lines(expected)) for given, expected in pairs)
    return Program("", pairs=found) if found else None


def _lines(value: Any) -> str:
    """Return text as it is and a list as its lines."""
    if isinstance(value, str | None):
        return value or ""
    return "\n".join(str(line) for line in value) if isinstance(value, list) else str(value)


def _from_source(source: str, setup: str, entry_point: str) -> Program | None:
    """Cut a source into its tests, so that each counts; what is no test stands before them."""
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError):
        return None
    tests: list[str] = []
    before = [setup]
    functions = {statement.name: statement for statement in statements if isinstance(statement, ast.FunctionDef)}
    if entry_point.isidentifier() and "check" in functions and len(functions["check"].args.args) == 1:
        # HumanEval's form: check(candidate) with all tests inside, which the row's entry_point is handed to.
        before.append(f"{functions['check'].args.args[0].arg} = {entry_point}")
        statements = [part for part in statements if part is not functions["check"]] + functions["check"].body
    for statement in statements:
        text = ast.unparse(statement)
        if isinstance(statement, ast.FunctionDef):
            before.append(text)
            if statement.name.startswith("test") and not statement.args.args:
                tests.append(f"{statement.name}()")
        elif _is_test(statement, functions):
            tests.append(text)
        else:
            before.append(text)
    return Program("", setup="\n".join(before), tests=tuple(tests)) if tests else None


def _is_test(statement: ast.stmt, functions: Mapping[str, ast.FunctionDef]) -> bool:
    """Say whether a statement checks something: it asserts, or it calls a function that stands beside it."""
    if isinstance(statement, ast.ClassDef | ast.AsyncFunctionDef):
        return False
    for part in ast.walk(statement):
        if isinstance(part, ast.Assert):
            return True
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id in functions:
            return isinstance(statement, ast.Expr)
    return False
