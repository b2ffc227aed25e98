"""Tokenizers that the trainer builds anew from their vocabulary: the preview says that tokens may differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer as Backend
from tokenizers.models import BPE
from tokenizers.normalizers import Prepend
from tokenizers.pre_tokenizers import Metaspace

from desktop.engine.tokenizing import Tokenizer

OLD, FIRST, ALWAYS = "old", "first", "always"


def _folder(path: Path, pipeline: str, config: dict[str, Any]) -> Path:
    backend = Backend(BPE(vocab={"<unk>": 0, "▁": 1, "a": 2}, merges=[], unk_token="<unk>"))
    if pipeline == OLD:
        backend.normalizer = Prepend("▁")
    else:
        backend.pre_tokenizer = Metaspace("▁", pipeline, split=False)
    backend.save(str(path / "tokenizer.json"))
    (path / "tokenizer_config.json").write_text(json.dumps(config))
    return path


@pytest.mark.parametrize(
    ("pipeline", "config", "is_doubtful"),
    [
        (OLD, {"tokenizer_class": "LlamaTokenizer"}, True),
        (OLD, {"tokenizer_class": "LlamaTokenizerFast"}, True),
        (OLD, {"tokenizer_class": "PreTrainedTokenizerFast"}, False),
        (OLD, {}, False),
        (FIRST, {"tokenizer_class": "LlamaTokenizer"}, False),
        (ALWAYS, {"tokenizer_class": "LlamaTokenizer"}, True),
        (ALWAYS, {"tokenizer_class": "LlamaTokenizer", "legacy": True}, False),
    ],
)
def test_what_may_differ_is_said(tmp_path: Path, pipeline: str, config: dict[str, Any], is_doubtful: bool) -> None:
    doubt = Tokenizer.load(_folder(tmp_path, pipeline, config)).doubt
    assert bool(doubt) == is_doubtful
