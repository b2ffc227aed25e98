"""Stand-ins at the controllers' doorways, and the whole window's services built on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PySide6.QtCore import QSettings

from desktop.body import Body, EngineName
from desktop.controllers.chat import Chat
from desktop.controllers.demo import Demo
from desktop.controllers.hardware import Check, GpuSample, Hardware
from desktop.controllers.jobs import Jobs
from desktop.controllers.library import Library
from desktop.controllers.notices import Notices
from desktop.controllers.runs import Runs
from desktop.controllers.setup import Setup
from desktop.core.store import Store
from desktop.engine.launch import LaunchSpec, Machine
from desktop.paths import Home
from desktop.ui.services import Services
from tests import fakes
from trainer_image.contract import Phase, PhaseName, RunFolder


class FakeEngine:
    """Remembers what was started; a started body runs until it is signalled."""

    def __init__(self, name: EngineName) -> None:
        self.name = name
        self.started: list[LaunchSpec] = []
        self.bodies: dict[str, Body] = {}

    def start(self, spec: LaunchSpec) -> str:
        self.started.append(spec)
        self.bodies[spec.id] = Body("running", handle="1")
        return "1"

    def find(self) -> dict[str, Body]:
        return dict(self.bodies)

    def signal(self, id: str, how: str) -> None:
        if id in self.bodies:
            self.bodies[id] = Body("exited", exit_code=0)

    def remove(self, id: str) -> None:
        self.bodies.pop(id, None)

    def output(self, id: str) -> str:
        return ""


class FakeBuilder:
    """An engine that needs nothing."""

    def is_ready(self) -> bool:
        return True

    def build(self, progress: Callable[[object], None]) -> None:
        raise AssertionError("It is ready.")


class FakeGpus:
    """Cards that stand still."""

    def __init__(self, samples: list[GpuSample]) -> None:
        self.samples = samples
        self.absent_because = "" if samples else "NVML Shared Library Not Found"

    def sample(self) -> list[GpuSample]:
        return self.samples


class FakeDoctor:
    """Says what it is told to say."""

    def __init__(self) -> None:
        self.checks = [
            Check("Docker", "ok", "Docker 28.3.2, API 1.51"),
            Check(
                "Trainer image", "warn", "It is not built yet.", "The first start builds it; or: tunedeck image build"
            ),
            Check("Graphics card", "absent", "No NVIDIA driver answers.", "Training runs on the processor."),
            Check("Disk", "fail", "3.1 GB are free in the home folder.", "Free at least 20 GB."),
        ]

    def check_engine(self) -> Check:
        return self.checks[0]

    def examine(self) -> list[Check]:
        return self.checks


class FakeExampleModel:
    """A model folder with nothing but its config."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ensure(self, engine: EngineName, *_: object) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.json").write_text("{}")
        return self.folder


class FakeTrainer(fakes.FakeTrainer):
    """Speaks for the trainer of one run in its folder; time passes when a test says so, and with each step."""

    def __init__(self, folder: Path, start: datetime | None = None) -> None:
        now = start or datetime.now(UTC)
        super().__init__(RunFolder(folder), total_steps=100, now=now, tick=timedelta(0), step_tokens=800)

    @property
    def files(self) -> RunFolder:
        return self.folder

    def step(
        self,
        step: int,
        loss: float | None = None,
        seconds: float = 1.0,
        metrics: dict[str, float | None] | None = None,
    ) -> FakeTrainer:
        self.wait(seconds)
        super().step(step, math.nan if loss is None else loss, seconds, metrics)
        return self

    def phase(self, name: PhaseName, seconds: float) -> FakeTrainer:
        self.open_phase(name).wait(seconds).say(Phase(name=name, seconds=seconds))
        return self


@dataclass
class Bench:
    """The services of a window, and the fakes below them."""

    services: Services
    home: Home
    store: Store
    engine: FakeEngine
    doctor: FakeDoctor
    model: Path
    dataset: Path
    example: FakeExampleModel
    trainers: dict[str, FakeTrainer] = field(default_factory=dict)

    def trainer(self, run_id: str) -> FakeTrainer:
        """Return who speaks for a run."""
        if run_id not in self.trainers:
            self.trainers[run_id] = FakeTrainer(self.home.runs / run_id)
        return self.trainers[run_id]

    def close(self) -> None:
        self.services.jobs.close()
        self.store.close()


def make_bench(folder: Path, samples: list[GpuSample] | None = None, settings: QSettings | None = None) -> Bench:
    """Build everything that a window needs over fakes, in one folder."""
    home = Home(folder / "home")
    home.make()
    model, dataset = folder / "models" / "smol-135m", folder / "answers.jsonl"
    model.mkdir(parents=True, exist_ok=True)
    (model / "config.json").write_text("{}")
    if not dataset.exists():
        dataset.write_text('{"question": "How deep is the sea?", "answer": "Deep enough."}\n' * 120)
    store = Store(home.database)
    jobs, notices = Jobs(), Notices()
    engines = {"docker": FakeEngine("docker"), "process": FakeEngine("process")}
    setup = Setup({"docker": FakeBuilder(), "process": FakeBuilder()}, jobs)
    machine = Machine(home.path, home.caches, 1000, 1000, memory_bytes=16 * 1024**3)
    runs = Runs(home, store, engines, machine, setup, jobs, notices)  # type: ignore[arg-type]
    chat = Chat(home, store, engines, machine, setup, jobs)  # type: ignore[arg-type]
    doctor, example = FakeDoctor(), FakeExampleModel(home.models / "example")
    services = Services(
        runs=runs,
        chat=chat,
        hardware=Hardware(FakeGpus(samples or []), doctor, jobs),  # type: ignore[arg-type]
        library=Library(store),
        setup=setup,
        notices=notices,
        jobs=jobs,
        demo=Demo(example, setup, jobs),  # type: ignore[arg-type]
        settings=settings or QSettings(str(home.window_settings), QSettings.Format.IniFormat),
        engines=("docker", "process"),
    )
    return Bench(services, home, store, engines["docker"], doctor, model, dataset, example)
