"""What the window is given: the controllers, and where it remembers how it was left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSettings

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
from desktop.controllers.models import Models
from desktop.controllers.notices import Notices
from desktop.controllers.reproducing import Reproducing
from desktop.controllers.run_bin import RunBin
from desktop.controllers.runs import Runs
from desktop.controllers.secrets import Secrets
from desktop.controllers.settings import Settings
from desktop.controllers.setup import Setup
from desktop.controllers.troubles import Troubles


@dataclass(frozen=True)
class Services:
    """Every controller that a widget may show; built once, in the composition root."""

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
    setup: Setup
    notices: Notices
    jobs: Jobs
    demo: Demo
    data: DataDesk
    models: Models
    choosing: Choosing
    datasets: Datasets
    choices: Settings
    """What holds for window and command line alike; offline is one of them."""
    secrets: Secrets
    settings: QSettings
    engines: Sequence[EngineName]
    """The engines that this machine could use, in order of preference."""
