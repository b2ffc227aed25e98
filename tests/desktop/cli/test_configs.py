"""``config``, and how CONFIG and --set become a RunConfig."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.desktop.cli.conftest import Terminal
from trainer_image.contract import CONTRACT


def test_a_config_from_its_saving_to_its_end(
    terminal: Terminal, config_file: Path, model_folder: Path, dataset: Path
) -> None:
    assert terminal.type("config", "list", "--json").json == {"configs": []}
    assert terminal.type("config", "save", "mine", str(config_file), "--json").json == {"name": "mine"}
    shown = terminal.type("config", "show", "mine", "--json").json
    assert (shown["model"], shown["dataset"], shown["method"]) == (str(model_folder), str(dataset), "sft")
    (listed,) = terminal.type("config", "list", "--json").json["configs"]
    assert (listed["name"], listed["config"]) == ("mine", shown)
    assert terminal.type("config", "rename", "mine", "yours", "--json").json == {"name": "yours"}
    assert "no saved config called mine" in terminal.refused("config", "show", "mine")
    assert terminal.type("config", "save", "copy", "yours", "--set", "seed=1").code == 0
    assert terminal.type("config", "show", "copy", "--json").json == {**shown, "seed": 1}
    assert terminal.type("config", "delete", "yours", "--json").json == {"deleted": "yours"}
    assert "no saved config called yours" in terminal.refused("config", "delete", "yours")
    assert [one["name"] for one in terminal.type("config", "list", "--json").json["configs"]] == ["copy"]


def test_what_was_deleted_or_saved_over_can_be_restored(terminal: Terminal, config_file: Path) -> None:
    assert terminal.type("config", "restore").out == "No config was deleted.\n"
    terminal.type("config", "save", "my own", str(config_file), "--set", "seed=1", "--engine", "process")
    terminal.type("config", "note", "my own", "for the ship's log")
    before = terminal.type("config", "list", "--json").json["configs"]
    terminal.type("config", "delete", "my own")
    assert "There is no saved config called my own" in terminal.refused("config", "delete", "my own")
    assert terminal.type("config", "restore").out.startswith("my own  ")
    assert terminal.type("config", "restore", "my own", "--json").json == {"name": "my own"}
    assert terminal.type("config", "list", "--json").json["configs"] == before
    assert terminal.type("config", "restore", "--json").json == {"deleted": []}
    assert "No deleted config is called my own" in terminal.refused("config", "restore", "my own")
    over = terminal.type("config", "save", "my own", str(config_file), "--set", "seed=2")
    assert over.out == "Saved as my own. The older one comes back by `tunedeck config restore 'my own' NEW_NAME`.\n"
    assert "There is already a config called my own" in terminal.refused("config", "restore", "my own")
    assert terminal.type("config", "restore", "my own", "old").out == "old is back.\n"
    seeds = [terminal.type("config", "show", name, "--json").json["seed"] for name in ("old", "my own")]
    assert seeds == [1, 2]
    assert terminal.type("config", "save", "my own", str(config_file), "--set", "seed=2").out == "Saved as my own.\n"


def test_knobs_without_an_effect_are_told(terminal: Terminal, config_file: Path) -> None:
    search = ["--set", "find_learning_rate=true", "--set", "learning_rate=1e-3", "--set", "save_steps=5"]
    said = terminal.type("config", "save", "search", str(config_file), *search, "--set", "save_total_limit=1")
    assert (said.code, said.out) == (0, "Saved as search.\n")
    assert said.err.startswith("tunedeck: learning_rate has no effect here. The search")
    assert "save_steps and save_total_limit have no effect here. The search" in said.err
    assert "optim" not in said.err
    assert terminal.type("config", "save", "plain", str(config_file), "--set", "learning_rate=1e-3").err == ""


def test_what_is_shown_can_be_saved_again(terminal: Terminal, config_file: Path, tmp_path: Path) -> None:
    terminal.type("config", "save", "mine", str(config_file))
    (tmp_path / "again.json").write_text(terminal.type("config", "show", "mine").out)
    assert terminal.type("config", "save", "again", str(tmp_path / "again.json")).code == 0
    shown = [terminal.type("config", "show", name, "--json").json for name in ("mine", "again")]
    assert shown[0] == shown[1]


def test_for_people_the_words_are_plain(terminal: Terminal, config_file: Path) -> None:
    assert "No config is saved yet" in terminal.type("config", "list").out
    assert terminal.type("config", "save", "mine", str(config_file)).out == "Saved as mine.\n"
    assert terminal.type("config", "list").out.startswith("mine  ")
    assert terminal.type("config", "rename", "mine", "yours").out == "Now called yours.\n"
    deleted = terminal.type("config", "delete", "yours").out
    assert deleted == "Deleted yours. It comes back by `tunedeck config restore yours`.\n"
    assert terminal.type("config", "restore", "yours").out == "yours is back.\n"


@pytest.mark.parametrize(
    ("setting", "knob", "value"),
    [
        ("learning_rate=1e-3", "learning_rate", 1e-3),
        ("max_steps=7", "max_steps", 7),
        ("max_steps=", "max_steps", None),
        ("max_steps=None", "max_steps", None),
        ("load_in_4bit=true", "load_in_4bit", True),
        ("gpus=", "gpus", None),
        ("gpus=0,2", "gpus", [0, 2]),
        ("gpus=[1]", "gpus", [1]),
        ("gpus=[]", "gpus", []),
        ("target_modules=q_proj,v_proj", "target_modules", "q_proj,v_proj"),
        ("sample_prompts=Hi", "sample_prompts", ["Hi"]),
        ('sample_prompts=["One, two?", "a=b"]', "sample_prompts", ["One, two?", "a=b"]),
        ("model=org/name", "model", "org/name"),
    ],
)
def test_set_changes_a_knob(terminal: Terminal, config_file: Path, setting: str, knob: str, value: object) -> None:
    assert terminal.type("config", "save", "mine", str(config_file), "--set", setting).code == 0
    assert terminal.type("config", "show", "mine", "--json").json[knob] == value


def test_every_problem_is_told_at_once(terminal: Terminal, config_file: Path) -> None:
    words = ["config", "save", "mine", str(config_file)]
    for setting in ("lora_r=0", "learning_rat=1", "seed=x", "lr_scheduler_type=wavy"):
        words += ["--set", setting]
    sentence = terminal.refused(*words)
    for part in ("LoRA rank has to be 1 or more", "Did you mean learning_rate?", "Seed has to be a whole", "cosine"):
        assert part in sentence
    assert terminal.type("config", "list", "--json").json == {"configs": []}


def test_a_set_without_a_value(terminal: Terminal, config_file: Path) -> None:
    assert "--set seed has no value" in terminal.refused("config", "save", "m", str(config_file), "--set", "seed")


def test_the_last_of_two_settings_wins(terminal: Terminal, config_file: Path) -> None:
    terminal.type("config", "save", "mine", str(config_file), "--set", "seed=1", "--set", "seed=2")
    assert terminal.type("config", "show", "mine", "--json").json["seed"] == 2


@pytest.mark.parametrize(
    "word",
    ["nothing", "nothing.json", '{"model": "' + "m" * 300 + '", "dataset": "d"}', "~nobody-here/config.json", "."],
)
def test_a_config_word_that_means_nothing(terminal: Terminal, word: str) -> None:
    assert "no config file and no saved config" in terminal.refused("config", "save", "mine", word)


def test_a_config_file_that_is_broken(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("{")
    assert "is not JSON" in terminal.refused("config", "save", "mine", str(path))
    path.write_text(json.dumps({"model": "m"}))
    assert "Dataset is missing" in terminal.refused("config", "save", "mine", str(path))


@pytest.mark.parametrize("name", ["", "  ", "(last used)"])
def test_names_that_are_none(terminal: Terminal, config_file: Path, name: str) -> None:
    assert "needs a name" in terminal.refused("config", "save", name, str(config_file))
    terminal.type("config", "save", "mine", str(config_file))
    assert "needs a name" in terminal.refused("config", "rename", "mine", name)


def test_copies_notes_and_engines(terminal: Terminal, config_file: Path) -> None:
    terminal.type("config", "save", "mine", str(config_file), "--engine", "process")
    assert terminal.type("config", "note", "mine", "for the ship's log").out == "for the ship's log\n"
    assert terminal.type("config", "duplicate", "mine", "--json").json == {"name": "mine 2"}
    assert "already a config called mine 2" in terminal.refused("config", "duplicate", "mine", "mine 2")
    (first, second) = terminal.type("config", "list", "--json").json["configs"]
    assert (second["notes"], second["engine"], second["contract"]) == ("for the ship's log", "process", CONTRACT)
    assert terminal.type("config", "list").out.splitlines()[0].endswith("for the ship's log")
    assert first["config"] == second["config"]
    assert terminal.type("config", "list", "--engine", "docker", "--json").json == {"configs": []}
    assert terminal.type("config", "note", "mine", "").out == "No notes.\n"


def test_out_into_a_file_and_in_again(terminal: Terminal, config_file: Path, tmp_path: Path) -> None:
    terminal.type("config", "save", "mine", str(config_file))
    out = tmp_path / "out.json"
    assert terminal.type("config", "export", "mine", str(out), "--json").json == {"file": str(out)}
    assert terminal.type("config", "import", str(out)).out == "Saved as mine 2.\n"
    assert terminal.type("config", "import", str(out), "--name", "theirs", "--json").json == {"name": "theirs"}
    shown = [terminal.type("config", "show", name, "--json").json for name in ("mine", "mine 2", "theirs")]
    assert shown[0] == shown[1] == shown[2]
    assert terminal.type("config", "save", "again", str(out), "--set", "seed=9").code == 0
    assert terminal.type("config", "show", "again", "--json").json == {**shown[0], "seed": 9}


def test_what_only_a_newer_version_knows_is_said(terminal: Terminal, config_file: Path, tmp_path: Path) -> None:
    terminal.type("config", "save", "mine", str(config_file))
    out = tmp_path / "out.json"
    terminal.type("config", "export", "mine", str(out))
    content = json.loads(out.read_text())
    content["config"]["knob_of_tomorrow"] = 3
    out.write_text(json.dumps({**content, "contract": CONTRACT + 1}))
    said = terminal.type("config", "import", str(out), "--name", "theirs")
    assert (said.code, said.out) == (0, "Saved as theirs.\n")
    assert "no knob called knob_of_tomorrow" in said.err
    terminal.type("config", "export", "theirs", str(out))
    assert json.loads(out.read_text())["config"]["knob_of_tomorrow"] == 3
