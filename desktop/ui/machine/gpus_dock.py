"""Every card of the machine: as it is now, and what it did, on the axis of the run's curves."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from desktop.controllers.gpu_history import GpuHistories, LostCards
from desktop.controllers.hardware import GpuSample
from desktop.core.feeds import AxisKind, straightened
from desktop.core.gpu_history import CardLine
from desktop.core.gpu_places import LiveColumns, places_of_times
from desktop.core.series import Floats
from desktop.ui import words
from desktop.ui.charts.run_curves import RunCurves
from desktop.ui.charts.x_axis import XAxis
from desktop.ui.machine.gpu_band import GpuBand
from desktop.ui.machine.gpu_card import GpuCard
from desktop.ui.machine.gpu_charts import GpuCharts
from desktop.ui.pieces import ElidedLabel, boxed, button, column, label, row
from desktop.ui.runs.selection import Selection
from desktop.ui.services import Services
from desktop.ui.theme import Theme
from trainer_image.cards.readings import MIB, THROTTLES


class GpusDock(QWidget):
    """The cards below each other, or a calm word that there are none; below them, and under the loss, their curves."""

    def __init__(self, services: Services, selection: Selection, theme: Theme, curves: RunCurves) -> None:
        super().__init__()
        self._hardware = services.hardware
        self._runs = services.runs
        self._selection = selection
        self._theme = theme
        self._curves = curves
        self.histories = GpuHistories(services.runs, services.jobs, self)
        self.lost = LostCards(services.hardware, services.notices, self)
        self._live = LiveColumns()
        self._live_axis = XAxis()
        self.is_live = False
        """The last hour is shown although the selected run has a history."""
        self._drawn: tuple[object, ...] = ()
        self._count = 0
        self.cards: dict[int, GpuCard] = {}
        self.absent = label("Looking for graphics cards…", "muted", wrap=True)
        self.absent.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.charts = GpuCharts(theme)
        self.band = GpuBand(theme)
        curves.put_below(self.band)
        self.when = ElidedLabel("", "muted")
        self.switch = button("", self._switch, "link")
        self._compose()
        self._connect()

    def _compose(self) -> None:
        self._layout = QVBoxLayout()
        self._layout.setSpacing(8)
        head = row(self.when, self.switch)
        head.setStretch(0, 1)
        self._below = QWidget()
        self._below.setLayout(column(head, self.charts, space=4))
        inside = boxed(column(self.absent, self._layout, self._below, 1))
        inside.layout().setContentsMargins(12, 4, 12, 8)  # type: ignore[union-attr]
        scroll = QScrollArea(widgetResizable=True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        self.setLayout(column(scroll))

    def _connect(self) -> None:
        self._hardware.sampled.connect(self._sampled)
        self._selection.run_selected.connect(self._select)
        self.histories.advanced.connect(self._advanced)
        self._curves.controls.look_changed.connect(self._look_changed)
        self._curves.hovered.connect(self._follow_crosshair)
        self.charts.hovered.connect(self._hovered)
        self.band.hovered.connect(self._curves.show_place)
        self._select(self._selection.run_id)
        if self._hardware.samples:
            self._sampled(self._hardware.samples)
        else:
            self._below.hide()

    # The cards as they are now

    def _sampled(self, samples: list[GpuSample]) -> None:
        known = bool(samples or self.lost.lost)
        self.absent.setVisible(not known)
        if not known:
            because = self._hardware.absent_because
            self.absent.setText(
                "No NVIDIA GPU" + (f": {because}." if because else ".") + " Training runs on the processor."
            )
        for sample in samples:
            if sample.index not in self.cards:
                self._add_card(sample)
        own = {sample.index: self.histories.own_bytes(sample.index) for sample in samples}
        if samples:
            moment = self._hardware.history[-1][0] if self._hardware.history else time.time()
            self._live.append(moment, {_line(sample): _readings(sample, own[sample.index]) for sample in samples})
        self._show_band()
        if not self.isVisible():
            return
        for sample in samples:
            self.cards[sample.index].show_sample(sample, own[sample.index])
        for number, (_, moment) in self.lost.lost.items():
            if number in self.cards:
                self.cards[number].show_lost(words.moment(datetime.fromtimestamp(moment, UTC)))
        if self.shows_now:
            self.show_charts()

    def _add_card(self, sample: GpuSample) -> None:
        self.cards[sample.index] = GpuCard(sample, self._theme)
        for card in self.cards.values():
            self._layout.removeWidget(card)
        for number in sorted(self.cards):
            self._layout.addWidget(self.cards[number])

    # Their curves

    @property
    def shows_now(self) -> bool:
        """Say whether the last hour is drawn, and not what happened during the selected run."""
        return self.is_live or not self._has_history

    @property
    def _has_history(self) -> bool:
        run_id = self._selection.run_id
        view = self.histories.view(run_id)
        run = self._runs.get(run_id)
        if view is None or not len(view.times) or run is None or run.progress.step is None:
            return False
        steps = self._runs.series(run_id).column("time")
        if len(steps) < 2:
            return False
        return bool(view.times.min() < steps.max() and view.times.max() > steps.min())

    def _places(self, times: Floats) -> Floats:
        kind, shift = self._axis_kind, self._curves.tracks[0].shift if self._curves.tracks else 0.0
        return places_of_times(self._runs.series(self._selection.run_id), times, kind, shift)

    @property
    def _axis_kind(self) -> AxisKind:
        return self._curves.controls.look.axis

    def _select(self, run_id: str) -> None:
        self.is_live = False
        self.histories.select(run_id)
        self.show_charts()
        self._show_band()

    def _look_changed(self) -> None:
        self.show_charts()
        self._show_band()

    def _advanced(self, run_id: str) -> None:
        if run_id == self._selection.run_id:
            self._show_band()
        if run_id == self._selection.run_id and self.isVisible() and not self.shows_now:
            self.show_charts()

    def _show_band(self) -> None:
        """Draw under the loss what the cards of the selected run did, whatever this dock shows."""
        run_id = self._selection.run_id
        history = self.histories.view(run_id) if self._has_history else None
        self._curves.show_below(history is not None)
        run = self._runs.get(run_id)
        is_over = run is None or not run.state.is_live  # nothing would draw it later
        if history is not None and (is_over or self._curves.isVisible()):
            x, asked = self._places(history.times), self._asked
            is_minutes = self._axis_kind in ("time", "clock")
            self.band.show_view(history, x, self._curves.main.axis, asked, is_minutes=is_minutes)

    @property
    def _asked(self) -> tuple[object, ...]:
        """While this stays, what was drawn of the selected run stands where it stood."""
        run_id = self._selection.run_id
        shift = self._curves.tracks[0].shift if self._curves.tracks else 0.0
        return run_id, self._axis_kind, shift, self._runs.series(run_id).undone

    def show_charts(self) -> None:
        """Draw what the cards did: during the selected run, or else in the last hour."""
        self._show_switch()
        if self.shows_now:
            view = self._live.view()
            self._below.setVisible(len(view.times) > 1)
            if len(view.times) > 1:
                self.charts.join(self._live_axis)
                self._drawn = ()
                self._count = 0
                times = straightened(view.times, 1.0)
                self.charts.show_view(view, (times - times[-1]) / 60, is_minutes=True)
            return
        self._below.show()
        run_id = self._selection.run_id
        history = self.histories.view(run_id)
        assert history is not None
        asked = self._asked
        same = self._count if asked == self._drawn else 0
        self._drawn = asked
        self.charts.join(self._curves.main.axis)
        is_minutes = self._axis_kind in ("time", "clock")
        self._count = self.charts.show_view(history, self._places(history.times), is_minutes=is_minutes, same=same)

    def _show_switch(self) -> None:
        run = self._runs.get(self._selection.run_id)
        name = run.name if run is not None else ""
        has_history = self._has_history
        self.when.set_whole_text("The last hour" if self.shows_now else f"During {name}")
        self.switch.setVisible(has_history)
        self.switch.setText("During the run" if self.is_live else "Last hour")

    def _switch(self) -> None:
        self.is_live = not self.is_live
        self.show_charts()

    def _hovered(self, x: float | None) -> None:
        self.charts.show_crosshair(x)
        if not self.shows_now:
            self._curves.show_place(x)

    def _follow_crosshair(self, x: float | None) -> None:
        if not self.shows_now and self.isVisible():
            self.charts.show_crosshair(x)
        self.band.show_crosshair(x)

    def showEvent(self, event: object) -> None:
        super().showEvent(event)  # type: ignore[arg-type]
        if self._hardware.samples:
            for sample in self._hardware.samples:
                self.cards[sample.index].show_sample(sample, self.histories.own_bytes(sample.index))
        self.show_charts()


def _line(sample: GpuSample) -> CardLine:
    return CardLine(sample.index, sample.name, sample.total_bytes)


_BITS = {words: bit for bit, words in THROTTLES.items()}


def _readings(sample: GpuSample, own_bytes: int | None) -> dict[str, float | None]:
    return {
        "load_percent": sample.load_percent,
        "used_mib": sample.used_bytes / MIB,
        "own_mib": None if own_bytes is None else own_bytes / MIB,
        "temperature_c": sample.temperature_c,
        "power_w": sample.power_w,
        "power_limit_w": sample.power_limit_w,
        "fan_percent": sample.fan_percent,
        "clock_mhz": sample.clock_mhz,
        "throttle": sum(_BITS.get(reason, 0) for reason in sample.throttles),
    }
