"""Models from the Hub, played by a server on this machine: searching, describing, fetching, breaking off, freeing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop.engine import hub_cache
from desktop.engine.hub_download import Fetched, fetch, repository_folder
from desktop.engine.hub_models import HubFile, HubModels, wanted_files
from desktop.errors import AppError
from tests.hub import FakeHub, FakeModel, is_large

WEIGHTS = bytes(range(256)) * 20_000
MODEL = "maker/tiny"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    server = FakeHub()
    files = {
        "config.json": json.dumps({"model_type": "llama"}).encode(),
        "tokenizer.json": b"{}",
        "model.safetensors": WEIGHTS,
        "consolidated.safetensors": WEIGHTS,
        "tiny.Q4_K_M.gguf": b"GGUF",
        "original/params.json": b"{}",
    }
    server.add(FakeModel(MODEL, files, downloads=500, parameters=1_000_000, tags=("license:mit", "region:us")))
    server.add(FakeModel("maker/tiny-GGUF", {"a.gguf": b"GGUF"}, tags=("gguf",), downloads=900))
    server.add(FakeModel("owner/closed", dict(files), gated=True, downloads=7))
    yield server
    server.close()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hub"


@pytest.fixture
def models(hub: FakeHub, cache: Path) -> HubModels:
    return HubModels(cache, endpoint=hub.address)


def run(hub: FakeHub, cache: Path, id: str = MODEL, token: str | None = None) -> tuple[str, list[Fetched]]:
    going, said = fetch(id, None, cache, token, hub.address), list[Fetched]()
    while True:
        try:
            said.append(next(going))
        except StopIteration as end:
            return end.value, said


def large_requests(hub: FakeHub) -> list[dict[str, str]]:
    return [headers for method, path, headers in hub.asked if method == "GET" and is_large(path)]


def test_a_search_brings_size_licence_downloads_and_gate(models: HubModels, hub: FakeHub) -> None:
    found = models.search("tiny")
    assert [one.id for one in found] == ["maker/tiny-GGUF", MODEL]
    assert (found[1].parameters, found[1].licence, found[1].downloads, found[1].gated) == (1_000_000, "mit", 500, False)
    assert models.search("closed")[0].gated
    assert models.search("nothing of the kind") == []
    assert "authorization" not in {name.lower() for _, _, headers in hub.asked for name in headers}


def test_a_search_finds_everything_that_writes_text(hub: FakeHub, cache: Path) -> None:
    for name, task, kind in (
        ("sees", "image-text-to-text", "gemma3"),
        ("untagged", None, "llama"),
        ("reads-only", None, "bert"),
        ("draws", "text-to-image", ""),
    ):
        hub.add(FakeModel(f"maker/piece-{name}", task=task, config={"model_type": kind}))
    found = HubModels(cache, endpoint=hub.address, left_out=("bert",)).search("piece")
    assert {one.id for one in found} == {"maker/piece-sees", "maker/piece-untagged"}


def test_a_model_tells_what_a_download_would_fetch(models: HubModels) -> None:
    shown = models.show(MODEL)
    assert [file.name for file in shown.files] == ["config.json", "tokenizer.json", "model.safetensors"]
    assert shown.size_bytes == len(WEIGHTS) + 2 + len(json.dumps({"model_type": "llama"}))
    assert models.show("maker/tiny-GGUF").is_gguf
    assert not shown.is_gguf


def test_older_weights_are_taken_where_there_are_no_others() -> None:
    files = [HubFile("pytorch_model.bin", 1, "a"), HubFile("config.json", 1, ""), HubFile("onnx/model.json", 1, "")]
    assert [file.name for file in wanted_files(files)] == ["pytorch_model.bin", "config.json"]


@pytest.mark.parametrize(
    ("id", "revision", "code", "words"),
    [
        ("maker/none", None, "no_model", "The Hub has no model called maker/none. Check the name"),
        (MODEL, "v9", "no_revision", "has no branch, tag or commit called v9"),
        ("a/b/c/d", None, "no_model", "neither a folder nor a name on the Hub"),
    ],
)
def test_what_is_not_there_is_said(models: HubModels, id: str, revision: str | None, code: str, words: str) -> None:
    with pytest.raises(AppError) as raised:
        models.show(id, revision)
    assert raised.value.code == code
    assert words in str(raised.value)


def test_a_gated_model_says_how_to_get_in_and_a_token_opens_it(hub: FakeHub, cache: Path) -> None:
    with pytest.raises(AppError) as raised:
        HubModels(cache, endpoint=hub.address).fetch_small("owner/closed")
    assert raised.value.code == "gated"
    assert "https://huggingface.co/owner/closed" in raised.value.hint
    assert "https://huggingface.co/settings/tokens" in raised.value.hint
    folder = HubModels(cache, lambda: "hf_right", hub.address).fetch_small("owner/closed")
    assert (folder / "config.json").is_file()
    assert not (folder / "model.safetensors").exists()


def test_a_hub_that_is_down_or_away_is_said(models: HubModels, hub: FakeHub, cache: Path) -> None:
    hub.error = 403
    with pytest.raises(AppError, match="does not let you read"):
        models.show(MODEL)
    away = HubModels(cache, endpoint="http://127.0.0.1:9")
    with pytest.raises(AppError, match=r"The Hugging Face Hub does not answer\. Check the network"):
        away.show(MODEL)
    with pytest.raises(AppError, match="does not answer"):
        away.search("tiny")


def test_a_download_counts_its_bytes_and_ends_in_the_cache(hub: FakeHub, cache: Path) -> None:
    folder, said = run(hub, cache)
    assert (Path(folder) / "model.safetensors").read_bytes() == WEIGHTS
    assert {one.name for one in Path(folder).iterdir()} == {"config.json", "tokenizer.json", "model.safetensors"}
    assert said[-1].done_bytes == said[-1].total_bytes > len(WEIGHTS)
    assert [one.done_bytes for one in said] == sorted(one.done_bytes for one in said)
    assert len(large_requests(hub)) == 1, "the weights come once"
    run(hub, cache)
    assert len(large_requests(hub)) == 1, "what is there is not fetched again"


def test_a_download_that_breaks_goes_on_where_it_was(
    hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desktop.engine.hub_download.time.sleep", lambda _: None)
    hub.break_after = 3_000_000
    folder, said = run(hub, cache)
    assert (Path(folder) / "model.safetensors").read_bytes() == WEIGHTS
    first, second = large_requests(hub)
    assert "Range" not in first
    assert 0 < int(second["Range"].removeprefix("bytes=").rstrip("-")) <= 3_000_000
    assert said[-1].done_bytes == said[-1].total_bytes


def test_what_an_earlier_start_has_left_is_used(hub: FakeHub, cache: Path) -> None:
    model = hub.models[MODEL].as_json()
    sha = next(one["lfs"]["sha256"] for one in model["siblings"] if one["rfilename"] == "model.safetensors")
    blobs = repository_folder(cache, MODEL) / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{sha}.part").write_bytes(WEIGHTS[:3_000_000])
    folder, said = run(hub, cache)
    assert (Path(folder) / "model.safetensors").read_bytes() == WEIGHTS
    assert [headers["Range"] for headers in large_requests(hub)] == ["bytes=3000000-"]
    assert said[-1].done_bytes == said[-1].total_bytes


def test_what_came_damaged_is_thrown_away_and_said(hub: FakeHub, cache: Path) -> None:
    model = hub.models[MODEL].as_json()
    sha = next(one["lfs"]["sha256"] for one in model["siblings"] if one["rfilename"] == "model.safetensors")
    blobs = repository_folder(cache, MODEL) / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{sha}.part").write_bytes(b"x" * 3_000_000)
    with pytest.raises(AppError, match="has come damaged"):
        run(hub, cache)
    assert list(blobs.glob("*.part")) == []


def test_a_full_disk_is_said_before_anything_comes(hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desktop.engine.hub_download.RESERVE", 1 << 60)
    with pytest.raises(AppError, match=r"needs 0\.0 GB, and .* are free"):
        run(hub, cache)
    assert large_requests(hub) == []


def test_the_token_goes_to_the_hub_alone(hub: FakeHub, cache: Path) -> None:
    folder, _ = run(hub, cache, "owner/closed", "hf_right")
    assert (Path(folder) / "model.safetensors").is_file()
    with pytest.raises(AppError) as raised:
        run(hub, cache / "other", "owner/closed")
    assert raised.value.code == "gated"


def test_the_cache_shows_what_it_keeps_and_gives_it_back(hub: FakeHub, cache: Path) -> None:
    assert hub_cache.scan(cache) == []
    run(hub, cache)
    HubModels(cache, lambda: "hf_right", hub.address).fetch_small("owner/closed")
    whole, small = hub_cache.scan(cache)
    assert (whole.id, whole.is_whole) == (MODEL, True)
    assert whole.size_bytes >= len(WEIGHTS)
    assert whole.last_used is not None
    assert (small.id, small.is_whole) == ("owner/closed", False)
    part = repository_folder(cache, "owner/closed") / "blobs" / "abc.part"
    part.write_bytes(b"x" * 5000)
    assert next(one for one in hub_cache.scan(cache) if one.id == "owner/closed").size_bytes > 5000
    assert hub_cache.free(cache, "owner/closed") > 5000
    assert hub_cache.free(cache, MODEL) == whole.size_bytes
    assert hub_cache.scan(cache) == []
    with pytest.raises(AppError, match="is not in the cache"):
        hub_cache.free(cache, MODEL)
    with pytest.raises(AppError, match="is not in the cache"):
        hub_cache.free(cache, "../../elsewhere")
