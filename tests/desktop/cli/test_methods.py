"""The methods on the command line: their events in plain words, chains of runs, knobs that are lists and paths."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import SignalInstance

from desktop.cli import live
from desktop.cli.loop import wait_until
from desktop.core.run import RunState
from desktop.engine.launch import LaunchSpec
from tests.desktop.cli.conftest import Terminal
from tests.fakes import FakeTrainer
from trainer_image.contract import RunFolder

MakeRun = Callable[..., FakeTrainer]
Settle = Callable[[FakeTrainer, RunState], None]


@pytest.fixture
def write_config(config_file: Path) -> Callable[..., Path]:
    """Write the smallest config with knobs added."""

    def write(**knobs: object) -> Path:
        config_file.write_text(json.dumps({"model": "tiny-model", "dataset": "captain.jsonl", **knobs}))
        return config_file

    return write


def every_run_trains(terminal: Terminal) -> None:
    """Let each body train to its end at once and go."""

    def body(spec: LaunchSpec) -> None:
        FakeTrainer(RunFolder(spec.folder)).run(2)
        terminal.engines["docker"].exit(spec.id, 0)

    terminal.engines["docker"].on_start = body


# Events in words


def test_what_a_run_says_is_told_in_plain_sentences(terminal: Terminal, write_config: Callable[..., Path]) -> None:
    def body(spec: LaunchSpec) -> None:
        trainer = FakeTrainer(RunFolder(spec.folder), total_steps=3)
        trainer.phase("self_test", 1.0).placement("Two cards, a copy on each: the model fits one.", (0, 1))
        trainer.open_phase("data").count("data", 120_000, 1_000_000).count("data", 1_000_000, 1_000_000)
        trainer.begin().batch(4, 2).round(1)
        trainer.step(1, metrics={"reward": 0.25, "completions/mean_length": 80.0, "kl": None})
        for number in range(5):
            trainer.completion(1, reward=0.5, text=f"try {number}\n#### 4")
        trainer.run_out_of_memory().begin(resumed_from=None)
        trainer.wait(60).completion(2, reward=None, text="later")
        trainer.step(2).evaluate(2, 1.0, is_best=True, metrics={"reward": 0.75}).finish(3)

    terminal.engines["docker"].on_start = body
    said = terminal.type("train", str(write_config(method="grpo")))
    assert said.code == 0
    for sentence in (
        "letting the cards talk to each other ...",
        "Two cards, a copy on each: the model fits one.",
        "120,000 of 1,000,000 rows tokenised",
        "4 rows at once fill the card best.",
        "round 1 of 3: 40 of 100 problems solved, 12 more with the answer as a hint; 52 solutions are learned from",
        "reward 0.25  tokens an answer 80",
        "step 1: reward 0.50 for 'What is 2 + 2?' -> 'try 0 #### 4'",
        "out of memory (1 of 3): The memory was full. The run goes on with 1 instead of 2 rows at once.",
        "step 2: no reward for 'What is 2 + 2?' -> 'later'",
        "step 2: loss on the rows held back 1.000, reward 0.75 (the best so far)",
        "Best on the rows held back: step 2, loss 1.000.",
    ):
        assert sentence in said.err
    assert "try 1" not in said.err  # one now and then
    assert said.err.count("reading the data ...") == 3


def test_a_search_for_a_learning_rate_ends_with_its_suggestion(
    terminal: Terminal, write_config: Callable[..., Path]
) -> None:
    def body(spec: LaunchSpec) -> None:
        FakeTrainer(RunFolder(spec.folder)).begin().step(1).suggest(2e-4).finish_without_a_model(1)

    terminal.engines["docker"].on_start = body
    said = terminal.type("train", str(write_config()), "--set", "find_learning_rate=true")
    assert said.code == 0
    last = said.err.strip().splitlines()[-1]
    assert last.endswith("The loss falls fastest just below 0.0002. Use it: --set learning_rate=0.0002")
    assert "Adapter" not in last
    shown = terminal.type("runs", "show", "last", "--json").json
    assert shown["adapter"] is None
    assert shown["suggestion"]["value"] == 2e-4
    assert "kept no model" in terminal.refused("chat", "last", "--prompt", "Hi")


def test_show_has_what_the_method_said(terminal: Terminal, make_run: MakeRun, settle: Settle) -> None:
    trainer = make_run().placement("One card holds it.").begin().batch(4, 2)
    trainer.step(1, metrics={"reward": 0.5}).evaluate(1, 1.5, is_best=True, metrics={"kl": 0.25})
    trainer.run_out_of_memory().begin(resumed_from=1).round(1).step(2, metrics={"reward": float("nan")}).finish(2)
    settle(trainer, RunState.FINISHED)
    shown = terminal.type("runs", "show", "last", "--json").json
    assert shown["placement"] == {
        "placement": "one",
        "cards": [0],
        "processes": 1,
        "sentence": "One card holds it.",
        "predicted_bytes": [],
        "settings": {},
    }
    assert shown["batch"]["per_device_train_batch_size"] == 4
    assert shown["metrics"] == {"reward": None}
    assert (shown["evaluation"]["step"], shown["evaluation"]["metrics"]) == (1, {"kl": 0.25})
    assert shown["best_step"] == 1
    assert [(one["round"], one["solved"]) for one in shown["rounds"]] == [(1, 40)]
    assert [one["attempt"] for one in shown["out_of_memory"]] == [1]
    assert (shown["suggestion"], shown["after"]) == (None, None)
    words = terminal.type("runs", "show", "last").out
    assert "Ran on card 0 (NVIDIA H200)." in words, "the run has ended: that is a fact by now"
    assert "The memory was full." in words
    assert "step 1: loss 1.5, KL 0.25" in words


def test_a_run_of_the_first_contract_is_shown(terminal: Terminal, make_run: MakeRun, settle: Settle) -> None:
    trainer = make_run().run(2)
    settle(trainer, RunState.FINISHED)
    for name, keys in (("events.jsonl", ("metrics", "is_best", "best_step")), ("config.json", ("rewards", "packing"))):
        path = trainer.folder.path / name
        lines = path.read_text().splitlines() if name == "events.jsonl" else [path.read_text()]
        old = [{key: value for key, value in json.loads(line).items() if key not in keys} for line in lines]
        path.write_text("".join(json.dumps(one) + "\n" for one in old))
    shown = terminal.type("runs", "show", "last", "--json").json
    assert (shown["state"], shown["step"], shown["metrics"], shown["best_step"]) == ("finished", 2, {}, None)
    assert shown["adapter"] is not None


# Chains


def test_train_follows_both_runs_of_rlhf(terminal: Terminal, write_config: Callable[..., Path]) -> None:
    every_run_trains(terminal)
    said = terminal.type("train", str(write_config(method="rlhf")), "--name", "Captain", "--json")
    assert said.code == 0
    starts = [line for line in said.lines if line["kind"] == "started"]
    ends = [line["kind"] for line in said.lines if line["kind"] == "finished"]
    assert len(starts) == len(ends) == 2
    first, second = (Path(start["folder"]) for start in starts)
    assert terminal.engines["docker"].asked("start") == [(first.name,), (second.name,)]
    split = said.lines.index(starts[1])
    for lines, folder in ((said.lines[:split], first), (said.lines[split:], second)):
        assert [line["seq"] for line in lines[1:]] == list(range(1, len(lines)))
        assert lines[0]["id"] == folder.name
    assert terminal.type("runs", "show", second.name, "--json").json["after"] == first.name


def test_train_for_people_names_both_runs(terminal: Terminal, write_config: Callable[..., Path]) -> None:
    every_run_trains(terminal)
    said = terminal.type("train", str(write_config(method="rlhf")), "--name", "Captain")
    assert said.code == 0
    assert "Captain (1 of 2: reward model) (" in said.err
    assert "Captain (2 of 2: policy) (" in said.err
    assert said.err.count("Finished after 2 steps") == 2


def test_a_reward_model_that_fails_ends_both(terminal: Terminal, write_config: Callable[..., Path]) -> None:
    terminal.engines["docker"].on_start = lambda spec: FakeTrainer(RunFolder(spec.folder)).begin().fail() and None
    said = terminal.type("train", str(write_config(method="rlhf")), "--name", "Captain")
    assert said.code == 1
    assert "Captain (2 of 2: policy) was not started: Captain (1 of 2: reward model), which it needs" in said.err
    states = {run["name"][-7:]: run["state"] for run in terminal.type("runs", "list", "--json").json["runs"]}
    assert states == {" model)": "failed", "policy)": "cancelled"}


def test_detach_gives_both_ids_and_leaves_the_second_to_who_stays(
    terminal: Terminal, write_config: Callable[..., Path]
) -> None:
    every_run_trains(terminal)
    said = terminal.type("train", str(write_config(method="rlhf")), "--detach", "--json")
    assert set(said.json) == {"id", "folder", "state", "then"}
    (then,) = said.json["then"]
    assert then["state"] == "waiting"
    for words in (("list",), ("show", then["id"])):  # they do not stay, and start nothing
        terminal.type("runs", *words)
    assert terminal.engines["docker"].asked("start") == [(said.json["id"],)]
    followed = terminal.type("runs", "follow", then["id"], "--json")
    assert followed.code == 0
    assert (followed.lines[0]["state"], followed.lines[-1]["kind"]) == ("waiting", "finished")


def test_detach_says_in_words_who_starts_the_second(terminal: Terminal, write_config: Callable[..., Path]) -> None:
    said = terminal.type("train", str(write_config(method="rlhf")), "--detach", "--name", "Captain")
    second = terminal.engines["docker"].asked("start")
    listed = terminal.type("runs", "list", "--json").json["runs"][0]
    assert listed["state"] == "waiting"
    assert [listed["id"]] not in second
    assert (
        "Captain (2 of 2: policy) waits for Captain (1 of 2: reward model). "
        f"It starts by itself: tunedeck runs follow {listed['id']}" in said.out
    )
    assert "(waits for Captain (1 of 2: reward model))" in terminal.type("runs", "list").out


def test_what_waits_is_cancelled_by_its_word(terminal: Terminal, write_config: Callable[..., Path]) -> None:
    said = terminal.type("train", str(write_config(method="rlhf")), "--detach", "--json")
    second = said.json["then"][0]["id"]
    assert "is waiting, not running" in terminal.refused("runs", "pause", second)
    assert terminal.type("runs", "cancel", second, "--json").json == {"id": second, "state": "cancelled"}


def test_following_a_first_that_is_paused_says_that_the_second_waits(
    terminal: Terminal, write_config: Callable[..., Path]
) -> None:
    terminal.engines["docker"].on_start = lambda spec: (
        FakeTrainer(RunFolder(spec.folder)).begin().step(1).pause(1) and None
    )
    said = terminal.type("train", str(write_config(method="rlhf")), "--name", "Captain")
    assert said.code == 0
    assert "is paused at step 1" in said.err
    assert "Captain (2 of 2: policy) waits for" in said.err
    assert terminal.type("runs", "list", "--json").json["runs"][0]["state"] == "waiting"


def test_a_reward_model_is_not_talked_to(terminal: Terminal, write_config: Callable[..., Path]) -> None:
    every_run_trains(terminal)
    terminal.type("train", str(write_config(method="reward")), "--name", "Judge")
    assert "Judge is a model that judges answers" in terminal.refused("chat", "Judge", "--prompt", "Hi")


# Knobs


@pytest.mark.parametrize(
    ("setting", "knob", "value"),
    [
        ("rewards=exact_answer,format", "rewards", ["exact_answer", "format"]),
        ("rewards=exact_answer, number", "rewards", ["exact_answer", "number"]),
        ('rewards=["format"]', "rewards", ["format"]),
        ("reward_weights=1,0.2", "reward_weights", [1.0, 0.2]),
        ("reward_weights=[1, 0.5]", "reward_weights", [1.0, 0.5]),
        ("beta=", "beta", None),
    ],
)
def test_lists_of_words_and_numbers(
    terminal: Terminal, write_config: Callable[..., Path], setting: str, knob: str, value: object
) -> None:
    path = write_config(method="grpo", rewards=["exact_answer", "format"])
    assert terminal.type("config", "save", "mine", str(path), "--set", setting).code == 0
    assert terminal.type("config", "show", "mine", "--json").json[knob] == value


def test_a_reward_that_there_is_not(terminal: Terminal, write_config: Callable[..., Path]) -> None:
    sentence = terminal.refused("train", str(write_config(method="grpo")), "--set", "rewards=exact_answer,luck")
    assert "Rewards has to be one of exact_answer, number" in sentence


def test_paths_count_from_the_config_and_have_to_be_there(
    terminal: Terminal, write_config: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_config(
        method="grpo", rewards=["custom", "model"], reward_file="mine.py", reward_model="judge", reward_weights=[1, 1]
    )
    assert f"no reward file {tmp_path / 'mine.py'}" in terminal.refused("train", str(path))
    (tmp_path / "mine.py").write_text("def reward(completion, prompt, answer, row):\n    return 1.0\n")
    assert f"no reward model in the folder {tmp_path / 'judge'}" in terminal.refused("train", str(path))
    (tmp_path / "judge").mkdir()
    (tmp_path / "judge" / "adapter_config.json").write_text("{}")
    every_run_trains(terminal)
    assert terminal.type("train", str(path)).code == 0
    config = terminal.type("runs", "show", "last", "--json").json["config"]
    assert (config["reward_file"], config["reward_model"]) == (str(tmp_path / "mine.py"), str(tmp_path / "judge"))


def test_ppo_is_told_where_it_has_gone(terminal: Terminal, write_config: Callable[..., Path]) -> None:
    assert "Choose rlhf" in terminal.refused("train", str(write_config(method="ppo")))


def test_ctrl_c_while_waiting_leaves_it_waiting(
    terminal: Terminal, write_config: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = terminal.type("train", str(write_config(method="rlhf")), "--detach", "--json")
    second = said.json["then"][0]["id"]

    def wait(is_done: Callable[[], bool], *signals: SignalInstance) -> None:
        before = signal.getsignal(signal.SIGINT)

        def press() -> None:
            while signal.getsignal(signal.SIGINT) is before:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=press, daemon=True).start()
        wait_until(is_done, *signals)

    monkeypatch.setattr(live, "wait_until", wait)
    followed = terminal.type("runs", "follow", second)
    assert followed.code == 0
    assert "Following stopped." in followed.err
    assert f"tunedeck runs follow {second}" in followed.err
    assert terminal.type("runs", "show", second, "--json").json["state"] == "waiting"
