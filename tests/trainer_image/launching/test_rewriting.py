"""Unsloth rewrites the trainers of TRL that a run builds, and no others."""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop.paths import PROJECT
from trainer_image.contract import CHAINS, METHODS
from trainer_image.launching.rewriting import COMPILED, REWRITER, TRAINERS, import_unsloth, rewrite_only

METHOD_FILES = PROJECT / "trainer_image" / "methods"
LIKE_UNSLOTH = """
_TRL_EXPERIMENTAL_TRAINERS = ("cpo", "gkd", "orpo")
DONE = []
def _patch_trl_rl_trainers(trainer_file="grpo_trainer"):
    DONE.append(trainer_file)
def everything():
    for name in ("dpo", "grpo", "sft", *_TRL_EXPERIMENTAL_TRAINERS):
        _patch_trl_rl_trainers(f"{name}_trainer")
"""
MADE_OTHERWISE = "DONE = []\ndef everything():\n    DONE.append('all')\n"


@pytest.fixture
def unsloth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of a package that looks like Unsloth from here."""
    file = tmp_path / "unsloth" / "models" / "rl.py"
    file.parent.mkdir(parents=True)
    for folder in (file.parent, file.parent.parent):
        (folder / "__init__.py").touch()
    finders, had = sys.meta_path.copy(), set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield file
    sys.meta_path[:] = finders
    for name in set(sys.modules) - had:
        if name.partition(".")[0] == "unsloth":
            del sys.modules[name]


@pytest.mark.parametrize(
    ("wanted", "done"),
    [
        (("sft",), ["sft_trainer"]),
        (("dpo", "cpo"), ["dpo_trainer", "cpo_trainer"]),
        ((), []),
    ],
)
def test_only_those_are_rewritten_that_are_wanted(unsloth: Path, wanted: tuple[str, ...], done: list[str]) -> None:
    unsloth.write_text(LIKE_UNSLOTH)
    finders = sys.meta_path.copy()
    rewrite_only(wanted)
    module = importlib.import_module(REWRITER)
    module.everything()
    assert done == module.DONE
    assert sys.meta_path == finders, "nothing stays behind in the way of later imports"


def test_an_unsloth_that_is_made_otherwise_does_as_it_would(unsloth: Path) -> None:
    unsloth.write_text(MADE_OTHERWISE)
    rewrite_only(("sft",))
    module = importlib.import_module(REWRITER)
    module.everything()
    assert module.DONE == ["all"]


def test_it_is_too_late_once_unsloth_is_there(unsloth: Path) -> None:
    unsloth.write_text(LIKE_UNSLOTH)
    importlib.import_module(REWRITER)
    finders = sys.meta_path.copy()
    rewrite_only(("sft",))
    assert sys.meta_path == finders


def imported_in(node: ast.AST) -> set[str]:
    """Return the trainers of TRL that are imported somewhere in a piece of code, as TRL names their files."""
    found = [inner for inner in ast.walk(node) if isinstance(inner, ast.ImportFrom) and inner.module]
    names = [alias.name for one in found if str(one.module).startswith("trl") for alias in one.names]
    return {name.removesuffix("Trainer").lower() for name in names if name.endswith("Trainer")}


def built_by(method: str) -> set[str]:
    """Return the trainers that a method's file builds, itself or by a function that it borrows from another's."""
    tree = ast.parse((METHOD_FILES / f"{method}.py").read_text("utf-8"))
    found = imported_in(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        other = METHOD_FILES / f"{node.value.id}.py"
        if other.is_file() and node.attr == "stages":
            found |= built_by(other.stem)
        elif other.is_file():
            functions = ast.parse(other.read_text("utf-8")).body
            borrowed = [one for one in functions if isinstance(one, ast.FunctionDef) and one.name == node.attr]
            found |= {name for one in borrowed for name in imported_in(one)}
    return found


def test_each_method_names_the_trainers_that_its_file_builds() -> None:
    assert set(TRAINERS) == set(METHODS) - set(CHAINS)
    assert {method: set(trainers) for method, trainers in TRAINERS.items()} == {
        method: built_by(method) for method in TRAINERS
    }


def test_what_inductor_compiles_is_kept_where_the_run_said(unsloth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMPILED, "/caches/inductor")
    (unsloth.parent.parent / "__init__.py").write_text(f"import os\nos.environ.pop({COMPILED!r}, None)\n")
    import_unsloth(("sft",))
    assert os.environ[COMPILED] == "/caches/inductor"


def test_nowhere_is_said_where_the_run_said_nothing(unsloth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(COMPILED, raising=False)
    import_unsloth(("sft",))
    assert COMPILED not in os.environ
