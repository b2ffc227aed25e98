"""The window's composition root: builds each object once, hands it on, and starts the loop."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time

from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtWidgets import QApplication, QMessageBox

from desktop.controllers import keeper, showing
from desktop.controllers.assembly import Assembly, assemble
from desktop.controllers.desktop_words import DesktopWords
from desktop.errors import AppError
from desktop.paths import Home
from desktop.ui.services import Services
from desktop.ui.window.main_window import MainWindow

COMES_UP_S = 20.0
"""How long a keeper may take from its start until it can be seen."""


def open_window(home: Home, *, example: bool = False) -> int:
    """Open the window on a home and return the program's exit code; ``example`` starts the built-in run at once."""
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Tunedeck")
    application.setDesktopFileName("tunedeck")
    try:
        assembly = assemble(home)
    except AppError as error:
        QMessageBox.critical(None, "Tunedeck cannot start", str(error))
        return 1
    with keeper.window_open(home):
        return _show_window(application, assembly, example=example)


def _show_window(application: QApplication, assembly: Assembly, *, example: bool) -> int:
    care = KeeperCare(assembly)
    window = build_window(assembly)
    window.crashes.install()
    assembly.chat.clear_leftovers()
    assembly.keep_ready.clear_leftovers()
    assembly.runs.queue.changed.connect(care.look)
    assembly.runs.looked.connect(care.look)
    assembly.runs.looked.connect(lambda: show_what_is_asked(assembly, window))
    assembly.runs.load(aside=True)
    assembly.hardware.start()
    assembly.troubles.start()
    assembly.settings.watch()
    window.show()
    if example:
        assembly.hardware.engine_checked.connect(
            lambda _: start_example(assembly, window), Qt.ConnectionType.SingleShotConnection
        )
    # What stands by now stays to the end. A full collection that goes through it too takes 150 ms, on whichever thread
    # it falls, and the window stands still for as long; without it, 2 ms.
    gc.freeze()
    awake = _quit_on_ctrl_c(application)
    code = application.exec()
    awake.stop()
    care.look()
    if assembly.close():
        # Python would wait for the build's thread to end, for minutes; the engine gives up what nobody reads.
        os._exit(code)
    return code


def show_what_is_asked(assembly: Assembly, window: MainWindow) -> None:
    """Come up at the run that somebody wants to see, who pressed what the keeper had told the desktop."""
    run_id = showing.take(assembly.home)
    if run_id is not None and assembly.runs.get(run_id) is not None:
        window.tray.show_run(run_id)


class KeeperCare:
    """While something waits or lives there is a keeper, for the moment when this window is closed or killed."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._words = DesktopWords(assembly.jobs, assembly.settings)
        self._started = float("-inf")

    def look(self) -> None:
        """Start a keeper where one is needed and none is there, or on its way."""
        if time.monotonic() - self._started < COMES_UP_S or not keeper.has_work(self._assembly, self._words):
            return
        if keeper.ensure(self._assembly.home):
            self._started = time.monotonic()


def build_window(assembly: Assembly) -> MainWindow:
    """Build the window on top of the controllers."""
    services = Services(
        runs=assembly.runs,
        keep_ready=assembly.keep_ready,
        labels=assembly.labels,
        run_bin=assembly.run_bin,
        reproducing=assembly.reproducing,
        chat=assembly.chat,
        hardware=assembly.hardware,
        images=assembly.images,
        fitting=assembly.fitting,
        troubles=assembly.troubles,
        library=assembly.library,
        choices=assembly.settings,
        secrets=assembly.secrets,
        setup=assembly.setup,
        notices=assembly.notices,
        jobs=assembly.jobs,
        demo=assembly.demo,
        data=assembly.data,
        models=assembly.models,
        choosing=assembly.choosing,
        datasets=assembly.datasets,
        settings=QSettings(str(assembly.home.window_settings), QSettings.Format.IniFormat),
        engines=("docker", "process"),
    )
    return MainWindow(services)


def start_example(assembly: Assembly, window: MainWindow) -> None:
    """Run the built-in example: in a container if an engine answers, else without one."""
    check = assembly.hardware.engine
    assert check is not None
    if check.state != "ok":
        assembly.notices.post("info", f"{check.detail} The example runs without a container.", check.fix)
    window.config_dock.starter.start_example("docker" if check.state == "ok" else "process")


def _quit_on_ctrl_c(application: QApplication) -> QTimer:
    """Let Ctrl+C in the terminal close the window; Python's handlers run between two lines of Python only."""
    signal.signal(signal.SIGINT, lambda *_: application.quit())
    awake = QTimer(interval=500)
    awake.timeout.connect(lambda: None)
    awake.start()
    return awake
