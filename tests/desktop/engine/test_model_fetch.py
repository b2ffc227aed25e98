"""A model of the Hub is brought here before a run: by the app, with the token, and once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop.engine.model_fetch import ModelFetch, is_whole, snapshot_folder
from desktop.errors import AppError
from tests.hub import FakeHub, FakeModel

ID = "captain/small"
FILES = {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": b"w" * 4096}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    made = FakeHub()
    made.add(FakeModel(ID, FILES, gated=True))
    monkeypatch.setenv("HF_ENDPOINT", made.address)  # for the process that fetches
    yield made
    made.close()


def test_a_gated_model_is_fetched_with_the_token_and_once(hub: FakeHub, tmp_path: Path) -> None:
    told: list[str] = []
    fetch = ModelFetch(tmp_path / "cache", lambda: "hf_right")
    assert not fetch.is_here(ID, None)
    fetch.bring(ID, None, told.append, lambda: True)
    assert fetch.is_here(ID, None)
    folder = snapshot_folder(tmp_path / "cache", ID, None)
    assert folder is not None
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert told[0] == f"fetching {ID}"
    asked = len(hub.asked)
    fetch.bring(ID, None, told.append, lambda: True)
    assert len(hub.asked) == asked


def test_without_the_right_token_the_way_to_it_is_said(hub: FakeHub, tmp_path: Path) -> None:
    fetch = ModelFetch(tmp_path / "cache", lambda: None)
    with pytest.raises(AppError, match="wants to be asked") as refused:
        fetch.bring(ID, None, lambda _: None, lambda: True)
    assert "accept its terms" in refused.value.hint
    assert not fetch.is_here(ID, None)


def test_what_nobody_wants_any_more_is_given_up(hub: FakeHub, tmp_path: Path) -> None:
    fetch = ModelFetch(tmp_path / "cache", lambda: "hf_right")
    fetch.bring(ID, None, lambda _: None, lambda: False)
    assert not fetch.is_here(ID, None)


def test_a_model_in_parts_is_whole_with_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert not is_whole(tmp_path)
    weights = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weights}))
    (tmp_path / weights["a"]).touch()
    assert not is_whole(tmp_path)
    (tmp_path / weights["b"]).touch()
    assert is_whole(tmp_path)
    (tmp_path / "config.json").unlink()
    assert not is_whole(tmp_path)
