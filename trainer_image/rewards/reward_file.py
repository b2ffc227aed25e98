"""Check the user's own reward file without running it: the desktop says with this what is wrong, and where."""

from __future__ import annotations

import ast
from pathlib import Path

PARAMETERS = {
    "reward": ("completion", "prompt", "answer", "row"),
    "rewards": ("completions", "prompts", "answers", "rows"),
}
_WANTED = "def reward(completion, prompt, answer, row)"


def check_reward_file(path: Path) -> list[str]:
    """Return what is wrong with a reward file, one sentence each; nothing of it is run."""
    try:
        source = path.read_bytes()
    except OSError as error:
        return [f"{path.name} cannot be read ({error.strerror}). Choose a Python file."]
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return [f"Line {error.lineno or 1}: this is no Python ({error.msg}). Mend it."]
    except (ValueError, RecursionError, MemoryError) as error:
        return [f"{path.name} is no Python file ({error})."]
    found = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in PARAMETERS
    ]
    if not found:
        return [f"{path.name} has no function reward. Write {_WANTED}, at the left margin."]
    problems = [problem for node in found for problem in _problems_of(node)]
    first = f"{found[0].name} of line {found[0].lineno}"
    return problems + [
        f"Line {node.lineno}: {node.name} stands beside {first}, and only one can count. Take one out."
        for node in found[1:]
    ]


def _problems_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    wanted, given = PARAMETERS[node.name], node.args
    place = f"Line {node.lineno}: {node.name}"
    if isinstance(node, ast.AsyncFunctionDef):
        return [f"{place} is async. Take the word away."]
    names = [argument.arg for argument in (*given.args, *given.kwonlyargs)]
    problems = []
    missing = [name for name in wanted if name not in names]
    if missing and not given.kwarg:
        problems.append(f"{place} does not take {' and '.join(missing)}. Write def {node.name}({', '.join(wanted)}).")
    for argument in given.posonlyargs:
        problems.append(f"{place} takes {argument.arg} by position only. Take the / away.")
    required = given.args[: len(given.args) - len(given.defaults)]
    required += [argument for argument, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value is None]
    for argument in required:
        if argument.arg not in wanted:
            problems.append(f"{place} asks for {argument.arg}, which nothing gives it. Give it a default.")
    if _yields(node):
        problems.append(f"{place} yields. Return the number instead.")
    elif not any(isinstance(part, ast.Return) and part.value for part in _own_parts(node)):
        problems.append(f"{place} returns nothing. Return a number.")
    return problems


def _yields(node: ast.FunctionDef) -> bool:
    return any(isinstance(part, ast.Yield | ast.YieldFrom) for part in _own_parts(node))


def _own_parts(node: ast.FunctionDef) -> list[ast.AST]:
    """Return what stands in a function, without the functions inside it."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        part = waiting.pop()
        found.append(part)
        if not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(part)
    return found
