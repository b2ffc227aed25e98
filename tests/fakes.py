"""One fake for each doorway: engine, builder, driver, Docker client, and a trainer that fills a run folder."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pynvml
from docker.errors import ImageNotFound

from desktop.body import Body, EngineName
from desktop.engine.launch import LaunchSpec
from desktop.engine.steps import BuildStep
from desktop.errors import EngineError
from trainer_image.contract import (
    COMPLETE,
    Batch,
    Cancelled,
    Checkpoint,
    ClockSet,
    Completion,
    Evaluation,
    Event,
    Failed,
    FailureCode,
    Finished,
    Gpu,
    Hello,
    OutOfMemory,
    Paused,
    Phase,
    PhaseName,
    Placement,
    PlacementName,
    Plan,
    Request,
    Round,
    RunFolder,
    Sample,
    Step,
    Suggestion,
    UnknownLine,
    Warned,
    read_event,
    read_request,
    write_event,
)

GIB = 1024**3
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def write_small_model(folder: Path) -> None:
    """Write what passes for a model folder before anything is loaded; its tokenizer is of the older kind."""
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"\x02" + bytes(7) + b"{}")
    (folder / "tokenizer.model").write_bytes(b"")


class FakeEngine:
    """An engine whose bodies live in a dictionary that a test changes as it likes."""

    def __init__(self, name: EngineName = "docker") -> None:
        self.name: EngineName = name
        self.bodies: dict[str, Body] = {}
        self.specs: dict[str, LaunchSpec] = {}
        self.calls: list[tuple[str, ...]] = []
        self.refusals: dict[str, EngineError] = {}
        """Verbs that raise, and what."""
        self.outputs: dict[str, str] = {}
        self.outdated: set[str] = set()
        """Bodies of an older image."""
        self.on_start: Callable[[LaunchSpec], None] = lambda spec: None
        self.gate: threading.Event | None = None
        """While it is there and not set, ``start`` does not come back."""

    def start(self, spec: LaunchSpec) -> str:
        self._note("start", spec.id)
        if self.gate is not None:
            assert self.gate.wait(60)
        known = self.bodies.get(spec.id)
        if known is not None and known.state == "running":
            return known.handle
        handle = f"body-of-{spec.id}"
        self.specs[spec.id] = spec
        self.bodies[spec.id] = Body("running", handle=handle)
        self.on_start(spec)
        return handle

    def find(self) -> dict[str, Body]:
        self._note("find")
        return dict(self.bodies)

    def is_outdated(self, id: str) -> bool:
        self._note("is_outdated", id)
        return id in self.outdated

    def signal(self, id: str, how: Literal["stop", "kill"]) -> None:
        self._note("signal", id, how)
        if how == "kill" and id in self.bodies:
            self.exit(id, 137)

    def remove(self, id: str) -> None:
        self._note("remove", id)
        if id in self.bodies and self.bodies[id].state != "running":
            del self.bodies[id]

    def output(self, id: str) -> str:
        self._note("output", id)
        return self.outputs.get(id, "")

    def exit(self, id: str, code: int, *, out_of_memory: bool = False) -> None:
        """Let a body end."""
        handle = self.bodies[id].handle
        self.bodies[id] = Body("exited", exit_code=code, out_of_memory=out_of_memory, handle=handle)

    def asked(self, verb: str) -> list[tuple[str, ...]]:
        """Return what ``verb`` was called with, in order."""
        return [call[1:] for call in list(self.calls) if call[0] == verb]

    def _note(self, verb: str, *arguments: str) -> None:
        self.calls.append((verb, *arguments))
        if verb in self.refusals:
            raise self.refusals[verb]


class FakeBuilder:
    """Makes nothing, says a few steps, and may be held up or fail."""

    def __init__(self, *, is_ready: bool = True, error: BaseException | None = None) -> None:
        self.ready = is_ready
        self.error = error
        self.builds = 0
        self.gate = threading.Event()
        self.gate.set()
        """Cleared, it holds a build up after its first step."""

    def is_ready(self) -> bool:
        return self.ready

    def build(self, progress: Callable[[BuildStep], None]) -> None:
        self.builds += 1
        progress(BuildStep(1, 2, "copying", 0.1))
        assert self.gate.wait(60)
        if self.error is not None:
            raise self.error
        progress(BuildStep(2, 2, "installing PyTorch", 0.2))
        self.ready = True


@dataclass(frozen=True)
class FakeCard:
    """What one NVIDIA card tells; None is what it does not know."""

    name: str = "NVIDIA H200"
    total: int = 140 * GIB
    used: int = 3 * GIB
    load: int | None = 41
    temperature: int | None = 52
    power_mw: int | None = 300_500
    limit_mw: int | None = 700_000
    fan: int | None = 30
    clock: int | None = 1980
    throttle: int = 0
    processes: dict[int, int] = field(default_factory=dict)
    """Bytes by process."""


class FakeNvml:
    """Stands for the module pynvml: cards, or a driver that is not there."""

    NVMLError = pynvml.NVMLError
    NVML_TEMPERATURE_GPU = pynvml.NVML_TEMPERATURE_GPU
    NVML_CLOCK_SM = pynvml.NVML_CLOCK_SM
    NVML_P2P_CAPS_INDEX_READ = pynvml.NVML_P2P_CAPS_INDEX_READ
    NVML_P2P_STATUS_OK = pynvml.NVML_P2P_STATUS_OK

    def __init__(self, cards: list[FakeCard] | None = None) -> None:
        self.cards = cards
        """None: no driver."""
        self.driver = "580.95.05"
        self.are_peers = True
        self.lost: set[str] = set()
        """UUIDs of cards that do not answer any more."""
        self.opened = 0

    def nvmlInit(self) -> None:
        if self.cards is None:
            raise pynvml.NVMLError_LibraryNotFound()  # type: ignore[attr-defined]
        self.opened += 1

    def nvmlDeviceGetCount(self) -> int:
        if self.cards is None:
            raise pynvml.NVMLError_Uninitialized()  # type: ignore[attr-defined]
        return len(self.cards)

    def nvmlSystemGetDriverVersion(self) -> str:
        return self.driver

    def nvmlDeviceGetP2PStatus(self, one: FakeCard, other: FakeCard, index: int) -> int:
        assert index == self.NVML_P2P_CAPS_INDEX_READ
        return self.NVML_P2P_STATUS_OK if self.are_peers else pynvml.NVML_P2P_STATUS_CHIPSET_NOT_SUPPORTED

    def nvmlDeviceGetHandleByIndex(self, index: int) -> FakeCard:
        assert self.cards is not None
        if f"GPU-{'abcdefgh'[index]}" in self.lost:
            raise pynvml.NVMLError_GpuIsLost()  # type: ignore[attr-defined]
        return self.cards[index]

    def nvmlShutdown(self) -> None:
        pass

    def nvmlDeviceGetUUID(self, card: FakeCard) -> str:
        assert self.cards is not None
        return f"GPU-{'abcdefgh'[self.cards.index(card)]}"

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> FakeCard:
        if self.cards is None or uuid in self.lost:
            raise pynvml.NVMLError_GpuIsLost()  # type: ignore[attr-defined]
        return next(card for card in self.cards if self.nvmlDeviceGetUUID(card) == uuid)

    def nvmlDeviceGetName(self, card: FakeCard) -> str:
        return card.name

    def nvmlDeviceGetMemoryInfo(self, card: FakeCard) -> Any:
        return SimpleNamespace(total=card.total, used=card.used)

    def nvmlDeviceGetUtilizationRates(self, card: FakeCard) -> Any:
        return SimpleNamespace(gpu=_known(card.load))

    def nvmlDeviceGetPowerUsage(self, card: FakeCard) -> int:
        return _known(card.power_mw)

    def nvmlDeviceGetEnforcedPowerLimit(self, card: FakeCard) -> int:
        return _known(card.limit_mw)

    def nvmlDeviceGetTemperature(self, card: FakeCard, sensor: int) -> int:
        assert sensor == self.NVML_TEMPERATURE_GPU
        return _known(card.temperature)

    def nvmlDeviceGetClockInfo(self, card: FakeCard, clock: int) -> int:
        assert clock == self.NVML_CLOCK_SM
        return _known(card.clock)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, card: FakeCard) -> int:
        return card.throttle

    def nvmlDeviceGetComputeRunningProcesses(self, card: FakeCard) -> list[Any]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in card.processes.items()]

    def nvmlDeviceGetFanSpeed(self, card: FakeCard) -> int:
        return _known(card.fan)


def _known(value: int | None) -> int:
    if value is None:
        raise pynvml.NVMLError_NotSupported()  # type: ignore[attr-defined]
    return value


@dataclass
class FakeImages:
    """The images that a fake Docker engine has, by tag."""

    by_tag: dict[str, Any] = field(default_factory=dict)
    pull_error: Exception | None = None
    pulled: list[str] = field(default_factory=list)

    def get(self, tag: str) -> Any:
        if tag not in self.by_tag:
            raise ImageNotFound(f"404 Client Error: Not Found (No such image: {tag})")
        return self.by_tag[tag]

    def pull(self, tag: str) -> Any:
        if self.pull_error is not None:
            raise self.pull_error
        self.pulled.append(tag)
        return SimpleNamespace()

    def add(self, tag: str, labels: dict[str, str], architecture: str, size: int = 3 * 10**9) -> None:
        """Put an image there as a build does."""
        image = SimpleNamespace(id="sha256:1", labels=labels, attrs={"Size": size, "Architecture": architecture})
        image.tag = lambda repository, tag: self.by_tag.update({f"{repository}:{tag}": image})
        self.by_tag[tag] = image

    def list(self, name: str) -> list[Any]:
        for image in self.by_tag.values():
            image.tags = [tag for tag, there in self.by_tag.items() if there is image]
        return [image for tag, image in self.by_tag.items() if tag.startswith(f"{name}:")]

    def remove(self, tag: str) -> None:
        self.get(tag)
        del self.by_tag[tag]


class FakeDockerEngine:
    """Stands for DockerEngine where only its client is wanted."""

    def __init__(self, error: EngineError | None = None) -> None:
        self.error = error
        self.images = FakeImages()
        self.builds: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = [{"stream": "Step 1/1 : FROM base"}]
        self.on_build: Callable[[dict[str, Any]], None] = lambda arguments: None

    def client(self) -> Any:
        if self.error is not None:
            raise self.error
        return SimpleNamespace(images=self.images, api=SimpleNamespace(build=self._build))

    def _build(self, **arguments: Any) -> Any:
        context = arguments.pop("fileobj").read()
        self.builds.append({**arguments, "context": context})
        self.on_build(arguments)
        return iter(self.messages)


@dataclass
class FakeTrainer:
    """Writes a run folder as the real trainer does: whole lines of events, checkpoints, an adapter."""

    folder: RunFolder
    total_steps: int = 4
    now: datetime = START
    tick: timedelta = timedelta(seconds=1)
    """The time that each event takes; what a test says that something lasts comes on top."""
    step_tokens: int = 100

    def wait(self, seconds: float) -> FakeTrainer:
        """Let time pass in the events, not in the test."""
        self.now += timedelta(seconds=seconds)
        return self

    def begin(self, resumed_from: int | None = None) -> FakeTrainer:
        """Come up, load model and data, and begin to train."""
        self.phase("import", 2.5)
        self.hello(resumed_from)
        self.phase("load", 1.5)
        self.phase("data", 0.5)
        self.plan()
        return self.open_phase("train")

    def run(self, steps: int | None = None) -> FakeTrainer:
        """Train from the beginning to the end, with a checkpoint in the middle."""
        total = self.total_steps = steps or self.total_steps
        self.begin()
        for step in range(1, total + 1):
            self.step(step)
            if step == max(1, total // 2):
                self.checkpoint(step)
        return self.evaluation(total).checkpoint(total).finish(total)

    def hello(self, resumed_from: int | None = None, image: str = "") -> FakeTrainer:
        return self.say(
            Hello(
                versions={"torch": "2.9.0"},
                device="cuda",
                backend="cuda 12.8",
                gpus=[Gpu(index=0, name="NVIDIA H200", total_bytes=140 * GIB)],
                processes=1,
                seed=3407,
                resumed_from=resumed_from,
                image=image,
            )
        )

    def open_phase(self, name: PhaseName) -> FakeTrainer:
        return self.say(Phase(name=name))

    def phase(self, name: PhaseName, seconds: float) -> FakeTrainer:
        return self.open_phase(name).say(Phase(name=name, seconds=seconds))

    def count(self, name: PhaseName, done: int, total: int) -> FakeTrainer:
        """Say how far an open phase has come."""
        return self.say(Phase(name=name, done=done, total=total))

    def plan(self, total_steps: int | None = None, *, rows_left_out: int = 0) -> FakeTrainer:
        self.total_steps = total_steps or self.total_steps
        return self.say(
            Plan(
                total_steps=self.total_steps,
                epochs=1.0,
                batch_rows=8,
                train_rows=190,
                eval_rows=10,
                rows_left_out=rows_left_out,
                rows_cut=1,
                trained_tokens=600,
                total_tokens=1000,
                trainable_parameters=4_900_000,
                total_parameters=139_000_000,
                dataset_sha256=self._dataset_sha256(),
            )
        )

    def _dataset_sha256(self) -> str:
        """Return the digest of the file that the run's config names; of none, zeros."""
        try:
            dataset = Path(json.loads(self.folder.config.read_bytes())["dataset"])
            return hashlib.sha256(dataset.read_bytes()).hexdigest()
        except OSError:
            return "0" * 64

    def step(
        self,
        step: int,
        loss: float | None = None,
        seconds: float = 2.0,
        metrics: dict[str, float | None] | None = None,
    ) -> FakeTrainer:
        return self.say(
            Step(
                step=step,
                epoch=step / self.total_steps,
                loss=3.0 / step if loss is None else loss,
                learning_rate=2e-4,
                grad_norm=0.5,
                tokens=step * self.step_tokens,
                tokens_per_s=self.step_tokens / seconds,
                step_s=seconds,
                gpu_peak_bytes=[3 * GIB],
                metrics=metrics or {},
            )
        )

    def evaluation(self, step: int, loss: float = 1.25) -> FakeTrainer:
        """Test on the rows held back, and answer a sample prompt."""
        return self.evaluate(step, loss).sample(step, "Hello?", "Ahoy!")

    def evaluate(
        self, step: int, loss: float, *, is_best: bool = False, metrics: dict[str, float | None] | None = None
    ) -> FakeTrainer:
        return self.say(Evaluation(step=step, loss=loss, seconds=0.5, is_best=is_best, metrics=metrics or {}))

    def sample(self, step: int, prompt: str, text: str) -> FakeTrainer:
        return self.say(Sample(step=step, prompt=prompt, text=text))

    def placement(self, sentence: str = "One card holds it.", cards: tuple[int, ...] = (0,)) -> FakeTrainer:
        """Say which cards are used, as the trainer does before its processes start."""
        kind: PlacementName = "one" if len(cards) < 2 else "data_parallel"
        return self.say(Placement(placement=kind, cards=list(cards), processes=max(1, len(cards)), sentence=sentence))

    def batch(self, rows: int = 4, accumulation: int = 2) -> FakeTrainer:
        return self.say(
            Batch(
                per_device_train_batch_size=rows,
                gradient_accumulation_steps=accumulation,
                gradient_checkpointing=False,
                sentence=f"{rows} rows at once fill the card best.",
            )
        )

    def completion(
        self,
        step: int,
        reward: float | None = 1.0,
        text: str = "#### 4",
        rewards: dict[str, float | None] | None = None,
    ) -> FakeTrainer:
        """Try an answer and reward it."""
        given = {"exact_answer": reward} if rewards is None else rewards
        return self.say(
            Completion(step=step, prompt="What is 2 + 2?", text=text, answer="4", reward=reward, rewards=given)
        )

    def round(self, number: int, rounds: int = 3, *, solved: int = 40, hinted: int = 12) -> FakeTrainer:
        """Sample a round of STaR on a hundred problems."""
        kept = solved + hinted
        return self.say(
            Round(round=number, rounds=rounds, problems=100, solved=solved, hinted=hinted, kept=kept, seconds=9.0)
        )

    def suggest(self, value: float = 2e-4) -> FakeTrainer:
        """Find a learning rate."""
        sentence = f"The loss falls fastest just below {value:g}."
        return self.say(Suggestion(knob="learning_rate", value=value, sentence=sentence))

    def run_out_of_memory(self, attempt: int = 1) -> FakeTrainer:
        return self.say(
            OutOfMemory(
                attempt=attempt,
                attempts=3,
                per_device_train_batch_size=1,
                gradient_accumulation_steps=8,
                sentence="The memory was full. The run goes on with 1 instead of 2 rows at once.",
            )
        )

    def warn(self, sentence: str = "Some rows were cut.") -> FakeTrainer:
        return self.say(Warned(code="rows_cut", sentence=sentence, hint="Raise Longest row."))

    def checkpoint(self, step: int, *, is_complete: bool = True) -> FakeTrainer:
        """Write a checkpoint; one that is not complete has no marker and is not told of."""
        folder = self.folder.checkpoint(step)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "adapter_model.safetensors").write_bytes(b"\0" * 100)
        if not is_complete:
            return self
        (folder / COMPLETE).write_text(f'{{"step": {step}}}')
        name = str(folder.relative_to(self.folder.path))
        return self.say(Checkpoint(step=step, folder=name, size_bytes=100, seconds=0.1))

    def set_clock(self, by: float) -> FakeTrainer:
        """Set the clock forward or back, and say so as the reporter does before its next event."""
        return self.wait(by).say(ClockSet(seconds=by))

    def finish(self, step: int | None = None, *, best_step: int | None = None) -> FakeTrainer:
        self.folder.adapter.mkdir(exist_ok=True)
        (self.folder.adapter / "adapter_config.json").write_text("{}")
        self.phase("save", 0.5)
        return self.say(Finished(step=step or self.total_steps, adapter="adapter", seconds=9.0, best_step=best_step))

    def finish_without_a_model(self, step: int | None = None) -> FakeTrainer:
        """End a search for a learning rate."""
        return self.say(Finished(step=step or self.total_steps, adapter=None, seconds=9.0))

    def pause(self, step: int) -> FakeTrainer:
        self.checkpoint(step)
        return self.say(Paused(step=step, checkpoint=f"checkpoints/checkpoint-{step}"))

    def cancel(self, step: int) -> FakeTrainer:
        return self.say(Cancelled(step=step))

    def fail(self, code: FailureCode = "out_of_memory", sentence: str = "The memory is full.") -> FakeTrainer:
        return self.say(Failed(code=code, sentence=sentence, hint="Lower Rows at once.", traceback="Traceback ..."))

    def say(self, *events: Event) -> FakeTrainer:
        """Append events, one a line."""
        first = self._next_seq()
        with self.folder.events.open("a") as file:
            for seq, event in enumerate(events, first):
                self.now += self.tick
                file.write(write_event(event.model_copy(update={"seq": seq, "time": self.now})))
        return self

    def print(self, text: str) -> FakeTrainer:
        """Append to the log."""
        with self.folder.log.open("a") as file:
            file.write(text)
        return self

    def requests(self) -> list[Request]:
        """Return everything that was ever asked of a trainer in this folder."""
        if not self.folder.requests.exists():
            return []
        lines = self.folder.requests.read_bytes().splitlines()
        return [request for line in lines if (request := read_request(line)) is not None]

    def _next_seq(self) -> int:
        if not self.folder.events.exists():
            return 1
        latest_first = map(read_event, reversed(self.folder.events.read_bytes().splitlines()))
        return 1 + next((event.seq for event in latest_first if not isinstance(event, UnknownLine)), 0)


def events_of(trainer: FakeTrainer) -> list[Event]:
    """Return every event that lies in a trainer's folder."""
    events = [read_event(line) for line in trainer.folder.events.read_bytes().splitlines()]
    return [event for event in events if not isinstance(event, UnknownLine)]


def app_error(code: str = "engine_not_running") -> EngineError:
    """Return an error as an engine raises it."""
    return EngineError("No Docker engine answers.", "Start it.", code=code)
