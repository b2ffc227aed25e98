"""Unsloth is imported: of TRL's trainers only those that a run builds are rewritten, and what is compiled is kept.

Unsloth writes its own version of every trainer of TRL, with all of their sources read and compiled: a third of its
imports. A run builds one of them, and a chat none. What Unsloth writes of that one stays the same to the byte.
It also forgets where Inductor is to leave what it compiles, which would be compiled anew by every container then.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from trainer_image.contract import Method

TRAINERS: Mapping[Method, tuple[str, ...]] = {
    "sft": ("sft",),
    "pretrain": ("sft",),
    "star": ("sft",),
    "dpo": ("dpo", "cpo"),
    "orpo": ("orpo",),
    "kto": ("kto",),
    "reward": ("reward",),
    "rloo": ("rloo",),
    "grpo": ("grpo",),
    "prm": (),
}
"""The trainers of TRL that a method builds, as TRL names their files."""

COMPILED = "TORCHINDUCTOR_CACHE_DIR"
REWRITER = "unsloth.models.rl"
REWRITE, EXPERIMENTAL = "_patch_trl_rl_trainers", "_TRL_EXPERIMENTAL_TRAINERS"


def import_unsloth(trainers: Sequence[str]) -> None:
    """Import Unsloth, with these trainers of TRL rewritten and no others; torch, transformers and trl come after it."""
    kept = os.environ.get(COMPILED)
    rewrite_only(trainers)
    # Named in words: the launcher knows of this module, and never imports Unsloth.
    importlib.import_module("unsloth")
    if kept is not None:
        os.environ[COMPILED] = kept


def rewrite_only(trainers: Sequence[str]) -> None:
    """Have the coming import of Unsloth leave the other trainers as they are; without effect once it is imported."""
    if REWRITER not in sys.modules:
        sys.meta_path.insert(0, _Once(trainers))


class _Once(MetaPathFinder):
    """Sees the module that rewrites being imported, and is gone then."""

    def __init__(self, trainers: Sequence[str]) -> None:
        self._trainers = trainers

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != REWRITER:
            return None
        sys.meta_path.remove(self)
        found = PathFinder.find_spec(name, path, target)
        if found is not None and found.loader is not None:
            loader: Any = found.loader
            execute = loader.exec_module

            def execute_and_narrow(module: ModuleType) -> None:
                execute(module)
                narrow(module, self._trainers)

            loader.exec_module = execute_and_narrow
        return found


def narrow(module: Any, trainers: Sequence[str]) -> None:
    """Let the module rewrite these trainers only; one that is made otherwise than the pinned one is left as it is."""
    rewrite, experimental = getattr(module, REWRITE, None), getattr(module, EXPERIMENTAL, None)
    if not callable(rewrite) or not isinstance(experimental, tuple):
        return
    wanted = {f"{name}_trainer" for name in trainers}

    def rewrite_if_wanted(trainer_file: str = "grpo_trainer") -> Any:
        return rewrite(trainer_file) if trainer_file in wanted else None

    setattr(module, REWRITE, rewrite_if_wanted)
    setattr(module, EXPERIMENTAL, tuple(name for name in experimental if name in trainers))
