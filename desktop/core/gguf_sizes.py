"""The sizes of a model in a GGUF file, read from its head; the weights are not touched."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"GGUF"
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""What the kinds of the format are for struct."""
TEXT, LIST = 8, 9
LONGEST_TEXT = 64 * 1024**2
NAMES = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "expert_feed_forward_length": "moe_intermediate_size",
}
"""What GGUF calls the entries of a config.json, after the name of the kind of model."""


def read_gguf_config(path: Path) -> dict[str, Any]:
    """Return what the file's head says, in the words of a config.json; ValueError where it is no whole GGUF file."""
    with path.open("rb") as file:
        try:
            return _as_config(*_head(file))
        except (struct.error, MemoryError) as error:
            raise ValueError(f"{path.name} is no whole GGUF file.") from error


def _head(file: BinaryIO) -> tuple[dict[str, Any], bool]:
    """Return the entries of the head, and whether a head of its own is among the tensors."""
    if file.read(4) != MAGIC:
        raise ValueError("It does not begin as a GGUF file does.")
    version, tensors, entries = struct.unpack("<IQQ", file.read(20))
    if version < 2:
        raise ValueError("It is of the first version of GGUF, which is read no more.")
    found = {_text(file): _value(file) for _ in range(entries)}
    names = set()
    for _ in range(tensors):
        names.add(_text(file))
        (dimensions,) = struct.unpack("<I", file.read(4))
        file.seek(8 * dimensions + 12, 1)
    return found, "output.weight" in names


def _text(file: BinaryIO) -> str:
    (size,) = struct.unpack("<Q", file.read(8))
    if size > LONGEST_TEXT:
        raise ValueError("A text in its head is too long to be one.")
    return file.read(size).decode("utf-8", "replace")


def _value(file: BinaryIO, kind: int | None = None) -> Any:
    """Return a value; of a list only how long it is."""
    if kind is None:
        (kind,) = struct.unpack("<I", file.read(4))
    if kind == TEXT:
        return _text(file)
    if kind == LIST:
        inner, count = struct.unpack("<IQ", file.read(12))
        if inner in NUMBERS:
            file.seek(count * struct.calcsize(NUMBERS[inner]), 1)
        else:
            for _ in range(count):
                _value(file, inner)
        return int(count)
    if kind not in NUMBERS:
        raise ValueError("Its head has an entry of an unknown kind.")
    form = "<" + NUMBERS[kind]
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]


def _as_config(head: Mapping[str, Any], has_own_head: bool) -> dict[str, Any]:
    kind = str(head.get("general.architecture", ""))
    config = {ours: head[f"{kind}.{theirs}"] for theirs, ours in NAMES.items() if f"{kind}.{theirs}" in head}
    vocabulary = head.get(f"{kind}.vocab_size") or head.get("tokenizer.ggml.tokens")
    return {"model_type": kind, "vocab_size": vocabulary, "tie_word_embeddings": not has_own_head, **config}
