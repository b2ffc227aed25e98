"""What is wrong with the files of a model folder that could not be loaded: missing, cut short or unreadable; no torch.

It is asked once loading has failed, so that no model that works is ever refused for its looks.
"""

from __future__ import annotations

import json
from pathlib import Path

from trainer_image.saving.verifying import wrong_tensors

INDEX = "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "*.model", "*.tiktoken", "vocab.json", "vocab.txt", "tekken.json")
"""Files of which a tokenizer has one at least."""


def damage_of(folder: Path, said: str = "") -> str | None:
    """Return in a sentence what is wrong with a model folder; ``said`` are the words that its loading ended with."""
    if not _is_json_object(folder / "config.json"):
        return f"The config.json of the model folder {folder} is damaged."
    names = ["model.safetensors"]
    if (folder / INDEX).is_file():
        try:
            names = sorted({str(name) for name in json.loads((folder / INDEX).read_bytes())["weight_map"].values()})
        except (ValueError, TypeError, KeyError, AttributeError):
            return f"The {INDEX} of the model folder {folder} is damaged."
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            more = f" and {len(missing) - 1} more of its files" if len(missing) > 1 else ""
            return f"The model folder {folder} lacks {missing[0]}{more}."
    for name in names:
        if (folder / name).is_file() and (problem := wrong_tensors(folder / name)):
            return f"The {name} of the model folder {folder} {problem}."
    if not any(any(folder.glob(name)) for name in TOKENIZERS):
        return f"The model folder {folder} has no tokenizer."
    fast = folder / "tokenizer.json"
    if fast.is_file() and not _is_json_object(fast, "model"):
        return f"The tokenizer.json of the model folder {folder} is damaged."
    if "ignore_mismatched_sizes" in said or "size mismatch" in said:
        return f"The weights of the model folder {folder} have other sizes than its config.json says."
    return None


def _is_json_object(path: Path, key: str = "") -> bool:
    try:
        value = json.loads(path.read_bytes())
    except ValueError:
        return False
    return isinstance(value, dict) and (not key or key in value)
