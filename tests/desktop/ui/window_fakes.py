"""Stand-ins at the controllers' doorways, and the whole window's services built on them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PySide6.QtCore import QSettings

from desktop.body import Body, EngineName
from desktop.controllers.chat import Chat
from desktop.controllers.choosing import Choosing
from desktop.controllers.data_desk import DataDesk
from desktop.controllers.datasets import Datasets
from desktop.controllers.demo import Demo
from desktop.controllers.fit import Fitting
from desktop.controllers.hardware import Check, GpuSample, Hardware
from desktop.controllers.images import Images, ImageState
from desktop.controllers.jobs import Jobs
from desktop.controllers.keep_ready import KeepReady
from desktop.controllers.labels import LabelBook
from desktop.controllers.library import Library
from desktop.controllers.models import Models
from desktop.controllers.notices import Notices
from desktop.controllers.reproducing import Reproducing
from desktop.controllers.run_bin import RunBin
from desktop.controllers.runs import Runs
from desktop.controllers.secrets import Secrets
from desktop.controllers.settings import Settings
from desktop.controllers.setup import Setup
from desktop.controllers.troubles import Troubles
from desktop.core.settings import SettingsTable
from desktop.core.store import Store
from desktop.engine.example_model import Tell
from desktop.engine.launch import LaunchSpec, Machine
from desktop.engine.secrets import SecretStore
from desktop.engine.steps import BuildStep, Fetched
from desktop.errors import EngineError
from desktop.paths import Home
from desktop.ui.services import Services
from tests import fakes
from trainer_image.contract import Phase, PhaseName, RunFolder

NO_HUB = "http://127.0.0.1:9"
"""Where no server answers: no test asks the real Hub."""

GIB = 1024**3


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

    def is_outdated(self, id: str) -> bool:
        return False

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


class FakeImage:
    """The trainer image, in two versions."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        """Cleared, it holds a pull up in its middle."""
        self.refusal: EngineError | None = None
        self.there = [
            ImageState(
                "tunedeck-trainer:2-cuda-b", "sha256:b", 2, 6 * 10**9, "amd64", True, "2026-11-20T10:00:00", True
            ),
            ImageState("tunedeck-trainer:2-cuda-a", "sha256:a", 2, 6 * GIB, "amd64", False, "2026-11-02T10:00:00"),
        ]

    def versions(self) -> list[ImageState]:
        return self.there

    def why_not(self, id: str) -> str:
        return "" if any(version.id == id for version in self.there) else "It is no longer there."

    def use(self, tag: str) -> None:
        self.there = [replace(version, is_used=version.tag == tag) for version in self.there]

    def remove(self, tag: str) -> None:
        self.there = [version for version in self.there if version.tag != tag]

    def pull(self, reference: str, progress: Callable[[BuildStep], None]) -> None:
        if self.refusal is not None:
            raise self.refusal
        progress(BuildStep(1, 3, "pulling the image", 2.0, None, Fetched(400_000_000, 1_000_000_000, None)))
        assert self.gate.wait(60)
        progress(BuildStep(3, 3, "pulling the image", 4.0))


class FakeExampleModel:
    """A model folder with nothing but its config."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gate = threading.Event()
        self.gate.set()
        """Cleared, it is fetched for ever."""

    def ensure(self, engine: EngineName, tell: Tell, given_up: threading.Event) -> Path:
        tell("fetching the model", Fetched(60_000_000, 240_000_000, 3_000_000))
        while not self.gate.wait(0.02):
            if given_up.is_set():
                raise EngineError("The example is no longer wanted.", code="cancelled")
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
    image: FakeImage
    model: Path
    dataset: Path
    example: FakeExampleModel
    trainers: dict[str, FakeTrainer] = field(default_factory=dict)
    is_closed: bool = False

    def trainer(self, run_id: str) -> FakeTrainer:
        """Return who speaks for a run."""
        if run_id not in self.trainers:
            self.trainers[run_id] = FakeTrainer(self.home.runs / run_id)
        return self.trainers[run_id]

    def close(self) -> None:
        """End every job; may be called twice."""
        if self.is_closed:
            return
        self.is_closed = True
        self.services.runs.close()
        self.services.keep_ready.close()
        self.services.reproducing.close()
        self.services.data.close()
        self.services.choosing.close()
        self.services.models.close()
        self.services.datasets.close()
        self.services.jobs.close()
        self.store.close()


def make_bench(
    folder: Path,
    samples: list[GpuSample] | None = None,
    settings: QSettings | None = None,
    hub: str = NO_HUB,
    gpus: tuple[int, ...] = (),
) -> Bench:
    """Build everything that a window needs over fakes, in one folder."""
    home = Home(folder / "home")
    home.make()
    model, dataset = folder / "models" / "smol-135m", folder / "answers.jsonl"
    model.mkdir(parents=True, exist_ok=True)
    fakes.write_small_model(model)
    if not dataset.exists():
        dataset.write_text('{"question": "How deep is the sea?", "answer": "Deep enough."}\n' * 120)
    store = Store(home.database)
    jobs, notices = Jobs(), Notices()
    engines = {"docker": FakeEngine("docker"), "process": FakeEngine("process")}
    setup = Setup({"docker": FakeBuilder(), "process": FakeBuilder()}, jobs)
    choices = Settings(store)
    setup.is_offline = lambda: choices.is_offline
    machine = Machine(home.path, home.caches, 1000, 1000, gpus, memory_bytes=16 * 1024**3)
    runs = Runs(home, store, engines, machine, setup, jobs, notices)  # type: ignore[arg-type]
    chat = Chat(home, store, engines, machine, setup, jobs)  # type: ignore[arg-type]
    doctor, image, example = FakeDoctor(), FakeImage(), FakeExampleModel(home.models / "example")
    hardware = Hardware(FakeGpus(samples or []), doctor, jobs)  # type: ignore[arg-type]
    fitting, data = Fitting(home, store, runs, hardware, jobs), DataDesk(jobs, [home.caches / "hub"])
    models = Models(home, jobs, lambda: None, engines, machine, lambda: choices.is_offline, endpoint=hub)  # type: ignore[arg-type]
    services = Services(
        runs=runs,
        keep_ready=KeepReady(home, store, runs, engines, machine, setup, jobs),  # type: ignore[arg-type]
        labels=LabelBook(store),
        run_bin=RunBin(runs, jobs, notices),
        reproducing=Reproducing(runs, store, notices, jobs, lambda: image),  # type: ignore[arg-type, return-value]
        chat=chat,
        hardware=hardware,
        images=Images(lambda: image, setup, jobs),  # type: ignore[arg-type]
        fitting=fitting,
        troubles=Troubles(runs, hardware, SettingsTable(store), notices),
        library=Library(store),
        choices=choices,
        secrets=Secrets(SecretStore({}), jobs),
        setup=setup,
        notices=notices,
        jobs=jobs,
        demo=Demo(example, setup, jobs),  # type: ignore[arg-type]
        data=data,
        models=models,
        choosing=Choosing(jobs, hardware, models, data.scanning, fitting, home.caches / "hub"),
        datasets=Datasets(home, store, jobs),
        settings=settings or QSettings(str(home.window_settings), QSettings.Format.IniFormat),
        engines=("docker", "process"),
    )
    for fetching in (models, services.datasets):
        choices.offline_changed.connect(fetching.follow_offline)
    return Bench(services, home, store, engines["docker"], doctor, image, model, dataset, example)
