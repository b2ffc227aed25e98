"""What can be done with the selected run, as actions that know when they may be used."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QInputDialog, QMessageBox, QWidget

from desktop.controllers.notices import Notices
from desktop.controllers.runs import Runs
from desktop.core.run import Run, RunState
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.actions import Actions
from desktop.ui.selection import Selection

NEEDS_A_RUN = (
    "pause",
    "checkpoint",
    "cancel",
    "rename_run",
    "delete_run",
    "open_folder",
    "load_config",
    "talk",
)


def has_something_to_say(run: Run) -> bool:
    """Say whether there is a model to talk to, as far as the events tell."""
    return not run.no_chat_because and (run.state is RunState.FINISHED or bool(run.progress.checkpoints))


class RunCommands(QObject):
    """Connects the run actions to the runs controller, for the run that is selected."""

    def __init__(self, runs: Runs, notices: Notices, actions: Actions, selection: Selection, window: QWidget) -> None:
        super().__init__(window)
        self._runs = runs
        self._notices = notices
        self._actions = actions
        self._selection = selection
        self._window = window
        self._talk_help = actions["talk"].toolTip()
        for name, act in {
            "pause": self._pause_or_resume,
            "checkpoint": self._checkpoint,
            "cancel": self._cancel,
            "rename_run": self._rename,
            "delete_run": self._delete,
            "open_folder": self._open_folder,
            "load_config": lambda run: selection.request_config(run.config),
            "talk": lambda run: selection.request_chat(run.id),
        }.items():
            actions[name].triggered.connect(self._doing(act))
        selection.run_selected.connect(lambda _: self._enable())
        runs.run_changed.connect(self._run_changed)
        runs.run_removed.connect(self._run_removed)
        self._enable()

    @property
    def run(self) -> Run | None:
        return self._runs.get(self._selection.run_id)

    def _doing(self, act: Callable[[Run], object]) -> Callable[[], None]:
        def do() -> None:
            run = self.run
            if run is None:
                return
            try:
                act(run)
            except AppError as error:
                self._notices.post_error(error, run.id)

        return do

    def _run_changed(self, run_id: str) -> None:
        if run_id == self._selection.run_id:
            self._enable()

    def _run_removed(self, run_id: str) -> None:
        if run_id == self._selection.run_id:
            rest = self._runs.all()
            self._selection.select(rest[0].id if rest else "")

    def _enable(self) -> None:
        run, actions = self.run, self._actions
        for name in NEEDS_A_RUN:
            actions[name].setEnabled(run is not None)
        if run is None:
            return
        actions["pause"].setText("Resume" if run.state.can_resume else "Pause")
        actions["pause"].setEnabled(run.state.can_resume or run.state is RunState.RUNNING)
        actions["checkpoint"].setEnabled(run.state is RunState.RUNNING)
        actions["cancel"].setEnabled(run.state.can_cancel)
        actions["delete_run"].setEnabled(not run.state.can_cancel)
        actions["talk"].setEnabled(has_something_to_say(run))
        actions["talk"].setToolTip(run.no_chat_because or self._talk_help)

    def _pause_or_resume(self, run: Run) -> None:
        if run.state.can_resume:
            self._runs.resume(run.id)
        else:
            self._runs.pause(run.id)
            self._notices.post("info", f"{run.name} saves at its next step and pauses.")

    def _checkpoint(self, run: Run) -> None:
        self._runs.checkpoint(run.id)
        self._notices.post("info", f"{run.name} saves a checkpoint at its next step.")

    def _cancel(self, run: Run) -> None:
        was_waiting = run.state is RunState.WAITING
        self._runs.cancel(run.id)
        if was_waiting:
            return
        self._notices.post("info", f"{run.name} saves and ends.", "Cancel again to end it at once.")

    def _rename(self, run: Run) -> None:
        name, is_sure = QInputDialog.getText(self._window, "Rename run", "New name:", text=run.name)
        if is_sure:
            self._runs.rename(run.id, name)

    def _delete(self, run: Run) -> None:
        box = QMessageBox(self._window)
        box.setWindowTitle("Delete run")
        box.setText(f"Delete {run.name} for good?")
        size = f" ({words.file_size(run.size_bytes)})" if run.size_bytes else ""
        box.setInformativeText(f"Its folder{size} goes too, with the adapter and every checkpoint.")
        delete = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        keep = box.addButton("Keep it", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.exec()
        if box.clickedButton() is delete:
            self._runs.delete(run.id)

    def _open_folder(self, run: Run) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(run.folder)))
