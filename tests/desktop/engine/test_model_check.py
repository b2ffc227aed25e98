"""What is said of a model before a run: folders, names on the Hub, what is missing, what cannot be trained."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import models as token_models

from desktop.engine.gguf_import import folder_for, import_gguf
from desktop.engine.hub_models import HubModels
from desktop.engine.launch import LaunchSpec, Machine
from desktop.engine.model_check import ModelCheck, ModelReport, Supported
from desktop.errors import AppError
from tests.desktop.ui.window_fakes import FakeEngine
from tests.hub import FakeHub, FakeModel

SUPPORTED = Supported(frozenset({"llama"}), {"bert": "reads text and writes none"})
SHAPE = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 300}


def write_model(folder: Path, *, template: bool = True, **config: object) -> dict[str, bytes]:
    """Write a model folder that is whole but for its weights' meaning, and return its files."""
    folder.mkdir(parents=True, exist_ok=True)
    backend = Backend(token_models.WordLevel({"a": 0, "<end>": 1}, unk_token="a"))
    backend.save(str(folder / "tokenizer.json"))
    settings = {"eos_token": "<end>"} | ({"chat_template": "{{ messages }}"} if template else {})
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "config.json").write_text(json.dumps(SHAPE | config))
    (folder / "model.safetensors").write_bytes(b"weights" * 100)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FakeHub]:
    server = FakeHub()
    server.add(FakeModel("maker/chat", write_model(tmp_path / "a"), config=SHAPE, parameters=5_000))
    server.add(FakeModel("maker/closed", write_model(tmp_path / "b"), gated=True, config=SHAPE))
    server.add(FakeModel("maker/run-GGUF", {"x.gguf": b"GGUF"}, tags=("gguf",)))
    server.add(FakeModel("maker/adapter", {"adapter_config.json": b"{}"}, tags=("peft",)))
    yield server
    server.close()


@pytest.fixture
def check(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelCheck:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "nobody"))
    caches = tmp_path / "caches"
    return ModelCheck(HubModels(caches / "hub", lambda: None, hub.address), caches, SUPPORTED)


def said(report: ModelReport) -> str:
    return " ".join(f"[{remark.state}] {remark.sentence}" for remark in report.remarks)


def test_a_whole_folder_is_fine(check: ModelCheck, tmp_path: Path) -> None:
    write_model(tmp_path / "m")
    report = check.check(str(tmp_path / "m"), None, offline=True)
    assert report.can_train
    assert said(report) == "[ok] Its tokenizer loads, and it has a chat template."
    assert report.config["hidden_size"] == 64
    assert report.folder == tmp_path / "m"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("config.json", "no config.json"),
        ("model.safetensors", "no weights"),
        ("tokenizer.json", "no tokenizer"),
        ("", "There is no folder"),
    ],
)
def test_what_a_folder_lacks_is_said(check: ModelCheck, tmp_path: Path, spoil: str, words: str) -> None:
    folder = tmp_path / "m"
    if spoil:
        write_model(folder)
        (folder / spoil).unlink()
    report = check.check(str(folder), None, offline=True)
    assert not report.can_train
    assert words in said(report)


def test_an_adapter_is_no_model(check: ModelCheck, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    assert "holds an adapter, not a model" in said(check.check(str(tmp_path), None, offline=True))


def test_without_a_template_the_instruct_variant_is_named(check: ModelCheck, tmp_path: Path) -> None:
    write_model(tmp_path / "m", template=False)
    report = check.check(str(tmp_path / "m"), None, offline=True)
    assert report.can_train
    assert report.has_chat_template is False
    assert report.remarks[-1].step == "instruct"
    assert "no chat template" in said(report)


def test_kinds_that_cannot_be_trained_or_are_not_known(check: ModelCheck, tmp_path: Path) -> None:
    write_model(tmp_path / "m", model_type="bert")
    report = check.check(str(tmp_path / "m"), None, offline=True)
    assert not report.can_train
    assert "A model of the kind bert reads text and writes none" in said(report)
    write_model(tmp_path / "n", model_type="novel")
    report = check.check(str(tmp_path / "n"), None, offline=True)
    assert report.can_train
    assert "The kind novel is not among those" in said(report)


def test_a_name_on_the_hub_is_looked_over_without_its_weights(check: ModelCheck, hub: FakeHub) -> None:
    report = check.check("maker/chat", None, offline=False)
    assert report.can_train
    assert report.where == "hub"
    assert report.has_chat_template
    assert report.remarks[0].step == "download"
    assert report.download_bytes
    assert report.parameters == 5_000
    assert not any("safetensors" in path and "resolve" in path for _, path, _ in hub.asked)


def test_what_is_in_the_cache_is_not_asked_for(check: ModelCheck, hub: FakeHub, tmp_path: Path) -> None:
    kept = tmp_path / "caches" / "hub" / "models--maker--chat"
    write_model(kept / "snapshots" / "abc")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("abc")
    (kept / "blobs").mkdir()
    for revision in (None, "main", "abc"):
        report = check.check("maker/chat", revision, offline=False)
        assert report.where == "cache"
        assert report.can_train
        assert "It is on this machine." in said(report)
    assert hub.asked == []
    assert check.check("maker/chat", "v2", offline=False).where == "hub"


def test_offline_says_so_and_asks_nobody(check: ModelCheck, hub: FakeHub) -> None:
    report = check.check("maker/chat", None, offline=True)
    assert not report.can_train
    assert report.remarks[0].step == "online"
    assert "Tunedeck is offline" in said(report)
    assert hub.asked == []


def test_gated_missing_gguf_and_adapters_on_the_hub(check: ModelCheck, hub: FakeHub) -> None:
    closed = check.check("maker/closed", None, offline=False)
    assert closed.remarks[-1].step == "token"
    assert closed.gated
    assert not closed.can_train
    assert "no model called maker/none" in said(check.check("maker/none", None, offline=False))
    assert "GGUF files only" in said(check.check("maker/run-GGUF", None, offline=False))
    assert "an adapter, not a model" in said(check.check("maker/adapter", None, offline=False))
    assert "neither a folder nor a name" in said(check.check("a/b/c", None, offline=False))
    hub.error = 503
    away = check.check("maker/chat", None, offline=False)
    assert [remark.state for remark in away.remarks] == ["warn"]


def test_a_gguf_file_is_to_be_turned_into_a_folder(check: ModelCheck, tmp_path: Path) -> None:
    assert "There is no file" in said(check.check(str(tmp_path / "x.gguf"), None, offline=True))
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    report = check.check(str(tmp_path / "x.gguf"), None, offline=True)
    assert report.remarks[0].step == "import_gguf"


class Converting(FakeEngine):
    """Writes what the trainer would, or nothing."""

    def __init__(self, *, works: bool) -> None:
        super().__init__("process")
        self.works = works

    def start(self, spec: LaunchSpec) -> str:
        self.started.append(spec)
        if self.works:
            write_model(Path(spec.arguments[1]))
        return "1"

    def output(self, id: str) -> str:
        return "transformers cannot read this kind of GGUF: moon"


def test_gguf_becomes_a_folder_once(tmp_path: Path) -> None:
    gguf, machine, engine = tmp_path / "tiny.Q4.gguf", Machine(tmp_path, tmp_path, 1, 1), Converting(works=True)
    gguf.write_bytes(b"GGUF")
    folder = import_gguf(gguf, tmp_path / "models", engine, machine)
    assert folder == folder_for(gguf, tmp_path / "models") == tmp_path / "models" / "tiny.Q4"
    assert import_gguf(gguf, tmp_path / "models", engine, machine) == folder
    assert [spec.module for spec in engine.started] == ["trainer_image.import_gguf"]


def test_gguf_that_cannot_be_read_says_what_the_trainer_said(tmp_path: Path) -> None:
    gguf, machine = tmp_path / "odd.gguf", Machine(tmp_path, tmp_path, 1, 1)
    gguf.write_bytes(b"GGUF")
    with pytest.raises(AppError, match=r"odd\.gguf could not be turned .* this kind of GGUF: moon"):
        import_gguf(gguf, tmp_path / "models", Converting(works=False), machine)


def test_a_conversion_that_is_given_up_is_ended(tmp_path: Path) -> None:
    gguf, machine, engine = tmp_path / "slow.gguf", Machine(tmp_path, tmp_path, 1, 1), FakeEngine("process")
    gguf.write_bytes(b"GGUF")
    given_up = threading.Event()
    given_up.set()
    with pytest.raises(AppError, match="could not be turned"):
        import_gguf(gguf, tmp_path / "models", engine, machine, given_up=given_up)
    assert engine.find() == {}


def test_a_file_of_the_weights_that_is_missing_is_named(check: ModelCheck, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    write_model(folder)
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))
    report = check.check(str(folder), None, offline=True)
    assert not report.can_train
    assert "Of its weights model-00002-of-00002.safetensors is missing." in said(report)
    (folder / "model-00002-of-00002.safetensors").write_bytes(b"weights")
    assert check.check(str(folder), None, offline=True).can_train


@pytest.mark.parametrize(
    ("method", "state"), [("awq", "fail"), ("gptq", "fail"), ("compressed-tensors", "fail"), ("fp8", "warn")]
)
def test_quantized_weights_are_named(check: ModelCheck, tmp_path: Path, method: str, state: str) -> None:
    folder = tmp_path / f"Tiny-4B-Instruct-{method.upper() if len(method) < 5 else 'quantized.w4a16'}"
    write_model(folder, quantization_config={"quant_method": method})
    (remark,) = [one for one in check.check(str(folder), None, offline=True).remarks if "quantized" in one.sentence]
    assert remark.state == state
    assert "Tiny-4B-Instruct, the model that it was made from" in remark.sentence


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            {"quant_method": "fp8", "weight_block_size": [128, 128]},
            "With 4-bit switched on they are turned into 4 bits",
        ),
        ({"quant_method": "fp8"}, "so 4-bit changes nothing: they are counted as 16 bits"),
        ({"quant_method": "mxfp4"}, "the experts stay in these 4 bits and all else is held in 16"),
        ({"quant_method": "moon"}, "The trainer may refuse them"),
    ],
)
def test_it_is_said_what_the_trainer_makes_of_stored_weights(
    check: ModelCheck, tmp_path: Path, said: dict[str, object], words: str
) -> None:
    write_model(tmp_path / "m", quantization_config=said)
    report = check.check(str(tmp_path / "m"), None, offline=True)
    (remark,) = [one for one in report.remarks if "quantized" in one.sentence]
    assert remark.state == "warn"
    assert words in remark.sentence


def test_weights_in_four_bits_of_bitsandbytes_are_trained_as_they_are(check: ModelCheck, tmp_path: Path) -> None:
    write_model(tmp_path / "m", quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True})
    assert said(check.check(str(tmp_path / "m"), None, offline=True)).count("[") == 1
