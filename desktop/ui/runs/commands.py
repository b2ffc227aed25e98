"""What can be done with the run that is looked at, and with those that are chosen, as actions that know when."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from desktop.controllers.reproducing import Findings
from desktop.core.run import Failure, Run, RunState
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.runs.labels_dialog import RunLabelsDialog
from desktop.ui.runs.passport import PassportDialog
from desktop.ui.runs.push_dialog import PushDialog
from desktop.ui.runs.reproduce_dialog import ReproduceDialog
from desktop.ui.runs.selection import Selection
from desktop.ui.services import Services
from desktop.ui.window.actions import Actions
from desktop.ui.window.notice_bar import NoticeBar

NEEDS_A_RUN = (
    *("pause", "checkpoint", "cancel", "rename_run", "delete_run", "open_folder", "load_config", "talk"),
    *("label_runs", "archive_runs", "passport", "reproduce", "push"),
)


def has_something_to_say(run: Run) -> bool:
    """Say whether there is a model to talk to, as far as the events tell."""
    return not run.no_chat_because and (run.state is RunState.FINISHED or bool(run.progress.checkpoints))


class RunCommands(QObject):
    """Connects the run actions to the controllers."""

    def __init__(
        self, services: Services, actions: Actions, selection: Selection, bar: NoticeBar, window: QWidget
    ) -> None:
        super().__init__(window)
        self._services = services
        self._runs = services.runs
        self._notices = services.notices
        self._actions = actions
        self._selection = selection
        self._bar = bar
        self._window = window
        self._talk_help = actions["talk"].toolTip()
        self._pushing: PushDialog | None = None
        self._failures: dict[str, Failure] = {}
        """Why runs ended badly while the window was open, until they go on."""
        for name, act in {
            "pause": self._pause_or_resume,
            "checkpoint": self._checkpoint,
            "cancel": self._cancel,
            "open_folder": self._open_folder,
            "load_config": lambda run: selection.request_config(run.config, run.engine),
            "talk": lambda run: selection.request_chat(run.id),
            "passport": self._show_passport,
            "push": self._push,
            "reproduce": self._reproduce,
            "delete_run": lambda _: services.run_bin.put(run.id for run in self.chosen),
            "archive_runs": lambda _: self._archive(),
            "label_runs": lambda _: RunLabelsDialog(services, self.chosen, window).open(),
            "compare_runs": lambda _: selection.compare([run.id for run in self.chosen]),
        }.items():
            actions[name].triggered.connect(self._doing(act))
        selection.run_selected.connect(lambda _: self._enable())
        selection.chosen_changed.connect(self._enable)
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._enable)
        services.labels.changed.connect(lambda _: self._soon.start())
        services.models.pushes.changed.connect(self._push_changed)
        self._runs.run_changed.connect(self._run_changed)
        self._runs.run_removed.connect(self._run_removed)
        self._enable()

    @property
    def run(self) -> Run | None:
        return self._runs.get(self._selection.run_id)

    @property
    def chosen(self) -> list[Run]:
        """The runs that are chosen in the list, else the one that is looked at."""
        ids = self._selection.chosen
        if self._selection.run_id not in ids:
            ids = (self._selection.run_id,)
        return [run for run_id in ids if (run := self._runs.get(run_id)) is not None]

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
        self._look_at_failure(run_id)
        if run_id == self._selection.run_id or run_id in self._selection.chosen:
            self._enable()

    def _look_at_failure(self, run_id: str) -> None:
        """Take the notice of how a run ended away when the run goes on, whoever has resumed it."""
        run = self._runs.get(run_id)
        if run is None:
            return
        if run.state.can_cancel:
            if (failure := self._failures.pop(run_id, None)) is not None:
                self._bar.forget(run_id, failure.sentence)
        elif run.failure is not None:
            self._failures[run_id] = run.failure

    def _run_removed(self, run_id: str) -> None:
        self._failures.pop(run_id, None)
        if run_id == self._selection.run_id:
            rest = [run for run in self._runs.all() if run.id not in self._services.run_bin]
            self._selection.select(rest[0].id if rest else "")

    def _enable(self) -> None:
        run, chosen, actions = self.run, self.chosen, self._actions
        for name in NEEDS_A_RUN:
            actions[name].setEnabled(run is not None)
        actions["compare_runs"].setEnabled(len(chosen) > 1)
        if run is None:
            return
        is_ending = run.asked in ("pause", "cancel")
        pause = "Pausing…" if run.asked == "pause" else "Pause"
        actions["pause"].setText("Resume" if run.state.can_resume else pause)
        actions["pause"].setEnabled(run.state.can_resume or (run.state is RunState.RUNNING and not is_ending))
        actions["checkpoint"].setText("Saving a checkpoint…" if run.asked == "checkpoint" else "Checkpoint now")
        saves = not run.config.find_learning_rate
        actions["checkpoint"].setEnabled(run.state is RunState.RUNNING and not run.asked and saves)
        # Who cannot wait may say it again: then the trainer is ended without a checkpoint.
        actions["cancel"].setText("Cancelling… (again: end it at once)" if run.asked == "cancel" else "Cancel run")
        actions["cancel"].setEnabled(run.state.can_cancel)
        actions["talk"].setEnabled(has_something_to_say(run))
        actions["push"].setEnabled(run.adapter is not None)
        actions["talk"].setToolTip(run.no_chat_because or self._talk_help)
        many = f" {len(chosen)} runs" if len(chosen) > 1 else ""
        actions["compare_runs"].setText(f"Compare {len(chosen)}" if many else "Compare")
        actions["delete_run"].setText(f"Delete{many or ' run'}")
        actions["delete_run"].setEnabled(not any(one.state.can_cancel for one in chosen))
        actions["archive_runs"].setText(f"Take{many} out of the archive" if self._are_archived else f"Archive{many}")

    @property
    def _are_archived(self) -> bool:
        return all(self._services.labels.of(run.id).is_archived for run in self.chosen)

    def _pause_or_resume(self, run: Run) -> None:
        if run.state.can_resume:
            self._runs.resume(run.id)
            if run.step and run.progress.step is not None and not run.progress.checkpoints:
                self._notices.post("info", f"{run.name} begins again: it has no checkpoint yet.")
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

    def _archive(self) -> None:
        """Put the chosen runs away, or take them out again where all of them are; the notice has the way back."""
        labels, runs, is_away = self._services.labels, self.chosen, not self._are_archived
        before = [(run.id, labels.of(run.id).is_archived) for run in runs]
        before.sort(key=lambda one: one[0] != self._selection.run_id)  # the one looked at comes back as that
        for run in runs:
            labels.archive(run.id, is_away)

        def put_back() -> None:
            for run_id, was_archived in before:
                if self._runs.get(run_id) is not None:
                    labels.archive(run_id, was_archived)
            if is_away:
                self._selection.choice_requested.emit([run_id for run_id, _ in before])

        what = runs[0].name if len(runs) == 1 else words.plural(len(runs), "run")
        where = "put away in the archive" if is_away else "taken out of the archive"
        self._bar.show_words(f"{what} {'is' if len(runs) == 1 else 'are'} {where}.", "Undo", put_back)

    def _show_passport(self, run: Run) -> None:
        dialog = PassportDialog(run, self._services.reproducing.passport(run.id), self._window)
        dialog.reproduce_requested.connect(self._actions["reproduce"].trigger)
        dialog.open()

    def _push(self, run: Run) -> None:
        dialog = self._pushing = PushDialog(
            self._services, run, self._services.reproducing.passport(run.id), self._window
        )
        dialog.settings_requested.connect(self._actions["settings"].trigger)
        dialog.finished.connect(lambda _: self._stop_showing_push())
        dialog.open()

    def _stop_showing_push(self) -> None:
        self._pushing = None

    def _push_changed(self, run_id: str) -> None:
        """Tell how a push ended whose dialog has been closed meanwhile."""
        push, run = self._services.models.pushes.get(run_id), self._runs.get(run_id)
        if push is None or push.is_live or (self._pushing is not None and self._pushing.run_id == run_id):
            return
        name = run.name if run is not None else push.repo
        if push.error is not None:
            self._notices.post("error", f"{name} was not pushed. {push.error.sentence}", push.error.hint, run_id)
        elif push.state == "done":
            self._notices.post("info", f"{name} is on the Hub.", push.address, run_id)

    def _reproduce(self, run: Run) -> None:
        self._services.reproducing.check(
            run.id, self._start_or_ask, lambda error: self._notices.post_error(error, run.id)
        )

    def _start_or_ask(self, findings: Findings) -> None:
        run = self._runs.get(findings.run_id)
        if run is None:
            return
        if findings.doubts:
            dialog = ReproduceDialog(run, findings.doubts, self._window)
            dialog.accepted.connect(lambda: self._start_again(findings))
            dialog.open()
        else:
            self._start_again(findings)

    def _start_again(self, findings: Findings) -> None:
        try:
            again = self._services.reproducing.start(findings)
        except AppError as error:
            self._notices.post_error(error, findings.run_id)
            return
        self._selection.select(again)
        self._selection.view_requested.emit("watch")

    def _open_folder(self, run: Run) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(run.folder)))
