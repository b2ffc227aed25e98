"""The files and folders that a config names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop.core import inputs
from desktop.errors import ConfigError
from trainer_image.contract import RunConfig, check_config


def test_paths_are_looked_for_beside_the_config_first_then_here(tmp_path: Path) -> None:
    beside, here = tmp_path / "beside", tmp_path / "here"
    for folder, names in ((beside, ["both.jsonl"]), (here, ["both.jsonl", "one.jsonl"])):
        folder.mkdir()
        for name in names:
            (folder / name).touch()
    (here / "model").mkdir()
    bases = [beside, here]
    assert inputs.with_full_paths({"dataset": "both.jsonl"}, bases) == {"dataset": str(beside / "both.jsonl")}
    assert inputs.with_full_paths({"dataset": "one.jsonl"}, bases) == {"dataset": str(here / "one.jsonl")}
    assert inputs.with_full_paths({"dataset": "no.jsonl"}, bases) == {"dataset": str(beside / "no.jsonl")}
    assert inputs.with_full_paths({"model": "model"}, bases) == {"model": str(here / "model")}


@pytest.mark.parametrize("name", ["HuggingFaceTB/SmolLM2-135M-Instruct", "gpt2"])
def test_a_model_that_is_no_folder_is_a_hub_name(tmp_path: Path, name: str) -> None:
    assert inputs.with_full_paths({"model": name}, [tmp_path]) == {"model": name}


def test_a_file_with_a_hub_models_name_is_no_model_folder(tmp_path: Path) -> None:
    (tmp_path / "gpt2").touch()
    assert inputs.with_full_paths({"model": "gpt2"}, [tmp_path]) == {"model": "gpt2"}


def test_words_that_look_like_paths_become_full_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    full = inputs.with_full_paths({"model": "./nowhere", "dataset": "~/rows.jsonl"}, [tmp_path])
    assert full == {"model": str(tmp_path / "nowhere"), "dataset": str(tmp_path / "me" / "rows.jsonl")}
    assert inputs.with_full_paths({"model": "~/m"}, [tmp_path]) == {"model": str(tmp_path / "me" / "m")}


def test_values_of_the_wrong_kind_are_left_for_the_check(tmp_path: Path) -> None:
    values: dict[str, object] = {"model": 3, "dataset": None, "seed": "x"}
    assert inputs.with_full_paths(values, [tmp_path]) == values
    assert inputs.with_full_paths({"model": " ", "dataset": ""}, [tmp_path]) == {"model": " ", "dataset": ""}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(word=st.one_of(st.text(max_size=20), st.sampled_from(["~nobody/x", "x" * 300, "a\0b", "/root/x", "~", ".."])))
def test_no_word_is_too_strange(tmp_path: Path, word: str) -> None:
    """Whatever is typed into model and dataset comes out as text, and is then told to be missing."""
    full = inputs.with_full_paths({"model": word, "dataset": word}, [tmp_path])
    config, _ = check_config(full)
    if config is not None:
        with pytest.raises(ConfigError):
            inputs.check_inputs(config)


def test_inputs_that_are_there_pass(make_config: Callable[..., RunConfig]) -> None:
    inputs.check_inputs(make_config())
    inputs.check_inputs(make_config(model="some/hub-model"))


def test_inputs_that_are_missing_are_named(make_config: Callable[..., RunConfig], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no dataset file .*nothing\.jsonl") as caught:
        inputs.check_inputs(make_config(dataset=str(tmp_path / "nothing.jsonl")))
    assert caught.value.code == "dataset_missing"
    with pytest.raises(ConfigError, match="no dataset file"):
        inputs.check_inputs(make_config(dataset=str(tmp_path)))
    with pytest.raises(ConfigError, match="no model in the folder") as caught:
        inputs.check_inputs(make_config(model=str(tmp_path)))
    assert caught.value.code == "model_missing"


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_dataset_that_may_not_be_read(make_config: Callable[..., RunConfig], dataset: Path) -> None:
    dataset.chmod(0)
    with pytest.raises(ConfigError, match="may not be read"):
        inputs.check_inputs(make_config())


@pytest.fixture
def rewarded(make_config: Callable[..., RunConfig], tmp_path: Path) -> Callable[..., RunConfig]:
    """Make a config whose rewards need something on the disk."""

    def make(**knobs: str) -> RunConfig:
        kinds = {"reward_file": "custom", "reward_model": "model", "process_reward_model": "process"}
        return make_config(method="grpo", rewards=[kinds[name] for name in knobs], **knobs)

    return make


@pytest.mark.parametrize("knob", ["dataset", "reward_file", "reward_model", "process_reward_model"])
def test_every_path_becomes_full(tmp_path: Path, knob: str) -> None:
    beside = tmp_path / "beside"
    (beside / "here").mkdir(parents=True)
    bases = [beside, tmp_path]
    assert inputs.with_full_paths({knob: "here"}, bases) == {knob: str(beside / "here")}
    assert inputs.with_full_paths({knob: "nowhere"}, bases) == {knob: str(beside / "nowhere")}
    assert inputs.with_full_paths({knob: None}, bases) == {knob: None}


def test_a_reward_file_that_is_missing_is_named(rewarded: Callable[..., RunConfig], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no reward file .*mine\.py") as caught:
        inputs.check_inputs(rewarded(reward_file=str(tmp_path / "mine.py")))
    assert caught.value.code == "reward_missing"


def test_a_reward_file_is_read_and_not_run(rewarded: Callable[..., RunConfig], tmp_path: Path) -> None:
    file, trace = tmp_path / "mine.py", tmp_path / "it-ran"
    good = "def reward(completion, prompt, answer, row):\n    return 1.0\n"
    file.write_text(f"open({str(trace)!r}, 'w')\n{good}")
    inputs.check_inputs(rewarded(reward_file=str(file)))
    file.write_text(good.replace("def reward", "def rewrd"))
    with pytest.raises(ConfigError, match="cannot be used") as caught:
        inputs.check_inputs(rewarded(reward_file=str(file)))
    assert caught.value.code == "bad_reward"
    assert "no function reward" in caught.value.hint
    assert not trace.exists()


@pytest.mark.parametrize(
    ("knob", "method"), [("reward_model", "the method reward"), ("process_reward_model", "the method prm")]
)
def test_a_model_that_judges_is_an_adapter_or_a_model_folder(
    rewarded: Callable[..., RunConfig], tmp_path: Path, knob: str, method: str
) -> None:
    folder = tmp_path / "judge"
    for _ in range(2):  # missing, then empty
        with pytest.raises(ConfigError, match="no reward model in the folder") as caught:
            inputs.check_inputs(rewarded(**{knob: str(folder)}))
        assert method in caught.value.hint
        folder.mkdir(exist_ok=True)
    for name in ("adapter_config.json", "config.json"):
        (folder / name).write_text("{}")
        inputs.check_inputs(rewarded(**{knob: str(folder)}))
        (folder / name).unlink()
