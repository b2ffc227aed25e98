"""The buttons beside the knobs that rewards need: a Python file, and models that judge, from runs or folders."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from desktop.controllers.runs import Runs
from desktop.core.run import Run
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.pieces import button, label, row, set_role
from desktop.ui.services import Services
from desktop.ui.setup.fields import Field
from desktop.ui.setup.reward_template import TEMPLATE
from trainer_image.contract import Method
from trainer_image.rewards.reward_file import check_reward_file

JUDGES: Mapping[str, Method] = {"reward_model": "reward", "process_reward_model": "prm"}
"""The method that trains what a knob names."""
PYTHON_FILES = "Python (*.py);;All files (*)"


class RewardSources:
    """Fills the fields of a form; the fields stay the form's."""

    def __init__(self, services: Services, fields: Mapping[str, Field], window: QWidget) -> None:
        self._services = services
        self._fields = fields
        self._window = window
        self.checked = label("", "muted", wrap=True)
        self._compose_file(fields["reward_file"])
        self.pickers = {knob: self._compose_judge(knob) for knob in JUDGES}

    def _compose_file(self, field: Field) -> None:
        choose = button("File…", self.choose_file, name="Choose your reward file")
        field.line.addWidget(choose)
        self.check = button("Check file", self.check_file, "link")
        self.new = button("New from template…", self.write_template, "link")
        field.body.insertLayout(2, row(self.check, self.new, 1))
        field.body.insertWidget(3, self.checked)
        _follow(field.editor, choose, self.check, self.new)
        field.editor.setPlaceholderText("a file with reward(completion, prompt, answer, row)")  # type: ignore[union-attr]
        field.value_changed.connect(lambda _: self._show_check(""))
        self._show_check("")

    def _compose_judge(self, knob: str) -> QPushButton:
        field = self._fields[knob]
        picker = QPushButton("A run…")
        picker.setAutoDefault(False)
        picker.setAccessibleName(f"{field.knob.label}: pick a finished run")
        field.editor.setPlaceholderText("a finished run, or a folder")  # type: ignore[union-attr]
        menu = QMenu(picker)
        menu.aboutToShow.connect(lambda: self._fill_menu(menu, knob))
        picker.setMenu(menu)
        field.line.addWidget(picker)
        name = f"{field.knob.label}: choose a folder"
        folder = button("Folder…", lambda: self._choose_folder(knob), name=name)
        field.line.addWidget(folder)
        _follow(field.editor, picker, folder)
        return picker

    def choose_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self._window, "Choose your reward file", str(Path.home()), PYTHON_FILES)
        if file:
            self._fields["reward_file"].set_value(file)
            self.check_file()

    def write_template(self) -> None:
        """Write a reward file to begin with, where the user wants it, and take it."""
        target, _ = QFileDialog.getSaveFileName(
            self._window, "Write a reward file", str(Path.home() / "reward.py"), PYTHON_FILES
        )
        if not target:
            return
        try:
            Path(target).write_text(TEMPLATE, "utf-8")
        except OSError as error:
            self._services.notices.post_error(AppError(f"{target} cannot be written: {error.strerror}."))
            return
        self._fields["reward_file"].set_value(target)
        self._show_check("Written. Open it in your editor, say what an answer is worth, and check it again.")

    def check_file(self) -> None:
        """Read the file without running it, and say what is wrong with it."""
        text = str(self._fields["reward_file"].value() or "")
        if not text:
            self._show_check("Choose a file first, or write one from the template.", "warn")
            return
        path = (Path.home() / Path(text).expanduser()).resolve()
        self._services.jobs.run(
            "pool",
            lambda: check_reward_file(path),
            lambda problems: self._show_found(text, problems),
        )

    def _show_found(self, text: str, problems: list[str]) -> None:
        if text == self._fields["reward_file"].value():
            found = "\n".join(f"▲ {problem}" for problem in problems)
            self._show_check(found or "✓ The trainer can use this file.", "warn" if problems else "good")

    def _show_check(self, text: str, role: str = "muted") -> None:
        self.checked.setText(text)
        set_role(self.checked, role)
        self.checked.setVisible(bool(text))

    def _fill_menu(self, menu: QMenu, knob: str) -> None:
        menu.clear()
        judges = finished_judges(self._services.runs, JUDGES[knob])
        for run in judges:
            ended = f" · {words.moment(run.ended)}" if run.ended else ""
            action = menu.addAction(f"{run.name}{ended}")
            action.triggered.connect(lambda _=False, run=run: self._fields[knob].set_value(str(run.adapter)))
        if not judges:
            menu.addAction(f"No run of the method {JUDGES[knob]} is finished yet").setEnabled(False)

    def _choose_folder(self, knob: str) -> None:
        title = f"Choose the folder of the {self._fields[knob].knob.label.lower()}"
        folder = QFileDialog.getExistingDirectory(self._window, title, str(Path.home()))
        if folder:
            self._fields[knob].set_value(folder)


def _follow(*parts: QWidget) -> None:
    """Let the Tab key go from one part to the next; what is added later would come after the whole list."""
    for first, second in pairwise(parts):
        QWidget.setTabOrder(first, second)


def finished_judges(runs: Runs, method: Method) -> list[Run]:
    """Return the finished runs of a method whose model is there, newest first."""
    return [run for run in runs.all() if run.config.method == method and run.adapter is not None]
