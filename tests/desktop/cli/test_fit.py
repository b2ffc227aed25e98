"""The word fit: what programs rely on, cards that are not here, and plain sentences where nothing can be said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from desktop.cli.main import parse
from desktop.cli.main import run as run_words
from desktop.paths import Home
from trainer_image.fitting.memory import GIB

PARTS = {"weights", "adapter", "optimizer", "activations", "logits", "overhead"}
SHAPE = {
    "model_type": "llama",
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "tie_word_embeddings": True,
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(json.dumps(SHAPE))
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"model": "model", "dataset": "rows.jsonl", "max_length": 2048}))
    return file


def run(capsys: pytest.CaptureFixture[str], home: Home, *words: str) -> tuple[int, str, str]:
    code = run_words(parse(["--home", str(home.path), "fit", *words]))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_cards_that_are_not_here_can_be_asked_for(
    config: Path, home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, home, str(config), "--cards", "12,12", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["fits"] is True
    assert told["placement"] == "data_parallel"
    assert [gpu["index"] for gpu in told["gpus"]] == [0, 1]
    for gpu in told["gpus"]:
        assert set(gpu["parts"]) == PARTS
        assert sum(gpu["parts"].values()) == gpu["predicted_bytes"]
        assert 2.4 * GIB < gpu["predicted_bytes"] < 4 * GIB
    assert told["changes"] == []


def test_a_knob_can_be_set_and_what_would_fit_is_told(
    config: Path, home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = ("--set", "per_device_train_batch_size=64", "--set", "max_length=8192", "--cards", "12")
    code, out, _ = run(capsys, home, str(config), *sets, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["fits"] is False
    assert told["changes"][0]["knobs"]
    assert max(told["changes"][0]["needed_bytes"]) <= 12 * GIB
    code, out, _ = run(capsys, home, str(config), *sets)
    assert "It does not fit." in out
    assert told["changes"][0]["words"] in out


def test_rows_of_the_file_bound_what_a_row_needs(
    config: Path, home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (str(config), "--set", "max_length=65536", "--cards", "80", "--json")
    whole = json.loads(run(capsys, home, *words)[1])
    (tmp_path / "rows.jsonl").write_text('{"question": "a", "answer": "b"}\n')
    short = json.loads(run(capsys, home, *words)[1])
    assert short["gpus"][0]["predicted_bytes"] < whole["gpus"][0]["predicted_bytes"]


def test_without_a_card_the_processor_is_spoken_of(
    config: Path, home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, home, str(config), "--set", "gpus=[]", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["placement"] == "cpu"
    (gpu,) = told["gpus"]
    assert gpu["index"] == -1
    assert set(gpu["parts"]) == PARTS


def test_a_model_of_unknown_size_is_said_plainly(
    config: Path, home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, home, str(config), "--set", "model=someone/something-new")
    assert code == 1
    assert "someone/something-new is not on this machine yet" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("word", ["0", "-12", "twelve", ""])
def test_sizes_that_are_none_are_wrong_usage(word: str, config: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["fit", str(config), f"--cards={word}"])
    assert ended.value.code == 2
