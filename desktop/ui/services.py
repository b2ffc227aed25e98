"""What the window is given: the controllers, and where it remembers how it was left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSettings

from desktop.body import EngineName
from desktop.controllers.chat import Chat
from desktop.controllers.demo import Demo
from desktop.controllers.hardware import Hardware
from desktop.controllers.jobs import Jobs
from desktop.controllers.library import Library
from desktop.controllers.notices import Notices
from desktop.controllers.runs import Runs
from desktop.controllers.setup import Setup


@dataclass(frozen=True)
class Services:
    """Every controller that a widget may show; built once, in the composition root."""

    runs: Runs
    chat: Chat
    hardware: Hardware
    library: Library
    setup: Setup
    notices: Notices
    jobs: Jobs
    demo: Demo
    settings: QSettings
    engines: Sequence[EngineName]
    """The engines that this machine could use, in order of preference."""
