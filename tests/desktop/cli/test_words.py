"""What the words mean: window or not, exit codes, sentences."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from desktop import cli
from desktop.cli import main as main_module
from desktop.paths import PROJECT
from tests.desktop.cli.conftest import Terminal


@pytest.mark.parametrize(
    ("words", "wants_window"),
    [
        ([], True),
        (["--home", "/tmp/x"], True),
        (["demo"], True),
        (["demo", "--headless"], False),
        (["demo", "--json"], False),
        (["doctor"], False),
        (["runs", "list"], False),
    ],
)
def test_when_a_window_is_wanted(words: list[str], wants_window: bool) -> None:
    assert cli.parse(words).wants_window is wants_window


def test_json_and_home_may_stand_anywhere(tmp_path: Path) -> None:
    home = str(tmp_path)
    for words in (
        ["--home", home, "--json", "runs", "show", "r1"],
        ["runs", "--json", "show", "--home", home, "r1"],
        ["runs", "show", "r1", f"--home={home}", "--json"],
    ):
        asked = cli.parse(words)
        assert (asked.home.path, asked.arguments.json, asked.arguments.run) == (tmp_path, True, "r1")
    assert not cli.parse(["runs", "list"]).arguments.json


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["runs"],
        ["runs", "nonsense"],
        ["runs", "show"],
        ["train"],
        ["train", "c", "--engine", "kubernetes"],
        ["chat", "r1", "--against", "everybody"],
        ["chat", "r1", "--checkpoint", "last"],
        ["config"],
        ["image"],
        ["--home"],
    ],
)
def test_wrong_usage_is_2(terminal: Terminal, words: list[str]) -> None:
    said = terminal.type(*words)
    assert said.code == 2
    assert "usage: tunedeck" in said.err


def test_help_is_0_and_names_every_word(terminal: Terminal) -> None:
    said = terminal.type("--help")
    assert said.code == 0
    for word in ("demo", "doctor", "image", "train", "runs", "chat", "config", "schema"):
        assert word in said.out
    assert terminal.type("runs", "--help").code == 0


def test_a_mistake_of_the_user_is_one_sentence_and_1(terminal: Terminal) -> None:
    assert terminal.refused("runs", "show", "nothing") == (
        "tunedeck: There is no run called nothing. `tunedeck runs list` shows them.\n"
    )


def test_with_json_the_error_is_an_object_too(terminal: Terminal) -> None:
    said = terminal.type("config", "show", "nothing", "--json")
    assert said.code == 1
    assert said.json["error"]["sentence"] == "There is no saved config called nothing."
    assert set(said.json["error"]) == {"code", "sentence", "hint"}
    assert said.err.startswith("tunedeck: ")


def test_a_home_that_cannot_be_made(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sentence = terminal.refused("runs", "list", "--home", str(tmp_path / "file" / "home"))
    assert "--home" in sentence


@pytest.mark.parametrize("words", [("runs", "list"), ("config", "list"), ("doctor",)])
def test_a_database_that_cannot_be_read(terminal: Terminal, words: tuple[str, ...]) -> None:
    terminal.home.database.write_bytes(b"nonsense" * 1000)
    assert "tunedeck runs rebuild" in terminal.refused(*words)


def test_ctrl_c_is_130(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = cli.parse(["schema"])

    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(asked.arguments, "command", interrupted)
    assert main_module.run(asked) == 130


def test_the_schema_is_that_of_the_contract(terminal: Terminal) -> None:
    said = terminal.type("schema", "--json")
    assert said.code == 0
    assert set(said.json) == {"contract", "config", "event", "request"}
    assert "lora_r" in said.json["config"]["properties"]
    assert json.loads(terminal.type("schema").out) == said.json


def tunedeck(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run(
        [sys.executable, "-m", "desktop", "--home", str(home), *words],
        cwd=PROJECT,
        env={**environment, "DOCKER_HOST": f"unix://{home}/none.sock", "DOCKER_CONFIG": str(home / "none")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_program_itself(tmp_path: Path) -> None:
    done = tunedeck("runs", "list", "--json", home=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"runs": []}\n', "")
    wrong = tunedeck("runs", "show", "x", home=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.count("\n") == 1


def test_the_desktop_never_imports_the_trainers_libraries(tmp_path: Path) -> None:
    code = (
        "import sys; from desktop.cli import main; from desktop.controllers import assembly; "
        "print([name for name in ('torch', 'transformers', 'unsloth', 'trl', 'peft') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    script = f'"{sys.executable}" -m desktop --home "{tmp_path}" schema | head -c 10; echo " ${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.endswith(" 0\n")
    assert done.stderr == ""
