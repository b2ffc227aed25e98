"""``tunedeck data``: the words that people and programs read, and the exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from desktop.cli import main, parse, run
from desktop.paths import Home

GOOD = [{"prompt": f"Question {n}?", "completion": f"Answer {n}."} for n in range(12)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in GOOD), encoding="utf-8")
    return path


def _tunedeck(home: Home, *words: str) -> int:
    return run(parse(["--home", str(home.path), *words]))


def test_a_good_file_is_0(home: Home, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _tunedeck(home, "data", "check", str(file)) == 0
    out = capsys.readouterr().out
    assert out.startswith("accept: All 12 rows can be used: prompts and completions.")
    assert "can feed: sft, pretrain" in out


def test_bad_rows_are_a_warning_and_still_0(home: Home, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(file.read_text(encoding="utf-8") + '{"prompt": "Why?"\n', encoding="utf-8")
    assert _tunedeck(home, "data", "check", str(file), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["outcome"], told["rows"], told["rows_total"], told["shape"]) == ("warn", 12, 13, "prompt_completion")
    assert [(one["kind"], one["line"], one["row"]) for one in told["problems"]] == [("broken_json", 13, 13)]
    assert told["file"] == str(file)


def test_a_file_that_says_too_little_is_1_until_it_is_mapped(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("act,reply\nDo this,Done\nDo that,Done too\n", encoding="utf-8")
    assert _tunedeck(home, "data", "check", str(path), "--json") == 1
    assert json.loads(capsys.readouterr().out)["outcome"] == "ask"
    words = ("data", "check", str(path), "--map", "prompt=act", "--map", "completion=reply", "--json")
    assert _tunedeck(home, *words) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 2


def test_no_dataset_is_1_and_an_object_still(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _tunedeck(home, "data", "check", str(tmp_path / "none.jsonl"), "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["outcome"], told["rows"], told["problems"]) == ("reject", 0, [])
    assert "There is no file" in told["sentence"]


def test_the_evaluation_file_is_compared(home: Home, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _tunedeck(home, "data", "check", str(file), "--evaluation", str(file), "--json") == 0
    (warning,) = json.loads(capsys.readouterr().out)["warnings"]
    assert (warning["kind"], warning["count"]) == ("overlap", 12)


def test_so_many_problems_are_named_as_are_asked_for(
    home: Home, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(file.read_text(encoding="utf-8") + "{broken\n" * 210, encoding="utf-8")
    for words, named, kept in (((), 10, 200), (("--problems", "15"), 15, 15), (("--problems", "all"), 210, 210)):
        assert _tunedeck(home, "data", "check", str(file), *words) == 0
        out = capsys.readouterr().out
        assert out.count("\n  Line ") == named
        assert (f"and {210 - named} more" in out) == (named < 210)
        assert _tunedeck(home, "data", "check", str(file), *words, "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert (len(told["problems"]), told["problems_kept"], told["problem_counts"]) == (
            kept,
            kept,
            {"broken_json": 210},
        )


def test_a_text_is_read_by_tokens_and_an_empty_word_is_no_file(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "prose.txt"
    path.write_text("One piece.\n\nAnd another.\n", encoding="utf-8")
    assert _tunedeck(home, "data", "check", str(path), "--text-by", "tokens", "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 1
    assert _tunedeck(home, "data", "check", "") == 1
    assert "No file is named" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["data"], ["data", "check"], ["data", "preview", "x"], ["data", "check", "x", "--rows"]]
)
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_a_preview_without_a_model_says_so(home: Home, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _tunedeck(home, "data", "preview", str(file), "--model", "some/model") == 1
    assert "not on this machine yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["data", "check", "rows.jsonl"],
        [
            "--json",
            "data",
            "check",
            "rows.csv",
            "--no-near",
            "--problems",
            "all",
            "--home",
            "here",
            "--map",
            "text=body",
        ],
        ["data", "preview", "rows.jsonl", "--model", "m", "--rows", "3", "--method", "dpo", "--loss-on", "everything"],
    ],
)
def test_the_quick_words_are_those_of_the_whole_command_line(words: list[str]) -> None:
    assert parse(words) == main.parse(words)


def test_a_check_loads_nothing_that_it_does_not_need(file: Path) -> None:
    code = f"""
import sys
from desktop import cli
assert cli.run(cli.parse(["data", "check", {str(file)!r}])) == 0
print(sorted({{"PySide6", "sqlalchemy", "pydantic", "numpy", "docker", "huggingface_hub"}} & set(sys.modules)))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert said.stdout.splitlines()[-1] == "[]"
