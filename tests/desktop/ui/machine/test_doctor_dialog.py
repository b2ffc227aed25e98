"""This machine: what was examined, what the app can mend, and the versions of the trainer image."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from desktop.controllers.hardware import Check
from desktop.controllers.images import BuildStep
from desktop.engine.steps import Fetched
from desktop.errors import EngineError
from desktop.ui.machine.doctor_dialog import DoctorDialog
from desktop.ui.theme import Theme
from tests.desktop.ui.window_fakes import Bench


@pytest.fixture
def dialog(bench: Bench, qtbot: QtBot) -> Iterator[DoctorDialog]:
    services = bench.services
    made = DoctorDialog(services.hardware, services.images, services.setup, Theme(services.settings))
    qtbot.addWidget(made)
    with qtbot.waitSignals([services.hardware.checked, services.images.listed]):
        made.show()
    yield made
    made.close()


def press(dialog: DoctorDialog, name: str) -> None:
    """Press the newest button of that name: those of the examination before may still wait for their end."""
    buttons = dialog.findChildren(QAbstractButton)
    [made for made in buttons if name in (made.accessibleName(), made.text())][-1].click()


def test_what_the_app_can_mend_has_a_button(dialog: DoctorDialog, bench: Bench, qtbot: QtBot) -> None:
    bench.doctor.checks = [
        Check("image", "warn", "The trainer image is not built yet.", "tunedeck image build", "build_image"),
        Check("process_engine", "absent", "It is not made.", "It is made at the first start.", "make_environment"),
    ]
    with qtbot.waitSignal(bench.services.hardware.checked):
        press(dialog, "Examine again")
    with qtbot.waitSignal(bench.services.images.listed):
        press(dialog, "Build it: image")
    assert dialog.pages.currentWidget() is dialog.image_page
    with qtbot.waitSignal(bench.services.hardware.checked):  # once it is made, everything is looked at again
        press(dialog, "Make it: process_engine")


def test_a_fix_is_shown_where_something_is_wrong_only(dialog: DoctorDialog, bench: Bench, qtbot: QtBot) -> None:
    bench.doctor.checks = [
        Check("disk", "ok", "500 GiB free.", "Nothing to do."),
        Check("clock", "warn", "Late.", "Set it: sudo timedatectl set-ntp true."),
        Check("home", "warn", "Nearly full.", "Free at least 20 GB."),
    ]
    with qtbot.waitSignal(bench.services.hardware.checked):
        press(dialog, "Examine again")

    def copies() -> list[str]:
        buttons = dialog.findChildren(QAbstractButton)
        return [made.accessibleName() for made in buttons if made.text() == "Copy" and made.isVisible()]

    qtbot.waitUntil(lambda: copies() == ["Copy the command: Clock"])
    press(dialog, "Copy the command: Clock")
    assert QGuiApplication.clipboard().text() == "sudo timedatectl set-ntp true"


def test_versions_and_the_way_back(dialog: DoctorDialog, bench: Bench, qtbot: QtBot) -> None:
    page, images = dialog.image_page, bench.services.images
    dialog.pages.setCurrentWidget(page)
    shown = [[page.table.item(row, at).text() for at in (0, 3)] for row in range(page.table.rowCount())]
    assert shown == [["2-cuda-b", "used now, made from this app"], ["2-cuda-a", "older"]]
    assert not page.use.isEnabled()
    page.table.selectRow(1)
    assert page.use.isEnabled()
    with qtbot.waitSignal(images.listed):
        page.use.click()
    assert [page.table.item(row, 3).text() for row in range(2)] == ["made from this app", "used now"]
    page.table.selectRow(0)
    with qtbot.waitSignal(images.listed):
        page.remove.click()
    assert page.table.rowCount() == 1


def test_a_pull_is_shown_and_stopped(dialog: DoctorDialog, bench: Bench, qtbot: QtBot) -> None:
    page, images = dialog.image_page, bench.services.images
    dialog.pages.setCurrentWidget(page)
    assert page.progress.isHidden()
    page.reference.setText("registry.example/trainer:1")
    bench.image.gate.clear()
    with qtbot.waitSignal(images.progressed):
        page.pull.click()
    assert page.progress.isVisible()
    assert "400 MB of 1.0 GB" in page.step.text()
    assert page.bar.value() == 400
    assert not page.pull.isEnabled()
    page.stop.click()
    assert page.progress.isHidden()
    assert page.pull.isEnabled()
    bench.image.gate.set()


def test_a_pull_that_fails_says_why(dialog: DoctorDialog, bench: Bench, qtbot: QtBot) -> None:
    page, images = dialog.image_page, bench.services.images
    dialog.pages.setCurrentWidget(page)
    bench.image.refusal = EngineError("There is no image nothing:1.", "Check its name and its tag.", "image_not_found")
    page.reference.setText("nothing:1")
    with qtbot.waitSignal(images.failed):
        page.pull.click()
    assert page.problem.text() == "There is no image nothing:1. Check its name and its tag."
    bench.services.choices.set_offline(True)
    with qtbot.waitSignal(images.failed):
        page.pull.click()
    assert "offline" in page.problem.text()


def test_a_step_says_amount_speed_and_what_is_left(dialog: DoctorDialog) -> None:
    dialog.image_page.show_step(BuildStep(10, 18, "installing PyTorch", 75.0, None, Fetched(10**9, 3 * 10**9, 20e6)))
    said = dialog.image_page.step.text()
    assert said.startswith("Step 10 of 18: installing PyTorch · 1.0 GB of 3.0 GB at 20 MB/s, 2 min left to fetch")
