"""The launcher beside a trainer that ends in planted ways: what it starts again, what it says, how it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trainer_image.cards.visible import Card
from trainer_image.contract import Adjustments, Launch, RunConfig, RunFolder, read_event
from trainer_image.contract.standby import Standby, left_file, take_standby, taken_file, waiting_file
from trainer_image.fitting.memory import CONTEXT_BYTES, GIB
from trainer_image.launching.standby import held_bytes
from trainer_image.start import smaller

ROOT = Path(__file__).parents[2]
STARTER = """
import sys
from trainer_image import start
from trainer_image.cards import watchdog
start.TRAINER = "fake_trainer"
watchdog.LOOK_S = 0.1
sys.exit(start.main(sys.argv[1:]))
"""


@dataclass
class Launched:
    """A run folder and the launcher that works in it."""

    folder: RunFolder
    plans: list[Any]
    knobs: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Launched:
        self.write_config()
        return self.begin()

    def stand(self, idle_seconds: float = 60, **likely: Any) -> Launched:
        """Start a launcher that stands by for a run with these knobs besides its own."""
        config = RunConfig.model_validate({**self.values(), **likely})
        note = Standby(engine="process", digest="", config=config, idle_seconds=idle_seconds)
        waiting_file(self.folder).write_text(note.model_dump_json())
        return self.begin("--standby")

    def go(self) -> None:
        """Take the launcher for the run."""
        self.write_config()
        assert take_standby(self.folder)

    def write_config(self) -> None:
        self.folder.config.write_text(json.dumps(self.values()))

    def values(self) -> dict[str, Any]:
        model, dataset = self.folder.path / "model", self.folder.path / "rows.jsonl"
        return {"model": str(model), "dataset": str(dataset), "gpus": [], **self.knobs}

    def begin(self, *words: str) -> Launched:
        (self.folder.path / "plan.json").write_text(json.dumps(self.plans))
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)]),
            **self.variables,
        }
        self.process = subprocess.Popen([sys.executable, "-c", STARTER, str(self.folder.path), *words], env=environment)
        return self

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(60)

    def run(self) -> int:
        return self.start().wait()

    def events(self) -> list[Any]:
        return [read_event(line) for line in self.folder.events.read_bytes().splitlines()]

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events()]

    def wait_for(self, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not is_there():
            assert time.monotonic() < deadline, self.folder.log.read_text()
            time.sleep(0.01)

    def wait_for_step(self) -> None:
        self.wait_for(lambda: self.folder.events.exists() and b'"kind":"step"' in self.folder.events.read_bytes())

    def trainers(self) -> list[int]:
        """Return the trainers' process ids that are there."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if b"fake_trainer" in words and str(self.folder.path).encode() in words:
                found.append(int(path.parent.name))
        return found


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Launched]]:
    made: list[Launched] = []

    def make(*plans: Any, variables: dict[str, str] | None = None, **knobs: Any) -> Launched:
        made.append(Launched(RunFolder(tmp_path), list(plans), knobs, variables or {}))
        return made[-1]

    yield make
    for one in made:
        if one.process is not None and one.process.poll() is None:
            one.process.kill()
            one.process.wait()


TWO = {"TUNEDECK_CPU_PROCESSES": "2"}


def test_a_run_that_finishes(launch: Callable[..., Launched]) -> None:
    run = launch(["step", "finish"])
    assert run.run() == 0
    assert run.kinds() == ["placement", "hello", "step", "finished"]
    placement = run.events()[0]
    assert (placement.placement, placement.cards, placement.processes) == ("one", [], 1)
    assert [event.seq for event in run.events()] == [1, 2, 3, 4]
    told = json.loads((run.folder.path / "environment.0.json").read_text())
    assert told["TUNEDECK_SUPERVISED"] == "1"
    assert told["TUNEDECK_PLACEMENT"] == "one"
    assert "RANK" not in told


def test_several_processes_know_their_place(launch: Callable[..., Launched]) -> None:
    run = launch(["finish"], variables=TWO)
    assert run.run() == 0
    assert (run.events()[0].placement, run.events()[0].processes) == ("data_parallel", 2)
    told = [json.loads((run.folder.path / f"environment.{rank}.json").read_text()) for rank in range(2)]
    assert [(one["RANK"], one["LOCAL_RANK"], one["WORLD_SIZE"]) for one in told] == [("0", "0", "2"), ("1", "1", "2")]
    assert told[0]["MASTER_ADDR"] == "127.0.0.1"
    assert told[0]["MASTER_PORT"] == told[1]["MASTER_PORT"]


def test_full_memory_goes_on_with_half_the_rows(launch: Callable[..., Launched]) -> None:
    knobs = {"per_device_train_batch_size": 6, "gradient_accumulation_steps": 2}
    run = launch(["step", "memory"], ["memory"], ["step", "finish"], **knobs)
    assert run.run() == 0
    assert run.kinds() == ["placement", "hello", "step", *["out_of_memory", "hello"] * 2, "step", "finished"]
    tries = [event for event in run.events() if event.kind == "out_of_memory"]
    assert [(one.attempt, one.attempts) for one in tries] == [(1, 3), (2, 3)]
    cuts = [(one.per_device_train_batch_size, one.gradient_accumulation_steps) for one in tries]
    assert cuts == [(3, 4), (1, 12)]
    assert "3 instead of 6 rows at once" in tries[0].sentence
    assert [event.backend for event in run.events() if event.kind == "hello"] == ["fake x6", "fake x3", "fake x1"]


def test_what_was_cut_holds_for_a_later_start(launch: Callable[..., Launched]) -> None:
    run = launch(["memory"], ["finish"], per_device_train_batch_size=4)
    assert run.run() == 0
    assert run.run() == 0
    assert [event.backend for event in run.events() if event.kind == "hello"] == ["fake x4", "fake x2", "fake x2"]


def test_memory_that_is_always_full_ends_the_run(launch: Callable[..., Launched]) -> None:
    run = launch(["memory"], per_device_train_batch_size=64, oom_retries=2)
    assert run.run() == 1
    assert run.kinds() == ["placement", *["hello", "out_of_memory"] * 2, "hello", "failed"]
    failed = run.events()[-1]
    assert failed.code == "out_of_memory"
    assert "Rows at once" in failed.hint
    assert "OutOfMemoryError" in failed.traceback


def test_one_row_at_once_cannot_be_halved(launch: Callable[..., Launched]) -> None:
    run = launch(["memory"], per_device_train_batch_size=1)
    assert run.run() == 1
    assert run.kinds() == ["placement", "hello", "failed"]


def test_full_memory_in_one_process_is_the_cause_of_the_others_trouble(launch: Callable[..., Launched]) -> None:
    ways = {"0": ["connection"], "1": ["wait for the others", "memory"]}
    run = launch(ways, ["finish"], variables=TWO)
    assert run.run() == 0
    assert "out_of_memory" in run.kinds()
    assert run.kinds()[-1] == "finished"


def test_the_first_trouble_is_told_and_a_process_that_waits_is_ended(launch: Callable[..., Launched]) -> None:
    run = launch({"0": ["step", "hang"], "1": ["bad data"]}, variables=TWO)
    assert run.run() == 1
    failed = run.events()[-1]
    assert (failed.code, failed.sentence, failed.hint) == ("bad_data", "Row 7 is bad.", "Mend it.")
    assert run.trainers() == []


@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_that_hangs_is_ended_with_stacks_in_the_log(launch: Callable[..., Launched], processes: int) -> None:
    variables = {"TUNEDECK_CPU_PROCESSES": str(processes), "TUNEDECK_HANG_S": "0.5"}
    run = launch(["step", "hang"], variables=variables)
    assert run.run() == 1
    failed = run.events()[-1]
    assert failed.code == "hung"
    assert ("cards" in failed.hint) is (processes == 2)
    assert run.folder.log.read_text().count("in hang") == processes
    assert run.trainers() == []


@pytest.mark.parametrize(
    ("word", "exit_code", "code", "words"),
    [
        ("vanish", 3, "crashed", "exit code 3"),
        ("leave", 1, "crashed", "exit code 0"),
        ("segfault", 139, "crashed", "SIGSEGV"),
        ("watchdog", 134, "hung", "waited for each other"),
        ("bad data", 1, "bad_data", "Row 7"),
    ],
)
def test_an_end_without_a_word_gets_one(
    launch: Callable[..., Launched], word: str, exit_code: int, code: str, words: str
) -> None:
    run = launch(["step", word])
    assert run.run() == exit_code
    failed = run.events()[-1]
    assert failed.code == code
    assert words in failed.sentence
    if word == "vanish":
        assert "Fatal error in a library" in failed.traceback


def test_what_is_killed_from_outside_is_not_explained(launch: Callable[..., Launched]) -> None:
    run = launch(["step", "killed"])
    assert run.run() == 137
    assert run.kinds() == ["placement", "hello", "step"]


def test_a_process_killed_from_outside_is_not_taken_for_its_neighbours_crash(launch: Callable[..., Launched]) -> None:
    """The kernel ended it for memory, and only the engine knows that: no end is told here."""
    ways = {"0": ["step", "wait for the others", "connection"], "1": ["killed"]}
    run = launch(ways, variables=TWO)
    assert run.run() == 137
    assert "failed" not in run.kinds()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_wish_to_end_reaches_every_process(launch: Callable[..., Launched], number: int) -> None:
    run = launch(["step", "pause"], variables=TWO).start()
    run.wait_for(lambda: (run.folder.path / "environment.1.json").exists())
    run.wait_for_step()
    assert run.process is not None
    run.process.send_signal(number)
    assert run.wait() == 0
    assert run.kinds()[-1] == "paused"
    assert (run.folder.path / "paused.1").exists()


def test_the_trainer_does_not_outlive_its_launcher(launch: Callable[..., Launched]) -> None:
    run = launch(["step", "pause"]).start()
    run.wait_for_step()
    assert len(run.trainers()) == 1
    assert run.process is not None
    run.process.kill()
    run.wait_for(lambda: not run.trainers())


@pytest.mark.parametrize(
    ("knobs", "code"),
    [({"lora_r": -1}, "bad_config"), ({"gpus": [7]}, "gpu_missing"), ({"placement": "split"}, "gpu_missing")],
)
def test_what_cannot_start_is_told_before_the_trainer(
    launch: Callable[..., Launched], knobs: dict[str, Any], code: str
) -> None:
    run = launch(["finish"], **knobs)
    assert run.run() == 1
    assert [(event.kind, event.code) for event in run.events()] == [("failed", code)]


@pytest.mark.parametrize(
    ("rows", "accumulation", "half"),
    [(8, 4, (4, 8)), (6, 1, (3, 2)), (3, 4, (1, 12)), (5, 2, (2, 5)), (7, 1, (1, 7)), (9, 2, (3, 6)), (2, 1, (1, 2))],
)
def test_the_batch_of_a_step_stays_exactly_as_large(rows: int, accumulation: int, half: tuple[int, int]) -> None:
    config = RunConfig(
        model="m", dataset="d", per_device_train_batch_size=rows, gradient_accumulation_steps=accumulation
    )
    found = smaller(config, Adjustments())
    assert found is not None
    assert (found.per_device_train_batch_size, found.gradient_accumulation_steps) == half
    assert half[0] * half[1] == rows * accumulation


def test_kto_keeps_the_two_rows_that_it_compares() -> None:
    config = RunConfig(model="m", dataset="d", method="kto", per_device_train_batch_size=4)
    found = smaller(config, Adjustments())
    assert found is not None
    assert found.per_device_train_batch_size == 2
    assert smaller(config, found) is None


def test_a_card_that_was_filled_by_choice_gets_checkpointing_at_last() -> None:
    config = RunConfig(model="m", dataset="d", auto_batch=True, gradient_accumulation_steps=1)
    chosen = Adjustments(per_device_train_batch_size=1, gradient_accumulation_steps=2, gradient_checkpointing=False)
    found = smaller(config, chosen)
    assert found == chosen.model_copy(update={"gradient_checkpointing": True, "oom_attempts": 1})
    assert smaller(config, found) is None


# Trouble that pauses


def test_a_full_disk_pauses_at_the_last_checkpoint(launch: Callable[..., Launched]) -> None:
    run = launch(["step", "save", "step", "disk"])
    assert run.run() == 0
    assert run.kinds() == ["placement", "hello", "step", "step", "paused"]
    paused = run.events()[-1]
    assert (paused.code, paused.step, paused.checkpoint) == ("disk_full", 1, "checkpoints/checkpoint-1")
    assert paused.sentence == "The disk is full."
    assert "resume" in paused.hint


@pytest.mark.parametrize(("wish", "end"), [("pause", "paused"), ("stop", "failed"), ("tell", "failed")])
def test_a_loss_that_explodes_pauses_or_ends_the_run(launch: Callable[..., Launched], wish: str, end: str) -> None:
    run = launch(["step", "diverge"], on_trouble=wish)
    run.run()
    assert (run.kinds()[-1], run.events()[-1].code) == (end, "diverged")
    if end == "paused":
        assert (run.events()[-1].step, run.events()[-1].checkpoint) == (0, None)


def test_full_memory_while_generating_is_not_tried_with_smaller_micro_batches(launch: Callable[..., Launched]) -> None:
    rewarded = {"method": "grpo", "rewards": ["length"], "reward_length": 5}
    run = launch(["memory of the answers"], per_device_train_batch_size=8, **rewarded)
    assert run.run() == 1
    assert run.kinds() == ["placement", "hello", "failed"]
    assert (run.events()[-1].code, "Longest answer" in run.events()[-1].hint) == ("out_of_memory", True)
    again = launch(["memory"], ["finish"], per_device_train_batch_size=8, **rewarded)
    again.folder.events.unlink()
    (again.folder.path / "tries.0").unlink()
    assert again.run() == 0
    assert again.kinds().count("out_of_memory") == 1


def test_a_damaged_checkpoint_is_put_aside_before_the_trainer_starts(launch: Callable[..., Launched]) -> None:
    run = launch(["step", "save", "step", "save", "finish"])
    assert run.run() == 0
    (run.folder.checkpoint(2) / "trainer_state.json").write_text("{")
    run.run()
    warned = [event for event in run.events() if event.kind == "warning"]
    assert [event.code for event in warned] == ["checkpoint_damaged_2"]
    assert (run.folder.checkpoints / "damaged-checkpoint-2").is_dir()


# A trainer that stands ready


def stood_by(run: Launched, rank: int = 0) -> int:
    """Return the process that has made its imports and waits."""
    run.wait_for(lambda: (run.folder.path / f".ready.{rank}").exists())
    return int((run.folder.path / f"imported.{rank}").read_text().split()[0])


def test_a_run_is_made_by_the_trainer_that_stood_ready(launch: Callable[..., Launched]) -> None:
    run = launch(["step", "finish"], max_steps=3).stand(max_steps=9)
    process = stood_by(run)
    assert run.folder.events.read_bytes() == b""
    run.go()
    assert run.wait() == 0
    assert run.kinds() == ["placement", "hello", "step", "finished"]
    told = json.loads((run.folder.path / "environment.0.json").read_text())
    assert told["TUNEDECK_SUPERVISED"] == "1"
    assert "TUNEDECK_STANDBY" not in told
    assert int((run.folder.path / "imported.0").read_text().split()[0]) == process
    assert process == int((run.folder.path / "process.0").read_text())
    left = [path.name for path in run.folder.path.iterdir() if "standby" in path.name or "ready" in path.name]
    assert left == []


def test_several_processes_stand_ready_together(launch: Callable[..., Launched]) -> None:
    run = launch(["finish"], variables=TWO).stand()
    stood = [stood_by(run, rank) for rank in range(2)]
    run.go()
    assert run.wait() == 0
    assert [int((run.folder.path / f"process.{rank}").read_text()) for rank in range(2)] == stood
    told = [json.loads((run.folder.path / f"environment.{rank}.json").read_text()) for rank in range(2)]
    assert told[0]["MASTER_PORT"] == told[1]["MASTER_PORT"]
    assert [one["RANK"] for one in told] == ["0", "1"]


def test_a_run_that_is_taken_before_the_imports_are_done_waits_for_them(launch: Callable[..., Launched]) -> None:
    run = launch(["finish"]).stand()
    run.go()
    assert run.wait() == 0
    assert run.kinds() == ["placement", "hello", "finished"]


def test_a_run_of_other_variables_gets_processes_of_its_own(launch: Callable[..., Launched]) -> None:
    run = launch(["finish"], gpus=None).stand(gpus=[])
    process = stood_by(run)
    run.go()
    assert run.wait() == 0
    assert run.kinds() == ["placement", "hello", "finished"]
    assert int((run.folder.path / "process.0").read_text()) != process
    assert run.trainers() == []


def test_a_run_whose_trainer_was_not_rewritten_gets_processes_of_its_own(launch: Callable[..., Launched]) -> None:
    run = launch(["finish"], method="dpo").stand(method="sft")
    process = stood_by(run)
    run.go()
    assert run.wait() == 0
    assert int((run.folder.path / "process.0").read_text()) != process
    assert run.trainers() == []


def test_full_memory_after_standing_ready_goes_on_with_fresh_processes(launch: Callable[..., Launched]) -> None:
    run = launch(["step", "memory"], ["finish"], per_device_train_batch_size=4).stand()
    process = stood_by(run)
    run.go()
    assert run.wait() == 0
    assert run.kinds() == ["placement", "hello", "step", "out_of_memory", "hello", "finished"]
    assert int((run.folder.path / "process.0").read_text()) != process


def test_what_cannot_start_is_told_though_a_trainer_stood_ready(launch: Callable[..., Launched]) -> None:
    run = launch(["finish"], gpus=[7]).stand(gpus=[])
    stood_by(run)
    run.go()
    assert run.wait() == 1
    assert [(event.kind, event.code) for event in run.events()] == [("failed", "gpu_missing")]
    run.wait_for(lambda: not run.trainers())


def test_a_mistake_while_standing_by_is_told_by_the_run_that_took_it(launch: Callable[..., Launched]) -> None:
    run = launch(["finish"], variables={"TUNEDECK_CPU_PROCESSES": "many"})
    run.write_config()
    taken_file(run.folder).touch()
    assert run.stand().wait() == 1
    assert run.kinds() == ["failed"]
    assert not waiting_file(run.folder).exists()


@pytest.mark.parametrize("how", ["idle", "signal", "dismissed", "folder gone", "imports fail", "no note"])
def test_a_trainer_that_nobody_takes_leaves_without_a_word(launch: Callable[..., Launched], how: str) -> None:
    run = launch(["finish"])
    if how == "imports fail":
        (run.folder.path / "imports fail").touch()
    run.stand(idle_seconds=1 if how == "idle" else 60)
    assert run.process is not None
    if how in ("signal", "dismissed", "folder gone"):
        stood_by(run)
    if how == "signal":
        run.process.send_signal(signal.SIGTERM)
    elif how == "dismissed":
        waiting_file(run.folder).rename(left_file(run.folder))
    elif how in ("folder gone", "no note"):
        waiting_file(run.folder).unlink(missing_ok=True)
    assert run.wait() == 0
    assert run.folder.events.read_bytes() == b""
    assert not waiting_file(run.folder).exists()
    assert not take_standby(run.folder)
    assert run.trainers() == []


def test_processes_that_stand_ready_do_not_outlive_their_launcher(launch: Callable[..., Launched]) -> None:
    run = launch(["finish"], variables=TWO).stand()
    stood_by(run, 0)
    stood_by(run, 1)
    assert run.process is not None
    run.process.kill()
    run.wait_for(lambda: not run.trainers())


def test_a_wish_to_end_reaches_a_run_that_was_taken(launch: Callable[..., Launched]) -> None:
    run = launch(["step", "pause"]).stand()
    stood_by(run)
    run.go()
    run.wait_for_step()
    assert run.process is not None
    run.process.send_signal(signal.SIGTERM)
    assert run.wait() == 0
    assert run.kinds()[-1] == "paused"


# Cards that go away

NVML = """
import pathlib
STATE = pathlib.Path(__file__).with_name("cards.txt")
class NVMLError(Exception): pass
def nvmlInit():
    if STATE.read_text() == "gone": raise NVMLError("Unknown Error")
def nvmlShutdown(): pass
def nvmlDeviceGetCount(): return 1
def nvmlDeviceGetHandleByIndex(index): return index
def nvmlDeviceGetHandleByUUID(uuid):
    if STATE.read_text() == "off the bus": raise NVMLError("GPU is lost")
def nvmlDeviceGetUUID(handle): return "GPU-1"
def nvmlDeviceGetName(handle): return "RTX 3060"
def nvmlDeviceGetMemoryInfo(handle):
    return type("Memory", (), {"total": 12 << 30, "free": 12 << 30, "used": 0})
def nvmlSystemGetDriverVersion(): return "575"
def __getattr__(name):
    if name.startswith("NVML_"): return 0
    if not name.startswith("nvml"): raise AttributeError(name)
    def unknown(*_): raise NVMLError("Not Supported")
    return unknown
"""


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    """The file that says whether the one card is there, beside a driver that reads it."""
    folder = tmp_path / "driver"
    folder.mkdir()
    (folder / "pynvml.py").write_text(NVML)
    (folder / "cards.txt").write_text("there")
    return folder / "cards.txt"


def with_cards(cards: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(cards.parent), str(ROOT), str(Path(__file__).parent)])}


@pytest.mark.parametrize(
    ("state", "words"), [("gone", "Failed to initialize NVML: Unknown Error"), ("off the bus", "GPU is lost")]
)
def test_a_card_that_goes_away_lets_the_run_save_and_says_so(
    launch: Callable[..., Launched], cards: Path, state: str, words: str
) -> None:
    run = launch(["step", "pause"], variables=with_cards(cards), gpus=None).start()
    run.wait_for_step()
    cards.write_text(state)
    assert run.wait() == 1
    assert run.kinds() == ["placement", "hello", "step", "paused", "failed"]
    assert run.events()[-1].code == "gpu_lost"
    assert words in run.events()[-1].sentence


def test_the_history_of_the_cards_is_kept_with_the_run(launch: Callable[..., Launched], cards: Path) -> None:
    run = launch(["step", "pause"], variables=with_cards(cards), gpus=None).start()
    run.wait_for_step()
    until = time.monotonic() + 60
    while not (run.folder.gpus.exists() and b"\n[" in run.folder.gpus.read_bytes()) and time.monotonic() < until:
        time.sleep(0.05)
    cards.write_text("gone")
    run.wait()
    head, first, *_ = (json.loads(line) for line in run.folder.gpus.read_text().splitlines())
    assert head["cards"] == [{"number": 0, "name": "RTX 3060", "total": 12 << 30}]
    assert len(first) == 2
    assert len(first[1]) == len(head["columns"])


def test_a_crash_for_want_of_a_card_is_told_as_that(launch: Callable[..., Launched], cards: Path) -> None:
    run = launch(["step", "pull the card", "connection"], variables=with_cards(cards), gpus=None)
    assert run.run() == 1
    assert (run.kinds()[-1], run.events()[-1].code) == ("failed", "gpu_lost")


def test_a_container_without_the_cards_it_was_given_does_not_train_on_the_cpu(
    launch: Callable[..., Launched], cards: Path
) -> None:
    cards.write_text("gone")
    run = launch(["step", "finish"], variables=with_cards(cards), gpus=None)
    run.folder.launch.write_text(
        '{"engine": "docker", "gpus": [0], "created": "2026-01-02T03:04:05Z", "started": "2026-01-02T03:04:05Z"}'
    )
    assert run.run() == 1
    assert [(event.kind, event.code) for event in run.events()] == [("failed", "gpu_lost")]


def test_processes_on_a_card_stand_ready_and_see_that_card(launch: Callable[..., Launched], cards: Path) -> None:
    run = launch(["finish"], gpus=None, variables=with_cards(cards)).stand()
    process = stood_by(run)
    run.go()
    assert run.wait() == 0
    assert int((run.folder.path / "process.0").read_text()) == process
    assert run.events()[0].cards == [0]
    told = json.loads((run.folder.path / "environment.0.json").read_text())
    assert (told["CUDA_VISIBLE_DEVICES"], told["CUDA_DEVICE_ORDER"]) == ("0", "PCI_BUS_ID")


def test_a_card_that_goes_away_while_a_trainer_stands_ready_is_told_by_the_run(
    launch: Callable[..., Launched], cards: Path
) -> None:
    run = launch(["finish"], gpus=None, variables=with_cards(cards)).stand()
    stood_by(run)
    cards.write_text("gone")
    launched = Launch(engine="process", gpus=[0], created=datetime.now(UTC), started=datetime.now(UTC))
    run.folder.launch.write_text(launched.model_dump_json())
    run.go()
    assert run.wait() == 1
    assert [(event.kind, event.code) for event in run.events()] == [("failed", "gpu_lost")]


def test_what_waiting_processes_hold_of_a_card_is_at_most_what_imports_take() -> None:
    before = [Card(0, 0, "a", "A", 12 * GIB, 11 * GIB), Card(1, 1, "b", "B", 12 * GIB, 11 * GIB)]
    now = [replace(before[0], free_bytes=11 * GIB - 300), replace(before[1], free_bytes=5 * GIB)]
    assert held_bytes(before, now) == {"A": 300, "B": CONTEXT_BYTES}
    assert held_bytes(now, before) == {"A": 0, "B": 0}
    assert held_bytes(before, []) == {"A": 0, "B": 0}
