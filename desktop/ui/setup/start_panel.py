"""The column beside the form: what the data holds, what will happen, where, and the button that starts it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QRadioButton, QScrollArea, QWidget

from desktop.body import EngineName
from desktop.controllers.fit import Lengths, TokenCounts
from desktop.controllers.hardware import Check
from desktop.core import inputs
from desktop.errors import AppError
from desktop.ui.datasets.fit import DatasetFit
from desktop.ui.datasets.panel import DatasetPanel
from desktop.ui.pieces import action_button, boxed, button, column, label, row
from desktop.ui.services import Services
from desktop.ui.setup.config_summary import summary_lines
from desktop.ui.setup.example_line import ExampleLine
from desktop.ui.setup.fit_panel import FitPanel
from desktop.ui.setup.problem_links import ProblemLinks
from desktop.ui.theme import Theme
from desktop.ui.window.actions import Actions
from desktop.ui.window.welcome import Welcome
from trainer_image.contract import Problem, RunConfig

ENGINE_WORDS: dict[EngineName, tuple[str, str]] = {
    "docker": ("In a container", "Kept apart from your system."),
    "process": ("Without a container", "In its own Python environment."),
}
TO_BUILD: dict[EngineName, str] = {
    "docker": "The next start builds its image.",
    "process": "The next start installs it.",
}
ENGINE = "form/engine"
"""The name of the setting that keeps where runs were wanted last."""

SAMPLE_ROOM = 1.1


class StartPanel(QWidget):
    """Says what a start would do; the dock does it."""

    knob_requested = Signal(str)
    """The user wants to see this knob."""
    knobs_wanted = Signal(dict)
    """Knobs and values for the form, so that the run fits."""

    def __init__(self, services: Services, actions: Actions, theme: Theme) -> None:
        super().__init__()
        self._services = services
        self.dataset = DatasetPanel(services.data.scanning)
        self.fit = DatasetFit()
        self.lines = label("", wrap=True)
        self.memory = FitPanel(services.fitting, theme)
        self.memory.knobs_wanted.connect(self.knobs_wanted)
        self.engine_detail = label("", "muted", wrap=True)
        self._engines = QButtonGroup(self)
        self._engine_was_chosen = False
        self._is_ready: dict[EngineName, bool] = {}
        self._was_asked: set[EngineName] = set()
        self._config: RunConfig | None = None
        self.start = action_button(actions["start"], "primary")
        self.start.setMinimumHeight(40)
        later = actions["start_later"]
        self.later = button("Later…", later.trigger, name="Start later")
        self.later.setMinimumHeight(40)
        self.later.setToolTip(later.toolTip())
        self.problems = ProblemLinks()
        self.problems.knob_requested.connect(self.knob_requested)
        self.welcome = Welcome(services.hardware, services.images, actions, theme, ExampleLine(services.demo))
        cards = column(
            self.welcome,
            self._card("Will it fit?", self.memory),
            self._card("Your data", self.dataset, self.fit),
            self._card("What will happen", self.lines),
            self._card("Where it runs", *self._make_engine_buttons(), self.engine_detail),
            1,
            space=12,
        )
        inside = boxed(cards)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.example = ExampleLine(services.demo)
        self.state = label("", "muted", wrap=True)
        starts = row(self.start, self.later)
        starts.setStretch(0, 1)
        layout = column(scroll, self.problems, self.example, self.state, starts, space=8)
        self.setLayout(layout)
        services.data.seeing.measured.connect(self._take_lengths)
        services.runs.run_changed.connect(self._show_state)
        # A turned knob brings a new answer, and then the form says the same of a start itself.
        self._answered = QTimer(self, singleShot=True, interval=0)
        self._answered.timeout.connect(self._show_state)
        services.fitting.changed.connect(self._answered.start)
        services.hardware.engine_checked.connect(self._engine_checked)
        services.setup.readiness_known.connect(self._take_readiness)
        services.setup.changed.connect(self._ask_again)
        services.images.listed.connect(lambda _: self._ask_again("docker"))
        if services.settings.value(ENGINE) == "process":
            self.take_engine("process")  # without a choice it is taken only while Docker does not answer
        self._engine_checked(services.hardware.engine)

    def _card(self, title: str, *parts: QWidget) -> QFrame:
        return boxed(column(label(title, "muted"), *parts, space=8), "card", 12)

    def _make_engine_buttons(self) -> list[QRadioButton]:
        self.engine_buttons: dict[EngineName, QRadioButton] = {}
        for name in self._services.engines:
            choice = QRadioButton(ENGINE_WORDS[name][0])
            choice.setAccessibleDescription(ENGINE_WORDS[name][1])
            choice.toggled.connect(self._show_engine)
            choice.clicked.connect(self._engine_clicked)
            self._engines.addButton(choice)
            self.engine_buttons[name] = choice
        next(iter(self.engine_buttons.values())).setChecked(True)
        return list(self.engine_buttons.values())

    @property
    def engine(self) -> EngineName:
        return next(name for name, choice in self.engine_buttons.items() if choice.isChecked())

    def choose_engine(self, engine: EngineName) -> None:
        if engine in self.engine_buttons:
            self.engine_buttons[engine].setChecked(True)

    def take_engine(self, engine: EngineName) -> None:
        """Choose an engine for good, as a click does: what answers here no longer changes it."""
        self._engine_was_chosen = True
        self.choose_engine(engine)

    def remember_engine(self) -> None:
        """Keep the choice for the next start of the app, where it was one."""
        if self._engine_was_chosen:
            self._services.settings.setValue(ENGINE, self.engine)

    def _engine_clicked(self) -> None:
        self._engine_was_chosen = True
        self.remember_engine()

    def _engine_checked(self, check: Check | None) -> None:
        """Where Docker does not answer, the process engine is the better default; a choice once made stays."""
        if check is not None and not self._engine_was_chosen:
            works = check.state == "ok"
            self.choose_engine("docker" if works and "docker" in self.engine_buttons else self._without_docker())
        self._show_engine()

    def _without_docker(self) -> EngineName:
        others = [name for name in self.engine_buttons if name != "docker"]
        return others[0] if others else "docker"

    def _show_engine(self) -> None:
        engine, check = self.engine, self._services.hardware.engine
        is_docker_away = check is not None and check.state != "ok"
        parts = [ENGINE_WORDS[engine][1]]
        if engine == "docker" and check is not None and is_docker_away:
            parts = [check.detail, check.fix]
        else:
            if is_docker_away and "docker" in self.engine_buttons and not self._engine_was_chosen:
                parts.append("Chosen because no container engine answers here.")
            if self._is_ready.get(engine) is False:
                parts.append(TO_BUILD[engine])
        text = " ".join(part for part in parts if part)
        self.engine_detail.setText(text)
        self._ask_readiness()

    def _ask_readiness(self) -> None:
        """Find out once whether a start would build something first; of Docker only where it answers."""
        engine, check = self.engine, self._services.hardware.engine
        if engine not in self._was_asked and (engine != "docker" or (check is not None and check.state == "ok")):
            self._was_asked.add(engine)
            self._services.setup.ask_readiness(engine)

    def _take_readiness(self, engine: EngineName, is_ready: bool) -> None:
        self._is_ready[engine] = is_ready
        self._show_engine()

    def _ask_again(self, engine: EngineName) -> None:
        self._was_asked.discard(engine)
        self._show_engine()

    def show_config(self, config: RunConfig | None, problems: list[Problem]) -> None:
        """Say what this config comes to, or what is missing before it can start."""
        cards = len(self._services.hardware.samples)
        report = self.dataset.report
        self._config = self._with_files(config) if config is not None else None
        self._services.fitting.show(self._config, report.rows if report else 0)
        if config is not None:
            self.lines.setText("\n".join(summary_lines(config, self.dataset.report, cards)))
        else:
            self.lines.setText("Shown once the form is complete.")
        self.problems.show_problems(problems)

    def missing(self) -> list[str]:
        """Return what stands above the button: what is missing or wrong, each a way to its knob."""
        return self.problems.said()

    def _take_lengths(self, lengths: Lengths) -> None:
        """The rows were measured where they are looked at: memory and time know them from now on."""
        if self._config is None or not lengths.lengths:
            return
        sides = 2 if lengths.kind == "preference" else 1
        mean = sum(lengths.seen) / len(lengths.seen) / sides
        # A sample may have missed the longest row.
        longest = round(lengths.percentile(100) * (SAMPLE_ROOM if lengths.is_sample else 1))
        self._services.fitting.take_counts(TokenCounts(self._config.dataset, longest, mean, lengths.share_cut))

    def show_state(self) -> None:
        """Say that a start would fail, or what it would wait for."""
        self._answered.stop()
        self._show_state()

    def _show_state(self) -> None:
        fit, text = self._services.fitting.fit, ""
        if fit is not None and fit.fits is False:
            text = f"It does not fit. It would with: {fit.changes[0].words}." if fit.changes else "It does not fit."
        elif self._config is not None:
            queue = self._services.runs.queue
            why = queue.would_wait_for(self._config, self.engine)
            text = f"Start adds it to the queue: it {why}." if why else ""
        self.state.setText(text)
        self.state.setVisible(bool(text))

    def show_welcome(self, shown: bool) -> None:
        """Show the first steps, or without them only what the example is doing before its start."""
        self.welcome.setVisible(shown)
        self.example.set_wanted(not shown)

    def _with_files(self, config: RunConfig) -> RunConfig:
        """Return the config as a start would write it, so that files are found."""
        datasets = self._services.datasets
        found = config.model_dump(include={"model", "dataset"})
        full = config.model_copy(update=inputs.with_full_paths(found, [Path.home()], datasets.is_name))
        try:
            return datasets.with_file(full)
        except AppError:  # the start says what is wrong with it
            return full
