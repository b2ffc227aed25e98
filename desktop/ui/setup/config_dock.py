"""Set up: which model, which data, what for, and how; then start."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QWidget,
)

from desktop.body import EngineName
from desktop.controllers.datasets import Prepared
from desktop.core import inputs
from desktop.errors import AppError
from desktop.ui.datasets.report import in_the_way
from desktop.ui.datasets.step import DatasetStep
from desktop.ui.runs.selection import Selection
from desktop.ui.services import Services
from desktop.ui.setup import draft
from desktop.ui.setup.config_form import ConfigForm
from desktop.ui.setup.config_steps import ConfigSteps
from desktop.ui.setup.preset_keeper import SETTING
from desktop.ui.setup.reward_sources import RewardSources
from desktop.ui.setup.saved_configs import SavedConfigs
from desktop.ui.setup.start_panel import StartPanel
from desktop.ui.setup.start_time import StartTimeDialog
from desktop.ui.setup.starter import RunStarter
from desktop.ui.theme import Theme
from desktop.ui.window.actions import Actions
from desktop.ui.window.notice_bar import NoticeBar
from trainer_image.contract import Problem, RunConfig, check_config

PANEL_WIDTH = 312
WIDE = 760
"""From this width on the panel stands beside the form, else below it."""
READ_DELAY_MS = 300
"""A path that is being typed is looked at once the typing rests."""
DATA_FILES = "Datasets (*.jsonl *.ndjson *.json *.csv *.tsv *.parquet *.txt *.md);;All files (*)"
GGUF_FILES = "GGUF files (*.gguf)"
SEARCH_NAME = "learning rate search"
KNOB_OF_CODE = {"dataset_missing": "dataset", "model_missing": "model", "gpu_missing": "gpus"}


class ConfigDock(QWidget):
    """The form in four steps, and beside it what a start would do."""

    def __init__(
        self, services: Services, actions: Actions, selection: Selection, bar: NoticeBar, theme: Theme
    ) -> None:
        super().__init__()
        self._services = services
        self._actions = actions
        self._selection = selection
        self.form = ConfigForm()
        self.panel = StartPanel(services, actions, theme)
        self.data = DatasetStep(services.data.scanning, services.datasets, self.form, self)
        self.reward_sources = RewardSources(services, self.form.fields, self)
        self.saved = SavedConfigs(services, actions, bar, lambda: self.form.config, lambda: self.panel.engine)
        self.steps = ConfigSteps(services, actions, self.form, self.saved, self.choose_gguf)
        self.keeper, self.presets, self.search = self.steps.keeper, self.steps.presets, self.steps.search
        self.find_rate = self.steps.find_rate
        self._is_offline = services.choices.is_offline
        self._reading = QTimer(self, singleShot=True, interval=READ_DELAY_MS)
        self._reading.timeout.connect(self.data.examine)
        self.starter = RunStarter(services, selection, self)
        self._compose()
        self._connect(selection)
        self._fill()
        self.data.examine()
        self._follow_offline(self._is_offline)
        services.keep_ready.follow(self._would_start)

    # What it is made of

    def _compose(self) -> None:
        self._split = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._split.setContentsMargins(16, 12, 16, 16)
        self._split.setSpacing(16)
        self._split.addWidget(self.steps, 1)
        self._split.addWidget(self.panel)

    def _connect(self, selection: Selection) -> None:
        self.form.config_changed.connect(self._show_config)
        self.form.config_changed.connect(self._services.keep_ready.look_again)
        for choice in self.panel.engine_buttons.values():
            choice.toggled.connect(lambda _: self._services.keep_ready.look_again())
        self.form.fields["dataset"].value_changed.connect(lambda _: self._reading.start())
        self._services.choices.offline_changed.connect(self._follow_offline)
        self.steps.model.gguf_chosen.connect(lambda file: self._import_gguf(Path(file)))
        self.panel.knob_requested.connect(self.reveal)
        self.panel.knobs_wanted.connect(self.form.set_values)
        self.panel.dataset.report_changed.connect(self._show_config)
        self.panel.dataset.choice.chosen.connect(self.form.fields["bad_rows"].set_value)
        self.panel.fit.method_picked.connect(self.form.fields["method"].set_value)
        self.saved.config_picked.connect(self.form.set_config)
        self.saved.engine_picked.connect(self.panel.take_engine)
        self.keeper.changed.connect(self._show_guess)
        selection.config_requested.connect(self._take_config)
        selection.engine_requested.connect(self.panel.take_engine)
        selection.knob_requested.connect(self.take_value)
        self.starter.state_changed.connect(self._show_config)
        actions = self._actions
        actions["new_run"].triggered.connect(self.begin_anew)
        actions["start"].triggered.connect(lambda: self.start())
        actions["start_later"].triggered.connect(self.start_later)
        actions["find_rate"].triggered.connect(self.find_learning_rate)
        actions["example"].triggered.connect(self.start_example)
        actions["choose_model"].triggered.connect(self.choose_model)
        actions["choose_dataset"].triggered.connect(self.choose_dataset)
        runs = self._services.runs
        # A thousand runs come at once when the window opens.
        self._runs_came = QTimer(self, singleShot=True, interval=0)
        self._runs_came.timeout.connect(self._show_config)
        for signal in (runs.run_added, runs.run_removed):
            signal.connect(lambda _: self._runs_came.start())

    # What the user wants

    def start(self, *, as_search: bool = False, not_before: datetime | None = None) -> None:
        """Start what the form says, now or later, or show what stands in the way."""
        config = self._config_to_start()
        if config is None:
            return
        wanted = config.model_copy(update={"find_learning_rate": True}) if as_search else config
        name = SEARCH_NAME if as_search else ""

        def go_on(prepared: Prepared) -> None:
            self._start_prepared(config, prepared, name, not_before)

        self.data.prepare(wanted, go_on, self._refuse_start)

    def start_example(self) -> None:
        """Prepare the example and start it; what it waits for is shown here."""
        if not self.isVisible():
            self._selection.view_requested.emit("setup")
        self.starter.start_example(self.panel.engine)

    def start_later(self) -> None:
        """Ask at what hour to start what the form says."""
        if self._config_to_start() is not None:
            StartTimeDialog("When to start", lambda when: self.start(not_before=when), self).open()

    def _config_to_start(self) -> RunConfig | None:
        """Return what the form says, or show what stands in the way; nobody starts a form unseen."""
        if not self.isVisible():
            self._selection.view_requested.emit("setup")
            return None
        self.form.check_now()
        self.data.show_what_is_in_the_way()
        config = self._config_with_full_paths()
        if config is None or self.form.problems:
            self.form.touch_everything()
            self.reveal(self.form.problems[0].knob if self.form.problems else "model")
            if self._services.models.refusals(self.form.values()):
                self._services.models.look_again()  # it may have been mended meanwhile
            return None
        return config

    def _start_prepared(self, config: RunConfig, prepared: Prepared, name: str, not_before: datetime | None) -> None:
        """Start what the form said, with the file that its dataset is now."""
        if prepared.warning:
            self._services.notices.post("warning", prepared.warning)
        error = self.starter.start(prepared.config, self.panel.engine, name, prepared.version, not_before)
        if error is not None:
            self._refuse_start(error)
        else:
            self._services.library.remember_last(config)
            draft.forget(self._services.settings)
            self.panel.remember_engine()

    def _refuse_start(self, error: AppError) -> None:
        knob = KNOB_OF_CODE.get(error.code)
        if knob is None:
            self._services.notices.post_error(error)
        else:
            self.form.add_problem(knob, str(error))
            self.reveal(knob)

    def find_learning_rate(self) -> None:
        """Start the short run that looks for a learning rate with what the form says."""
        self.start(as_search=True)

    def take_value(self, knob: str, value: object) -> None:
        """Put a value that a run has found into its knob, and show it."""
        self.form.set_values({"find_learning_rate": False, knob: value})
        self._selection.view_requested.emit("setup")
        self.reveal(knob)

    def _take_config(self, config: RunConfig) -> None:
        """Show the config of a run; of a search what it searched for, not the search itself."""
        self.form.set_config(config.model_copy(update={"find_learning_rate": False}))

    def begin_anew(self) -> None:
        """Empty the form."""
        self.saved.forget()
        self.form.clear()
        self.keeper.pick_remembered()
        self.steps.model.open()
        # What is opened and closed by this moves everything else.
        QTimer.singleShot(0, self.steps, lambda: self.steps.verticalScrollBar().setValue(0))

    def choose_model(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose the folder of a model", self._folder_of("model"))
        if folder:
            self.take_model(folder)

    def take_model(self, model: str) -> None:
        """Use a model that was chosen or dropped; the lists have done their work."""
        self.steps.model.pick(model)

    def choose_dataset(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, "Choose a dataset", self._folder_of("dataset"), DATA_FILES)
        if file:
            self.set_dataset(file)

    def choose_gguf(self) -> None:
        """Choose a GGUF file, and turn it into a model folder at once."""
        file, _ = QFileDialog.getOpenFileName(self, "Choose a GGUF file", self._folder_of("model"), GGUF_FILES)
        if file:
            self._import_gguf(Path(file))

    def _import_gguf(self, file: Path) -> None:
        self.form.set_values({"model": str(file), "model_revision": None})
        engine, models = self.panel.engine, self._services.models
        fail = self._services.notices.post_error
        self._services.setup.ensure(engine, lambda: models.import_gguf(file, engine), fail)

    def set_dataset(self, file: str) -> None:
        self.form.fields["dataset"].set_value(file)
        self.data.examine()

    def reveal(self, knob: str) -> None:
        """Go to a knob, wherever it is."""
        if knob == "bad_rows" and self.panel.dataset.ask_for_choice():
            return
        self.steps.reveal(knob)

    def first_open_field(self) -> QWidget:
        """Return where work begins: the first thing that is missing, else the button that starts."""
        for name in ("model", "dataset"):
            if not self.form.fields[name].value():
                return self.form.fields[name].editor
        return self.panel.start

    # What it shows

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_wide = self.width() >= WIDE
        direction = QBoxLayout.Direction.LeftToRight if is_wide else QBoxLayout.Direction.TopToBottom
        self._split.setDirection(direction)
        self.panel.setMaximumWidth(min(440, max(PANEL_WIDTH, self.width() // 3)) if is_wide else 16_777_215)
        # Before the form has lines that are too long to read, the panel has what is left over.
        self.panel.setMinimumWidth(min(420, max(PANEL_WIDTH, self.width() // 4)) if is_wide else 0)

    def _show_config(self) -> None:
        problems = [*self.form.problems, *self._asked_by_the_rows()]
        self.panel.show_config(self._as_it_will_run(), problems)
        self.panel.show_state()
        self._show_guess()
        self.panel.dataset.show_choice(self.data.bad_rows, self.data.name)
        self.panel.fit.show_fit(self.panel.dataset.report, self.form.values()["method"])
        self._actions["find_rate"].setEnabled(self.form.is_relevant("find_learning_rate"))
        self.steps.show_config(self.panel.dataset.report)
        self._actions["start"].setText("Start")
        self._actions["example"].setEnabled(not self.starter.is_preparing)
        self.panel.show_welcome(not self._services.runs.all())

    def _show_guess(self) -> None:
        """A preset guesses for what it chose itself, and for nothing else."""
        chosen = self.keeper.chosen
        self.panel.memory.take_guess(chosen.guess_s if chosen is not None and not self.keeper.own else None)

    def _asked_by_the_rows(self) -> list[Problem]:
        """What the rows ask before a start; the card about them says it in full."""
        knob, sentence = in_the_way(self.panel.dataset.report, self.data.bad_rows, self.data.method)
        is_said = any(problem.knob == knob for problem in self.form.problems)
        return [Problem(knob, sentence)] if knob and not is_said else []

    def _as_it_will_run(self) -> RunConfig | None:
        """Return what the form says, as far as the switch of the whole app lets it."""
        config = self.form.config
        return config.model_copy(update={"offline": True}) if config is not None and self._is_offline else config

    def _follow_offline(self, is_offline: bool) -> None:
        """While the whole app is offline every run is; the knob keeps its own value for later."""
        self._is_offline = is_offline
        field = self.form.fields["offline"]
        field.editor.setEnabled(not is_offline)
        field.say_help("Tunedeck is offline, so every run is, whatever is set here." if is_offline else field.knob.help)
        self._show_config()

    def _would_start(self) -> tuple[RunConfig, EngineName] | None:
        """Return what a click on Start would start now."""
        config = self._config_with_full_paths()
        return (config, self.panel.engine) if config is not None and not self.form.problems else None

    def _config_with_full_paths(self) -> RunConfig | None:
        is_dataset = self._services.datasets.is_name
        config, _ = check_config(inputs.with_full_paths(self.form.values(), [Path.home()], is_dataset))
        return config

    def _fill(self) -> None:
        """Begin with what was started last, else with what a preset makes of this machine."""
        remembered = self._services.settings.value(SETTING, "auto")
        last = self._last_used()
        if last is not None:
            self.form.set_config(last)
            self._services.settings.setValue(SETTING, remembered)
            self.keeper.adopt()
        else:
            self.keeper.pick_remembered()
        if values := draft.kept(self._services.settings):
            self.form.set_values(values)
            self.keeper.adopt()
        self._filled = self.form.values()

    def keep_draft(self) -> None:
        """Keep what was changed and not started, for the next start of the app."""
        values = self.form.values()
        if values != self._filled:
            draft.keep(self._services.settings, values)

    def _folder_of(self, knob: str) -> str:
        text = str(self.form.fields[knob].value())
        return str(Path(text).expanduser().parent) if text.startswith(("/", "~")) else str(Path.home())

    def _last_used(self) -> RunConfig | None:
        try:
            return self._services.library.last_used()
        except AppError:
            return None
