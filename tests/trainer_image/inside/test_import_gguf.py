"""A GGUF file becomes a model folder that ends its turns rightly, or is refused in a sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from trainer_image.import_gguf import is_whole, main


def test_what_is_no_gguf_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "model.gguf"
    assert main([str(source), str(tmp_path / "model")]) == 1
    source.write_bytes(b"<html>")
    assert main([str(source), str(tmp_path / "model")]) == 1
    said = capsys.readouterr().err
    assert "no file" in said
    assert "no GGUF" in said
    source.write_bytes(b"GGUF" + bytes(100))
    assert main([str(source), str(tmp_path / "model")]) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"model.gguf"}


def test_a_whole_folder_is_left_as_it_is(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in Path(model).iterdir()}
    assert main(["/nowhere.gguf", model]) == 0
    assert {path.name: path.stat().st_mtime_ns for path in Path(model).iterdir()} == before
    assert "already" in capsys.readouterr().out


def test_a_real_file_becomes_a_folder(tmp_path: Path, tokenizer: Any) -> None:
    source = os.environ.get("TUNEDECK_TEST_GGUF")
    if not source:
        pytest.skip("TUNEDECK_TEST_GGUF names no file")
    folder = tmp_path / "model"
    assert main([source, str(folder)]) == 0
    assert is_whole(folder)
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in folder.iterdir())
    settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    assert (settings["eos_token"], settings["pad_token"]) == ("<|im_end|>", "<|im_end|>")
    assert json.loads((folder / "config.json").read_text("utf-8"))["eos_token_id"] == tokenizer.eos_token_id
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
