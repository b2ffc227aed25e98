"""A model's files on this machine: its sizes, its weights read ahead, and how long the rows of a dataset can be."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from contextlib import suppress
from pathlib import Path

from trainer_image.contract import RunConfig
from trainer_image.model.facts import ModelFacts, model_facts

_CHUNK = 8 * 1024**2
BYTES_OF_A_TOKEN = 2
"""Fewer bytes in the mean are rare, so a row of JSON has no more tokens than this makes of its line."""
TEMPLATE_TOKENS = 256
"""What a chat template may put around a row."""
_OWNERS = """
allenai deepseek-ai google huggingfacetb ibm-granite meta-llama microsoft mistralai nousresearch openai qwen unsloth
"""
COPIED = frozenset(_OWNERS.split())
"""Whose models Unsloth offers in 4 bits; a fine-tune of somebody else that bears such a name is another model."""


def model_folder(config: RunConfig) -> Path | None:
    """Return the folder with the model's files, as chosen or from the Hub's cache; None where it is yet to come."""
    path = Path(config.model)
    if path.is_absolute():
        return path if path.is_dir() else None
    own = _in_cache(config.model, config.model_revision)
    takes_copy = config.load_in_4bit and not config.full_finetuning and config.model_revision is None
    if takes_copy and not is_in_cache(config.model, None):
        return _four_bit_copy(config.model) or own
    return own


def _four_bit_copy(name: str) -> Path | None:
    """Return where the cache has Unsloth's own 4-bit files of a model, which it loads in the place of the model.

    Of its two kinds it takes the one that keeps some matrices in 16 bits.
    """
    owner, _, own = name.lower().partition("/")
    if owner not in COPIED:
        return None
    kept = (folder.name.removeprefix("models--unsloth--") for folder in _cache().glob("models--unsloth--*-bnb-4bit"))
    copies = sorted((one for one in kept if _plain(one) == _plain(own)), key=lambda one: "-unsloth-" not in one.lower())
    there = next((f"unsloth/{one}" for one in copies if is_in_cache(f"unsloth/{one}", None)), None)
    return _in_cache(there, None) if there is not None else None


def _plain(name: str) -> str:
    """Return the name of a model as its copies share it: Meta's own name is in some of them only."""
    return name.lower().removesuffix("-bnb-4bit").removesuffix("-unsloth").removeprefix("meta-")


def _cache() -> Path:
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub")


def is_in_cache(name: str, revision: str | None) -> bool:
    """Say whether the Hub's cache has the weights of a model under this very name."""
    folder = None if Path(name).is_absolute() else _in_cache(name, revision)
    return folder is not None and any(any(folder.glob(kind)) for kind in ("*.safetensors", "*.bin"))


def _in_cache(name: str, revision: str | None) -> Path | None:
    kept = _cache() / f"models--{name.replace('/', '--')}"
    revision = revision or "main"
    with suppress(OSError):  # a commit has no file of its own
        revision = (kept / "refs" / revision).read_text("utf-8").strip()
    folder = kept / "snapshots" / revision
    return folder if folder.is_dir() else None


def read_facts(folder: Path) -> ModelFacts | None:
    """Return the model's sizes; None where its config.json is missing, broken or of an unknown kind."""
    try:
        values = json.loads((folder / "config.json").read_text("utf-8"))
        return model_facts(values) if isinstance(values, dict) else None
    except (OSError, ValueError, TypeError):
        return None


def fingerprint(folder: Path) -> str:
    """Return a digest that tells one model from another, and one revision from the next, without reading gigabytes."""
    digest = hashlib.sha256()
    try:
        for path in sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin")):
            digest.update(f"{path.name} {path.stat().st_size}\n".encode())
            with path.open("rb") as file:
                # The head names every tensor with its shape and place; some of the numbers come behind it.
                digest.update(file.read(_CHUNK))
        digest.update((folder / "config.json").read_bytes())
    except OSError:
        return ""
    return digest.hexdigest()


def read_weights_ahead(folder: Path) -> None:
    """Bring the weights into the computer's memory in the background, if they fit, while the trainer starts."""
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
    try:
        size = sum(path.stat().st_size for path in files)
    except OSError:
        return
    if files and size < _available_memory() / 2:
        threading.Thread(target=_read, args=(files,), daemon=True).start()


def _read(files: list[Path]) -> None:
    buffer = bytearray(_CHUNK)
    for path in files:
        try:
            with path.open("rb", buffering=0) as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
                while file.readinto(buffer):
                    pass
        except OSError:
            return  # the trainer will say what is wrong with it


def _available_memory() -> int:
    """Return the bytes that the kernel could give away."""
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0


def longest_row(config: RunConfig) -> int:
    """Return the tokens that no sequence exceeds: the knob's, or what the dataset's longest line can hold."""
    path = Path(config.dataset)
    if config.packing or config.method == "pretrain" or path.suffix.lower() not in (".jsonl", ".ndjson"):
        return config.max_length
    try:
        with path.open("rb") as file:
            longest = max((len(line) for line in file), default=0)
    except OSError:
        return config.max_length  # the trainer will say what is wrong with it
    return min(config.max_length, longest // BYTES_OF_A_TOKEN + TEMPLATE_TOKENS)
