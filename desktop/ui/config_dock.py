"""Set up: which model, which data, what for, and how; then start."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QLineEdit,
    QScrollArea,
    QWidget,
)

from desktop.core import inputs
from desktop.core.presets import Preset
from desktop.errors import AppError
from desktop.ui.actions import Actions
from desktop.ui.config_form import ConfigForm
from desktop.ui.config_summary import preset_values
from desktop.ui.dataset_fit import misfit
from desktop.ui.notice_bar import NoticeBar
from desktop.ui.pieces import action_button, boxed, button, column, heading, label, row
from desktop.ui.preset_row import PresetRow
from desktop.ui.reward_sources import RewardSources
from desktop.ui.run_starter import RunStarter
from desktop.ui.saved_configs import SavedConfigs
from desktop.ui.selection import Selection
from desktop.ui.services import Services
from desktop.ui.start_panel import StartPanel
from trainer_image.contract import RunConfig, check_config

PANEL_WIDTH = 312
WIDE = 760
"""From this width on the panel stands beside the form, else below it."""
READ_DELAY_MS = 300
"""A path that is being typed is looked at once the typing rests."""
DATA_FILES = "Datasets (*.jsonl *.ndjson *.json *.csv *.tsv *.parquet *.txt *.md);;All files (*)"
SEARCH_NAME = "learning rate search"
KNOB_OF_CODE = {"dataset_missing": "dataset", "model_missing": "model", "gpu_missing": "gpus"}


class ConfigDock(QWidget):
    """The form in four steps, and beside it what a start would do."""

    offline_changed = Signal(bool)

    def __init__(self, services: Services, actions: Actions, selection: Selection, bar: NoticeBar) -> None:
        super().__init__()
        self._services = services
        self._actions = actions
        self._selection = selection
        self.form = ConfigForm()
        self.panel = StartPanel(services, actions)
        self.reward_sources = RewardSources(services, self.form.fields, self)
        self.saved = SavedConfigs(services, actions, bar, lambda: self.form.config)
        self.search = QLineEdit(placeholderText="Find a knob", clearButtonEnabled=True)
        self.search.setAccessibleName("Find a knob")
        self.search.setMaximumWidth(200)
        self.presets = PresetRow()
        self._reading = QTimer(self, singleShot=True, interval=READ_DELAY_MS)
        self._reading.timeout.connect(self._examine_dataset)
        self.starter = RunStarter(services, selection, self)
        self._compose()
        self._connect(selection)
        last = self._last_used()
        if last is not None:
            self.form.set_config(last)
        self._examine_dataset()
        self._show_config()

    # What it is made of

    def _compose(self) -> None:
        every_knob = action_button(self._actions["every_knob"], "link")
        self._every_knob = every_knob
        steps = column(
            self.saved,
            self._step("1", "Model", self.form.fields["model"], self.form.fields["model_revision"]),
            self._step("2", "Data", self.form.fields["dataset"]),
            self._step("3", "Goal", *(self.form.fields[name] for name in ("method", "rewards", "reward_weights"))),
            self._step("4", "Preset", self.presets),
            row(heading("Knobs"), 1, every_knob, self.search),
            self.form,
            1,
            space=20,
        )
        self._add_browser("model", "Folder…", "choose_model")
        self._add_browser("dataset", "File…", "choose_dataset")
        self._compose_goal()
        self.form.fields["model"].editor.setPlaceholderText(  # type: ignore[union-attr]
            "a folder, or a Hub name such as HuggingFaceTB/SmolLM2-135M-Instruct"
        )
        self.form.fields["dataset"].editor.setPlaceholderText("a file; or drop one on this window")  # type: ignore[union-attr]
        scroll = self.steps = QScrollArea(widgetResizable=True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = boxed(steps)
        steps.setContentsMargins(0, 0, 12, 0)
        inside.setMaximumWidth(1040)
        scroll.setWidget(inside)
        self._split = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._split.setContentsMargins(16, 12, 16, 16)
        self._split.setSpacing(16)
        self._split.addWidget(scroll, 1)
        self._split.addWidget(self.panel)

    def _step(self, number: str, title: str, *parts: QWidget) -> QWidget:
        sign = label(number, "step")
        sign.setFixedSize(22, 22)
        sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        content = column(*parts, space=8)
        content.setContentsMargins(30, 0, 0, 0)
        return boxed(column(row(sign, heading(title), 1), content, space=8))

    def _add_browser(self, knob: str, text: str, action: str) -> None:
        field = self.form.fields[knob]
        name = self._actions[action].text().removesuffix("…")
        browse = button(text, self._actions[action].trigger, name=name)
        field.line.addWidget(browse)
        field.hide_head()

    def _compose_goal(self) -> None:
        """Method and rewards say in their own widgets what their heads and helps would say again."""
        self.form.fields["method"].hide_head()
        for name in ("rewards", "reward_weights"):
            self.form.fields[name].hide_help()
        self.form.fields["reward_weights"].hide_head()
        self.form.fields["rewards"].label.setText("What makes an answer good")
        find = self._actions["find_rate"]
        self.find_rate = button("Find…", find.trigger, "link", find.text())
        self.find_rate.setToolTip(find.toolTip())
        self.form.fields["learning_rate"].line.insertWidget(1, self.find_rate)
        self.form.fields["learning_rate"].editor.setMinimumWidth(188)
        self.form.fields["reward_regex"].editor.setPlaceholderText("for example  answer is \\d+")  # type: ignore[union-attr]

    def _take_preset(self, preset: Preset) -> None:
        self.form.set_values(preset_values(preset, self.form.values()))

    def _connect(self, selection: Selection) -> None:
        self.form.config_changed.connect(self._show_config)
        self.form.fields["dataset"].value_changed.connect(lambda _: self._reading.start())
        self.form.fields["offline"].value_changed.connect(lambda _: self.offline_changed.emit(self.is_offline))
        self.search.textChanged.connect(self.form.search)
        self.presets.preset_picked.connect(self._take_preset)
        self.panel.knob_requested.connect(self.reveal)
        self.panel.dataset.report_changed.connect(self._show_config)
        self.panel.dataset.leave_out.clicked.connect(self._leave_bad_rows_out)
        self.panel.fit.method_picked.connect(self.form.fields["method"].set_value)
        self.saved.config_picked.connect(self.form.set_config)
        selection.config_requested.connect(self._take_config)
        selection.knob_requested.connect(self.take_value)
        self.starter.state_changed.connect(self._show_config)
        actions = self._actions
        actions["new_run"].triggered.connect(self.begin_anew)
        actions["start"].triggered.connect(lambda: self.start())
        actions["find_rate"].triggered.connect(self.find_learning_rate)
        actions["example"].triggered.connect(lambda: self.starter.start_example(self.panel.engine))
        actions["choose_model"].triggered.connect(self.choose_model)
        actions["choose_dataset"].triggered.connect(self.choose_dataset)
        actions["every_knob"].toggled.connect(self._show_experts)
        runs = self._services.runs
        for signal in (runs.run_added, runs.run_removed):
            signal.connect(lambda _: self._show_config())

    # What the user wants

    def start(self, *, as_search: bool = False) -> None:
        """Start what the form says, or show what stands in the way; nobody starts a form unseen."""
        if not self.isVisible():
            self._selection.view_requested.emit("setup")
            return
        self.form.check_now()
        method = self.form.values()["method"]
        if reason := misfit(self.panel.dataset.report, method):
            self.form.add_problem("dataset", reason)
        config = self._config_with_full_paths()
        if config is None or self.form.problems:
            self.form.touch_everything()
            self.reveal(self.form.problems[0].knob if self.form.problems else "model")
            return
        wanted = config.model_copy(update={"find_learning_rate": True}) if as_search else config
        error = self.starter.start(wanted, self.panel.engine, SEARCH_NAME if as_search else "")
        if error is not None and error.code in KNOB_OF_CODE:
            self.form.add_problem(KNOB_OF_CODE[error.code], str(error))
            self.reveal(KNOB_OF_CODE[error.code])
        elif error is not None:
            self._services.notices.post_error(error)
        else:
            self._services.library.remember_last(config)

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
        self.form.fields["model"].editor.setFocus()

    def choose_model(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose the folder of a model", self._folder_of("model"))
        if folder:
            self.form.fields["model"].set_value(folder)

    def choose_dataset(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, "Choose a dataset", self._folder_of("dataset"), DATA_FILES)
        if file:
            self.set_dataset(file)

    def set_dataset(self, file: str) -> None:
        self.form.fields["dataset"].set_value(file)
        self._examine_dataset()

    def take_dropped(self, path: Path) -> None:
        """A folder is a model, a file is data."""
        if path.is_dir():
            self.form.fields["model"].set_value(str(path))
        else:
            self.set_dataset(str(path))

    def reveal(self, knob: str) -> None:
        """Go to a knob, wherever it is."""
        self.form.reveal(knob)
        self.steps.ensureWidgetVisible(self.form.fields[knob], 0, 80)

    def first_open_field(self) -> QWidget:
        """Return where work begins: the first thing that is missing, else the button that starts."""
        for name in ("model", "dataset"):
            if not self.form.fields[name].value():
                return self.form.fields[name].editor
        return self.panel.start

    @property
    def is_offline(self) -> bool:
        return bool(self.form.fields["offline"].value())

    def set_offline(self, offline: bool) -> None:
        self.form.fields["offline"].set_value(offline)

    # What it shows

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_wide = self.width() >= WIDE
        direction = QBoxLayout.Direction.LeftToRight if is_wide else QBoxLayout.Direction.TopToBottom
        self._split.setDirection(direction)
        self.panel.setMaximumWidth(min(440, max(PANEL_WIDTH, self.width() // 3)) if is_wide else 16_777_215)
        self.panel.setMinimumWidth(PANEL_WIDTH if is_wide else 0)

    def _show_config(self) -> None:
        problems = self.form.problems
        self.panel.show_config(self.form.config, problems)
        self.panel.show_state(self.starter.waits_for)
        self.panel.fit.show_fit(self.panel.dataset.report, self.form.values()["method"])
        self._actions["find_rate"].setEnabled(self.form.is_relevant("find_learning_rate"))
        self.find_rate.setVisible(self.form.is_relevant("find_learning_rate"))
        self._actions["start"].setText("Start")
        self._actions["example"].setEnabled(not self.starter.is_preparing)
        is_empty = not self._services.runs.all()
        self.panel.example.setVisible(is_empty)
        self.presets.show_values(self.form.values())

    def _show_experts(self, shown: bool) -> None:
        self.form.show_experts(shown)
        self._every_knob.setText("Fewer knobs" if shown else "Every knob")

    def _examine_dataset(self) -> None:
        text = str(self.form.fields["dataset"].value())
        if text:
            self.panel.dataset.examine((Path.home() / Path(text).expanduser()).resolve())
        else:
            self.panel.dataset.clear()

    def _leave_bad_rows_out(self) -> None:
        self.form.fields["bad_rows"].set_value("leave_out")
        self.reveal("bad_rows")

    def _config_with_full_paths(self) -> RunConfig | None:
        config, _ = check_config(inputs.with_full_paths(self.form.values(), [Path.home()]))
        return config

    def _folder_of(self, knob: str) -> str:
        text = str(self.form.fields[knob].value())
        return str(Path(text).expanduser().parent) if text.startswith(("/", "~")) else str(Path.home())

    def _last_used(self) -> RunConfig | None:
        try:
            return self._services.library.last_used()
        except AppError:
            return None
