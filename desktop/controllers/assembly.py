"""Builds every controller once, for the window and for the command line alike."""

from __future__ import annotations

from dataclasses import dataclass

from desktop.body import EngineName
from desktop.controllers.chat import Chat
from desktop.controllers.choosing import Choosing
from desktop.controllers.data_desk import DataDesk
from desktop.controllers.datasets import Datasets
from desktop.controllers.demo import Demo
from desktop.controllers.fit import Fitting
from desktop.controllers.hardware import Hardware
from desktop.controllers.images import Images
from desktop.controllers.jobs import Jobs
from desktop.controllers.keep_ready import KeepReady
from desktop.controllers.labels import LabelBook
from desktop.controllers.library import Library
from desktop.controllers.models import Models, loaded_names
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
from desktop.engine.docker import DockerEngine
from desktop.engine.doctor import Doctor
from desktop.engine.example_model import ExampleModel
from desktop.engine.gpus import Gpus
from desktop.engine.image import TrainerImage
from desktop.engine.launch import Machine
from desktop.engine.machine import read_machine
from desktop.engine.model_fetch import ModelFetch
from desktop.engine.process import ProcessEngine
from desktop.engine.secrets import SecretStore
from desktop.engine.trainer_environment import TrainerEnvironment
from desktop.engine.verbs import Engine
from desktop.engine.wheels import Variant
from desktop.errors import StoreError
from desktop.paths import Home


@dataclass(frozen=True)
class Assembly:
    """Everything that a front end talks to."""

    home: Home
    jobs: Jobs
    notices: Notices
    store: Store
    setup: Setup
    runs: Runs
    keep_ready: KeepReady
    labels: LabelBook
    run_bin: RunBin
    reproducing: Reproducing
    chat: Chat
    hardware: Hardware
    images: Images
    fitting: Fitting
    troubles: Troubles
    library: Library
    settings: Settings
    secrets: Secrets
    demo: Demo
    data: DataDesk
    models: Models
    choosing: Choosing
    datasets: Datasets
    doctor: Doctor
    image: TrainerImage
    environment: TrainerEnvironment
    example_model: ExampleModel
    machine: Machine

    def close(self) -> bool:
        """End the chat and the jobs; trainers go on. Return whether a build is left behind."""
        self.chat.close()
        self.demo.close()
        self.runs.close()
        self.keep_ready.close()
        self.run_bin.close()
        self.reproducing.close()
        self.data.close()
        self.choosing.close()
        self.models.close()
        self.datasets.close()
        leaves_build = self.jobs.close()
        self.store.close()
        return leaves_build


def assemble(home: Home) -> Assembly:
    """Build everything for one home; StoreError where its database cannot be read."""
    try:
        home.make()
    except OSError as error:
        raise StoreError(
            f"The state folder {home.path} cannot be made: {error.strerror}.",
            "Give another one with --home or TUNEDECK_HOME.",
            code="home_unusable",
        ) from error
    store = Store(home.database)
    gpus = Gpus()
    machine = read_machine(home, gpus)
    variant: Variant = "cuda" if machine.gpu_indices else "cpu"
    environment = TrainerEnvironment(home.trainer_environment, variant)

    # One Docker client for the engine's lane, one for builds, which last for minutes, and the doctor opens its own.
    docker = DockerEngine(home.path, lambda: TrainerImage(docker, variant).for_launch())
    image = TrainerImage(DockerEngine(home.path, str), variant)
    engines: dict[EngineName, Engine] = {
        "docker": docker,
        "process": ProcessEngine(home.path, environment),
    }
    # The example's model is made on the lane of the builds.
    builders: dict[EngineName, Engine] = {
        "docker": DockerEngine(home.path, image.for_launch),
        "process": ProcessEngine(home.path, environment),
    }
    jobs = Jobs()
    secrets = Secrets(SecretStore(), jobs)
    notices = Notices()
    setup = Setup({"docker": image, "process": environment}, jobs)
    settings = Settings(store)
    setup.is_offline = lambda: settings.is_offline
    setup.models = ModelFetch(home.caches / "hub" / "hub", lambda: secrets.store.token("hub"))

    def own_image() -> TrainerImage:
        return TrainerImage(DockerEngine(home.path, str), variant)

    doctor = Doctor(home, gpus, environment, own_image)
    example_model = ExampleModel(home.models, builders, machine)
    runs = Runs(home, store, engines, machine, setup, jobs, notices)
    hardware = Hardware(gpus, doctor, jobs)
    fitting = Fitting(home, store, runs, hardware, jobs)
    data = DataDesk(jobs, [home.caches / "hub"])
    models = Models(
        home,
        jobs,
        lambda: secrets.store.token("hub"),
        builders,
        machine,
        is_offline=lambda: settings.is_offline,
        in_use=lambda: {name for run in runs.all() if run.state.can_cancel for name in loaded_names(run.config)},
    )
    models.examined.connect(lambda report: fitting.take_examined(report.model, report.weight_bytes))
    datasets = Datasets(home, store, jobs, lambda: secrets.store.token("hub"), settings.need_network)
    demo = Demo(example_model, setup, jobs)
    for fetching in (models, datasets, demo):
        settings.offline_changed.connect(fetching.follow_offline)
    return Assembly(
        home=home,
        jobs=jobs,
        notices=notices,
        store=store,
        setup=setup,
        runs=runs,
        keep_ready=KeepReady(home, store, runs, engines, machine, setup, jobs),
        labels=LabelBook(store),
        run_bin=RunBin(runs, jobs, notices),
        reproducing=Reproducing(runs, store, notices, jobs, own_image),
        chat=Chat(home, store, engines, machine, setup, jobs),
        hardware=hardware,
        images=Images(own_image, setup, jobs),
        fitting=fitting,
        troubles=Troubles(runs, hardware, SettingsTable(store), notices),
        library=Library(store),
        settings=settings,
        secrets=secrets,
        demo=demo,
        data=data,
        models=models,
        choosing=Choosing(jobs, hardware, models, data.scanning, fitting, home.caches / "hub"),
        datasets=datasets,
        doctor=doctor,
        image=image,
        environment=environment,
        example_model=example_model,
        machine=machine,
    )
