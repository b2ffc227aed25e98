"""Where the files of a model lie on this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from desktop.errors import AppError


def find_model_folder(model: str, caches: Sequence[Path] = ()) -> Path:
    """Return the folder of a model: a local one, or the Hub's copy in one of the caches; nothing is fetched."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_absolute() or model.startswith((".", "~")) or model.count("/") != 1:
        raise AppError(f"There is no model folder {model}.", "Choose another model.", "no_model")
    home = os.environ.get("HF_HOME") or "~/.cache/huggingface"
    for cache in (*caches, Path(home).expanduser()):
        repository = cache / "hub" / f"models--{model.replace('/', '--')}"
        snapshots = sorted((repository / "snapshots").glob("*"), key=lambda one: one.stat().st_mtime, reverse=True)
        main = repository / "refs" / "main"
        chosen = repository / "snapshots" / main.read_text().strip() if main.is_file() else None
        found = [one for one in (chosen, *snapshots) if one is not None and (one / "tokenizer.json").is_file()]
        if found:
            return found[0]
    hint = "Fetch it first, or start a run with it once; then its rows can be shown as it sees them."
    raise AppError(f"The model {model} is not on this machine yet.", hint, "no_model")
