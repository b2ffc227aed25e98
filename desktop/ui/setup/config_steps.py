"""The form in four steps, model, data, goal and preset, with every knob below them for those who want to see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLineEdit, QScrollArea, QWidget

from desktop.controllers.hardware import GpuSample
from desktop.controllers.scanning import Report
from desktop.core.auto_memory import Machine
from desktop.core.models import KnownModel
from desktop.core.packing import packing_problem
from desktop.ui.models.step import ModelStep
from desktop.ui.pieces import action_button, boxed, button, column, heading, label, row
from desktop.ui.services import Services
from desktop.ui.setup.config_form import ConfigForm
from desktop.ui.setup.goal_row import GoalRow
from desktop.ui.setup.guide_panel import GuidePanel
from desktop.ui.setup.preset_keeper import PresetKeeper
from desktop.ui.setup.preset_row import PresetRow
from desktop.ui.theme import GRID
from desktop.ui.window.actions import Actions
from trainer_image.contract import Problem

EXPERTS = "form/experts"
WIDEST = 1200
"""Lines that are longer are hard to read."""
MODEL_KNOBS = ("model", "model_revision")
CHECKS = "Right is an answer that is the same as the row's. Other ways to check…"


class ConfigSteps(QScrollArea):
    """Beginners see the four steps and nothing more; the switch to every knob loses nothing and is remembered."""

    experts_changed = Signal(bool)

    def __init__(
        self,
        services: Services,
        actions: Actions,
        form: ConfigForm,
        saved: QWidget,
        choose_gguf: Callable[[], object],
    ) -> None:
        super().__init__()
        self._services = services
        self._actions = actions
        self.form = form
        self.model = ModelStep(services, form, actions["choose_model"].trigger, choose_gguf)
        self.goal = GoalRow()
        self.guide = GuidePanel()
        self.guide_button = button("Guide me", self.toggle_guide, "link", "Guide: which method for what")
        self.presets = PresetRow()
        self.keeper = PresetKeeper(form, services.choosing, services.settings, self)
        self.search = QLineEdit(placeholderText="Find a knob", clearButtonEnabled=True)
        self.search.setAccessibleName("Find a knob")
        self.search.setMaximumWidth(200)
        self.checks = button(CHECKS, lambda: self.reveal("rewards"), "link")
        self.every_knob = action_button(actions["every_knob"], "link")
        self.changed = button("", self._show_changed_only)
        self.changed.setCheckable(True)
        self._cards = -1
        self._compose(saved)
        self._connect()
        actions["every_knob"].setChecked(bool(services.settings.value(EXPERTS, False, type=bool)))
        self.show_experts(actions["every_knob"].isChecked())

    def _compose(self, saved: QWidget) -> None:
        fields = self.form.fields
        steps = column(
            saved,
            self._step("1", "Model", self.model),
            self._step("2", "Data", fields["dataset"]),
            self._step("3", "Goal", self.goal, self.checks, self.guide, *self._goal_fields(), way=self.guide_button),
            self._step("4", "Preset", self.presets),
            row(self.every_knob, self.changed, 1, self.search),
            self.form,
            1,
            space=20,
        )
        fields["model"].hide_head()
        fields["model"].hide_help()
        self._compose_goal()
        fields["model"].editor.setPlaceholderText(  # type: ignore[union-attr]
            "a name on the Hub, a folder, or a GGUF file"
        )
        fields["dataset"].editor.setPlaceholderText("a file; or drop one on this window")  # type: ignore[union-attr]
        folder = self._add_browser("model", "Folder…", "choose_model")
        for text, action in (("File…", "choose_dataset"), ("Library…", "datasets"), ("Look…", "look_at_data")):
            self._add_browser("dataset", text, action)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.inside = boxed(steps)
        steps.setContentsMargins(0, 0, 12, 0)
        self.inside.setMaximumWidth(WIDEST)
        self.setWidget(self.inside)
        QWidget.setTabOrder(fields["model"].editor, folder)
        self.guide.hide()

    def _goal_fields(self) -> list[QWidget]:
        return [self.form.fields[name] for name in ("method", "rewards", "reward_weights")]

    def _step(self, number: str, title: str, *parts: QWidget, way: QWidget | None = None) -> QWidget:
        sign = label(number, "step")
        sign.setFixedSize(22, 22)
        sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        content = column(*parts, space=8)
        content.setContentsMargins(30, 0, 0, 0)
        head = row(sign, heading(title), 1)
        if way is not None:
            head.addWidget(way)
        return boxed(column(head, content, space=8))

    def _add_browser(self, knob: str, text: str, action: str) -> QWidget:
        field = self.form.fields[knob]
        name = self._actions[action].text().removesuffix("…")
        browser = button(text, self._actions[action].trigger, name=name)
        field.line.addWidget(browser)
        field.hide_head()
        return browser

    def _compose_goal(self) -> None:
        """Method and rewards say in their own widgets what their heads and helps would say again."""
        fields = self.form.fields
        fields["method"].hide_head()
        fields["method"].hide_help()
        for name in ("rewards", "reward_weights"):
            fields[name].hide_help()
        fields["reward_weights"].hide_head()
        fields["rewards"].label.setText("What makes an answer good")
        find = self._actions["find_rate"]
        self.find_rate = button("Find…", find.trigger, "link", find.text())
        self.find_rate.setToolTip(find.toolTip())
        fields["learning_rate"].line.insertWidget(1, self.find_rate)
        fields["learning_rate"].editor.setMinimumWidth(188)
        fields["reward_regex"].editor.setPlaceholderText("for example  answer is \\d+")  # type: ignore[union-attr]

    def _connect(self) -> None:
        services = self._services
        self.search.textChanged.connect(self.form.search)
        self.presets.preset_picked.connect(self.keeper.pick)
        self.presets.knob_requested.connect(self.reveal)
        self.presets.reset_requested.connect(self.keeper.pick_remembered)
        self.keeper.changed.connect(self._show_preset)
        self.goal.method_picked.connect(self.form.fields["method"].set_value)
        self.guide.closed.connect(self.guide.hide)
        # Other answers are of other heights.
        self.guide.goals.picked.connect(lambda: QTimer.singleShot(0, self, self._bring_guide_up))
        self.guide.filled.connect(self._take_advice)
        self.model.token_requested.connect(self._actions["settings"].trigger)
        self._actions["every_knob"].toggled.connect(self._experts_toggled)
        self._actions["manage_configs"].toggled.connect(self._go_to_saved)
        services.data.scanning.changed.connect(self.keeper.refresh_soon)
        services.models.examined.connect(self._model_examined)
        self.form.also_wrong = self._crossed
        services.hardware.sampled.connect(self._cards_sampled)

    # What the user wants

    def reveal(self, knob: str) -> None:
        """Go to a knob, wherever it is."""
        if knob in MODEL_KNOBS:
            self.model.open()
        elif not self.form.fields[knob].isVisibleTo(self):
            self.search.clear()
            self.changed.setChecked(False)
            self._show_changed_only()
            self._actions["every_knob"].setChecked(True)
        self.form.reveal(knob)
        self.ensureWidgetVisible(self.form.fields[knob], 0, 80)

    def begin_search(self) -> None:
        """Look for a knob; beginners see every knob from then on."""
        self._actions["every_knob"].setChecked(True)
        self.search.setFocus()
        # What is found appears below the field.
        QTimer.singleShot(0, self, self._bring_search_up)

    def _bring_search_up(self) -> None:
        self.verticalScrollBar().setValue(self.search.mapTo(self.inside, QPoint(0, 0)).y() - GRID)

    def toggle_guide(self) -> None:
        """Open the guide with what the form says now, or close it."""
        if self.guide.isVisible():
            self.guide.hide()
            return
        self.guide.begin(self.form.values()["method"], *self._facts())
        self.guide.show()
        QTimer.singleShot(0, self, self._bring_guide_up)
        self.guide.goals.buttons[max(0, self.guide.goals.number)].setFocus()

    def _bring_guide_up(self) -> None:
        """Bring the whole guide into view, and where it is too high for that, what it comes to and its button."""
        for part in (self.guide, self.inside):
            if (layout := part.layout()) is not None:
                layout.activate()
        top, bottom = (self.guide.mapTo(self.inside, at).y() for at in (QPoint(), self.guide.rect().bottomLeft()))
        bar, height = self.verticalScrollBar(), self.viewport().height()
        if top < bar.value() or bottom > bar.value() + height:
            heading = self.guide_button.mapTo(self.inside, QPoint()).y()
            bar.setValue(max(heading, bottom + GRID - height))

    def _take_advice(self, knobs: dict[str, object]) -> None:
        """The preset follows the method first; how the weights are held is then the user's own choice."""
        self.form.set_values({"method": knobs["method"]})
        self.keeper.refresh()
        self.form.set_values(knobs)
        self.guide.hide()
        self.guide_button.setFocus()

    # What it shows

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.model.suit_height(self.viewport().height())

    def show_config(self, report: Report | None) -> None:
        """Follow what the form and the rows are now."""
        values = self.form.values()
        self.goal.show_goal(values["method"], report)
        self.find_rate.setVisible(self.form.is_relevant("find_learning_rate"))
        is_default = values["rewards"] == self.form.fields["rewards"].knob.default
        self.checks.setVisible(self.form.is_relevant("rewards") and is_default and not self.form.shows_experts)
        if self.guide.isVisible():
            self.guide.show_facts(*self._facts())

    def show_experts(self, shown: bool) -> None:
        """Show every knob, or the four steps alone."""
        self.form.show_experts(shown)
        self.every_knob.setText("▾ Only the four steps" if shown else "▸ Every knob")
        self.search.setVisible(shown)
        if not shown:
            self.search.clear()
            self.changed.setChecked(False)
            self._show_changed_only()
        self._show_preset()

    def _go_to_saved(self, shown: bool) -> None:
        """The list of saved configs opens at the top, wherever in the form one is."""
        if shown:
            QTimer.singleShot(0, self, lambda: self.verticalScrollBar().setValue(0))

    def _experts_toggled(self, shown: bool) -> None:
        self._services.settings.setValue(EXPERTS, shown)
        self.show_experts(shown)
        self.show_config(self._services.data.scanning.report)
        self.experts_changed.emit(shown)

    def _show_preset(self) -> None:
        own = self.keeper.own
        self.presets.show_chosen(self.keeper.chosen, len(own))
        self.changed.setText(f"Changed: {len(own)}")
        self.changed.setToolTip("Show only the knobs that differ from the preset, or from their defaults without one.")
        self.changed.setVisible(self.form.shows_experts and (bool(own) or self.changed.isChecked()))

    def _show_changed_only(self) -> None:
        self.form.show_changed_only(self.changed.isChecked())

    def _facts(self) -> tuple[Report | None, KnownModel, Machine]:
        values = self.form.values()
        model = self._services.models.known(str(values["model"]))
        return self._services.data.scanning.report, model, self._services.choosing.machine(values.get("gpus"))

    def _model_examined(self, _checked: object) -> None:
        self.keeper.refresh_soon()
        self.form.check_now()

    def _crossed(self, values: Mapping[str, Any]) -> list[Problem]:
        """What does not go with the model, by what is known of it now."""
        problem = packing_problem(values, self._services.models.known(str(values["model"])).kind)
        return [*self._services.models.refusals(values), *([problem] if problem else [])]

    def _cards_sampled(self, samples: list[GpuSample]) -> None:
        self._cards_seen(len(samples))

    def _cards_seen(self, count: int) -> None:
        if count != self._cards:
            self._cards = count
            self.keeper.refresh_soon()
