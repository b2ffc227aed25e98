"""The word ``models`` and ``--preset``: what programs may rely on, and what people read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.cli import main
from desktop.paths import Home
from tests.desktop.engine.test_model_check import write_model
from tests.hub import FakeHub, FakeModel


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    server = FakeHub()
    files = write_model(tmp_path / "source")
    server.add(FakeModel("maker/chat", files, parameters=5_000_000, downloads=30, config={"model_type": "llama"}))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.address)
    template = f"{server.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    yield server
    server.close()


def run(home: Home, *words: str) -> int:
    return main.run(main.parse(["--home", str(home.path), *words]))


def told(home: Home, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert run(home, "--json", *words) == 0
    read: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return read


def test_the_list_is_printed_and_narrowed(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    listed = told(home, capsys, "models", "list", "llama", "8b")
    assert [one["id"] for one in listed["models"]] == [  # type: ignore[attr-defined]
        "meta-llama/Llama-3.1-8B-Instruct",
        "meta-llama/Llama-3.1-8B",
        "deepseek-ai/DeepSeek-R1-Distill-Llama-8B",
    ]
    assert run(home, "models", "list", "smollm2", "135m") == 0
    assert "HuggingFaceTB/SmolLM2-135M-Instruct" in capsys.readouterr().out


def test_a_model_is_searched_shown_downloaded_and_freed(
    home: Home, hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(home, capsys, "models", "search", "chat")
    assert found["models"][0]["id"] == "maker/chat"  # type: ignore[index]
    shown = told(home, capsys, "models", "show", "maker/chat")
    assert (shown["where"], shown["can_train"], shown["has_chat_template"]) == ("hub", True, True)
    ended = told(home, capsys, "models", "download", "maker/chat")
    assert (ended["kind"], ended["state"]) == ("download", "done")
    cached = told(home, capsys, "models", "cache")
    assert [one["id"] for one in cached["models"]] == ["maker/chat"]  # type: ignore[attr-defined]
    assert told(home, capsys, "models", "show", "maker/chat")["where"] == "cache"
    assert told(home, capsys, "models", "cache", "--free", "maker/chat")["freed"] == "maker/chat"
    assert told(home, capsys, "models", "cache")["models"] == []


def test_what_cannot_be_trained_is_said_with_exit_code_1(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(home, "models", "show", str(tmp_path)) == 1
    assert "no config.json" in capsys.readouterr().out
    assert run(home, "models", "cache", "--free", "maker/none") == 1
    assert "not in the cache" in capsys.readouterr().err


def test_a_preset_sets_the_knobs_and_says_why(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_model(tmp_path / "m")
    data, config = tmp_path / "rows.jsonl", tmp_path / "config.json"
    data.write_text('{"question": "a a a", "answer": "a"}\n' * 40)
    config.write_text(json.dumps({"model": str(tmp_path / "m"), "dataset": str(data)}))
    assert run(home, "config", "save", "mine", str(config), "--preset", "test", "--set", "lora_r=4") == 0
    said = capsys.readouterr()
    assert "Quick local test: batch" in said.err
    saved = told(home, capsys, "config", "show", "mine")
    assert (saved["max_steps"], saved["lora_r"], saved["max_length"]) == (60, 4, 128)
    assert run(home, "config", "save", "other", str(config), "--preset", "turbo") == 1
    assert "no preset called turbo" in capsys.readouterr().err


def test_a_run_that_would_fail_on_its_model_is_refused(
    home: Home, qtbot: QtBot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_model(tmp_path / "m", model_type="bert")
    data, config = tmp_path / "rows.jsonl", tmp_path / "config.json"
    data.write_text('{"question": "a a a", "answer": "a"}\n' * 40)
    config.write_text(json.dumps({"model": str(tmp_path / "m"), "dataset": str(data)}))
    assert run(home, "train", str(config), "--detach") == 1
    assert "of the kind bert reads text and writes none" in capsys.readouterr().err
    assert told(home, capsys, "runs", "list") == {"runs": []}


@pytest.mark.parametrize(("knobs", "words"), [({"packing": True}, "Switch Packing off"), ({"method": "pretrain"}, "")])
def test_a_run_whose_rows_cannot_be_packed_is_refused(
    home: Home, qtbot: QtBot, tmp_path: Path, capsys: pytest.CaptureFixture[str], knobs: dict[str, object], words: str
) -> None:
    write_model(tmp_path / "m", model_type="olmo3")
    data, config = tmp_path / "rows.jsonl", tmp_path / "config.json"
    data.write_text('{"text": "a a a"}\n' * 40 if "method" in knobs else '{"question": "a a", "answer": "a"}\n' * 40)
    config.write_text(json.dumps({"model": str(tmp_path / "m"), "dataset": str(data), **knobs}))
    assert run(home, "train", str(config), "--detach") == 1
    said = capsys.readouterr().err
    assert said.startswith("tunedeck: Rows cannot be packed for a model of the kind olmo3")
    assert words in said
    assert said.count("\n") == 1
    assert told(home, capsys, "runs", "list") == {"runs": []}
