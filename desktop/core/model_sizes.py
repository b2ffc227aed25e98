"""How large a model is: from its folder, its config.json, a GGUF file, the Hub's cache, or the list of known models."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desktop.core.gguf_sizes import read_gguf_config
from desktop.core.models import held_in_four_bits, known_model, needed_repository
from trainer_image.contract import RunConfig
from trainer_image.model.facts import ModelFacts, model_facts


@dataclass(frozen=True)
class Sizes:
    """What is known of a model's sizes; without ``facts``, ``why_not`` says what is missing and what to do."""

    model: str
    facts: ModelFacts | None = None
    why_not: str = ""


def find_run_sizes(config: RunConfig, caches: Sequence[Path] = (), weight_bytes: int | None = None) -> Sizes:
    """Look up the sizes of what a run loads: in 4 bits that is Unsloth's copy, unless the model itself is here."""
    four_bit = config.load_in_4bit and not config.full_finetuning
    needed = needed_repository(config.model, four_bit=four_bit, revision=config.model_revision)
    if needed != config.model and not any(_has_weights(folder) for folder in _copies(config.model, None, caches)):
        found = find_sizes(needed, None, caches, weight_bytes)
        if found.facts is not None:
            return found
    return find_sizes(config.model, config.model_revision, caches, weight_bytes if needed == config.model else None)


def find_sizes(
    model: str, revision: str | None = None, caches: Sequence[Path] = (), weight_bytes: int | None = None
) -> Sizes:
    """Look the sizes up on this machine; nothing is fetched. It reads files: not for the thread of the window.

    ``weight_bytes`` is the size of its files on the Hub, which counts where the files themselves are not here.
    """
    word = model.strip()
    if not word:
        return Sizes(model, why_not="Choose a model first.")
    path = Path(word).expanduser()
    if path.suffix.lower() == ".gguf":
        return _of_gguf(model, path)
    if path.suffix.lower() == ".json":
        return _of_values(model, _read(path), f"{path} cannot be read as the config.json of a model.")
    if path.is_absolute() or word.startswith((".", "~")):
        return _of_values(model, _read(path / "config.json"), f"There is no config.json in {path}.")
    found = next(
        (values for folder in _copies(word, revision, caches) if (values := _read(folder / "config.json"))), None
    )
    if found is not None:
        return _of_values(model, found, "")
    known = known_model(word, weight_bytes=weight_bytes)
    facts = known.facts or known_model(word.removesuffix("-bnb-4bit").removesuffix("-unsloth")).facts
    if facts is None:
        return Sizes(model, why_not=f"{word} is not on this machine yet, so its size is not known. Fetch it first.")
    return Sizes(model, held_in_four_bits(facts, word, weight_bytes) if word.lower().endswith("bnb-4bit") else facts)


def _of_values(model: str, values: dict[str, Any] | None, missing: str) -> Sizes:
    if values is None:
        return Sizes(model, why_not=missing)
    try:
        facts = model_facts(values)
    except (TypeError, ValueError, ZeroDivisionError):
        facts = None
    if facts is None:
        kind = str(values.get("model_type") or "of an unnamed kind")
        return Sizes(model, why_not=f"How much memory a model {kind} takes is not known here; a run would try it.")
    return Sizes(model, facts)


def _of_gguf(model: str, path: Path) -> Sizes:
    try:
        return _of_values(model, read_gguf_config(path), "")
    except FileNotFoundError:
        return Sizes(model, why_not=f"There is no file {path}.")
    except (OSError, ValueError) as error:
        return Sizes(model, why_not=f"The sizes of {path.name} cannot be read: {error}")


def _copies(model: str, revision: str | None, caches: Sequence[Path]) -> list[Path]:
    """Return the folders where the Hub's files of a model lie, the revision asked for only."""
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    found = list[Path]()
    for cache in (*caches, home):
        kept = cache / "hub" / f"models--{model.replace('/', '--')}"
        name = revision or "main"
        with suppress(OSError):  # a commit has no file of its own
            name = (kept / "refs" / name).read_text("utf-8").strip()
        found.append(kept / "snapshots" / name)
    return found


def _has_weights(folder: Path) -> bool:
    return any(any(folder.glob(kind)) for kind in ("*.safetensors", "*.bin"))


def _read(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None
