"""Builds every controller once, for the window and for the command line alike."""

from __future__ import annotations

from dataclasses import dataclass

from desktop.body import EngineName
from desktop.controllers.chat import Chat
from desktop.controllers.demo import Demo
from desktop.controllers.hardware import Hardware
from desktop.controllers.jobs import Jobs
from desktop.controllers.library import Library
from desktop.controllers.notices import Notices
from desktop.controllers.runs import Runs
from desktop.controllers.setup import Setup
from desktop.core.store import Store
from desktop.engine.docker import DockerEngine
from desktop.engine.doctor import Doctor
from desktop.engine.example_model import ExampleModel
from desktop.engine.gpus import Gpus
from desktop.engine.image import TrainerImage
from desktop.engine.machine import read_machine
from desktop.engine.process import ProcessEngine
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
    chat: Chat
    hardware: Hardware
    library: Library
    demo: Demo
    doctor: Doctor
    image: TrainerImage
    environment: TrainerEnvironment
    example_model: ExampleModel

    def close(self) -> bool:
        """End the chat and the jobs; trainers go on. Return whether a build is left behind."""
        self.chat.close()
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
    notices = Notices()
    setup = Setup({"docker": image, "process": environment}, jobs)
    doctor = Doctor(home, gpus, environment, lambda: TrainerImage(DockerEngine(home.path, str), variant))
    example_model = ExampleModel(home.models, builders, machine)
    return Assembly(
        home=home,
        jobs=jobs,
        notices=notices,
        store=store,
        setup=setup,
        runs=Runs(home, store, engines, machine, setup, jobs, notices),
        chat=Chat(home, store, engines, machine, setup, jobs),
        hardware=Hardware(gpus, doctor, jobs),
        library=Library(store),
        demo=Demo(example_model, setup, jobs),
        doctor=doctor,
        image=image,
        environment=environment,
        example_model=example_model,
    )
