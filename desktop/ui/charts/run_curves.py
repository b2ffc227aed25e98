"""The curves of a run, or of several: what its method wants to move, large, with marks; the rest small below."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QSettings, Signal
from PySide6.QtGui import QKeyEvent, Qt
from PySide6.QtWidgets import QWidget

from desktop.core.feeds import LONG, AxisKind, Feeds, places_of
from desktop.core.progress import Progress
from desktop.core.series import Floats, Series
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.charts.chart import Chart
from desktop.ui.charts.curve_controls import CurveControls
from desktop.ui.charts.curve_pointing import CurvePointing
from desktop.ui.charts.curve_saving import CurveSaving
from desktop.ui.charts.curve_ticks import CurveTicks
from desktop.ui.charts.legend import RunLegend
from desktop.ui.charts.metric_words import main_chart, small_charts, tip_of, title_of
from desktop.ui.charts.run_colours import RunColours
from desktop.ui.charts.small_charts import SmallCharts
from desktop.ui.charts.tracks import (
    MAIN_CURVES,
    Track,
    colours_for,
    curves_for,
    empty,
    fill,
    fill_marks,
    smoothed_alike,
)
from desktop.ui.pieces import button, column, row
from desktop.ui.runs.numbers import training_names
from desktop.ui.theme import Theme
from trainer_image.contract import EVALUATED, Method, RunConfig

_AXES: dict[AxisKind, str] = {
    "step": "by step",
    "time": "by minutes of training",
    "clock": "by minutes",
    "tokens": "by tokens",
}
_AT_ONCE = 6
"""With more runs than that the large chart comes first, and the small ones in the next moments."""


class RunCurves(QWidget):
    """Redraws what has changed, a little at a time, and only while it can be seen."""

    evaluation_pressed = Signal(int)
    """The step of an evaluation whose samples somebody wants to see."""
    hovered = Signal(object)
    """The place of the crosshair on the axis, or None when it has left."""

    def __init__(
        self, theme: Theme, settings: QSettings, complain: Callable[[AppError], object] = lambda _: None
    ) -> None:
        super().__init__()
        self._theme = theme
        self._method: Method = "sft"
        self._best: Floats = np.empty(0)
        self._enlarged = ""
        """The number whose chart fills the place of all, if any."""
        self._made_ready: Feeds | None = None
        self._half_ready: Feeds | None = None
        """What only the large chart can draw yet: a thread works on the rest."""
        self._has_below = False
        self.tracks: list[Track] = []
        self.ticks = CurveTicks(self, self._arranged_charts)
        self.colours = RunColours(settings)
        self.controls = CurveControls(settings)
        self.axis, self.log, self.smoothing = self.controls.axis, self.controls.log, self.controls.smoothing
        self.legend = RunLegend(theme)
        self.main = Chart("Loss", MAIN_CURVES, theme, words.loss)
        self.main_name = "loss"
        self.small = SmallCharts(theme, self.main, self._take_in)
        self.more = button("", self._more_clicked, "link")
        self.below = QWidget()
        """What others show right below the loss, on its axis, of the run that is looked at alone."""
        self.charts = QWidget()
        self.pointing = CurvePointing(self, self, theme)
        self.saving = CurveSaving(self, complain, theme)
        self._compose()
        self._connect()

    def _compose(self) -> None:
        self._inside = column(self.legend, self.main, self.below, self.small, space=8)
        self._inside.setStretch(1, 6)
        self._inside.setStretch(2, 4)
        self._inside.setStretch(3, 4)
        self.below.hide()
        self.charts.setLayout(self._inside)
        # The large chart's title shares a line with the controls: a small screen has no room for two.
        head = self.main.take_head()
        head.addWidget(self.controls)
        layout = column(head, self.charts, row(self.more, 1), space=4)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.main.plot.setMinimumHeight(112)
        self._take_in(self.main)

    def _connect(self) -> None:
        self.controls.look_changed.connect(lambda: self.redraw())
        self.controls.scale_changed.connect(self._scale_changed)
        self.controls.charts_chosen.connect(lambda: self.redraw())
        self.controls.all_wanted.connect(self.main.show_all)
        self.controls.export_wanted.connect(self.saving.export)
        self.legend.changed.connect(lambda: self.redraw())
        self.legend.removed.connect(self.take_away)
        self.legend.ended.connect(lambda: self.compare([]))
        self.pointing.hovered.connect(self.hovered)
        self.pointing.evaluation_pressed.connect(self.evaluation_pressed)
        self._theme.theme_changed.connect(lambda: self.redraw())
        self.ticks.drawing_wanted.connect(self._draw_one)

    def _take_in(self, chart: Chart) -> None:
        """Let a chart take part."""
        chart.set_log(self.log.isChecked())
        chart.fit_to_smoothed(self.controls.fits.isChecked())
        self.pointing.take_in(chart)
        chart.title_double_clicked.connect(lambda: self.enlarge("" if self._enlarged else self.name_of(chart)))

    def name_of(self, chart: Chart) -> str:
        return next((name for name, known in self.small.shown() if known is chart), self.main_name)

    # Whose curves

    def show_series(
        self,
        series: Series | None,
        method: Method = "sft",
        *,
        run_id: str = "",
        name: str = "",
        folder: Path | None = None,
    ) -> None:
        """Draw another run, whole."""
        self._method = method
        self.small.show_more = False
        self._enlarged = ""
        self.tracks = [self._track(run_id, name, series)] if series is not None else []
        self.pointing.open(folder)
        self.main.show_all()
        self.redraw(main_only=series is not None and len(series) > LONG)

    def _track(self, run_id: str, name: str, series: Series) -> Track:
        return Track(run_id, name, self.feeds_of(series), self.colours.of(run_id))

    def compare(self, others: list[tuple[str, str, Series]]) -> None:
        """Draw other runs, by id, name and curves, together with the one that is looked at; none of them ends that."""
        if self.tracks:
            known = {track.run_id: track for track in self.tracks[1:]}
            first = self.tracks[0]
            wanted = [run_id for run_id, _, _ in others]
            self.colours.tell_apart([first.run_id, *sorted(wanted, key=lambda run_id: run_id not in known)])
            self.tracks = [first] + [
                known.get(run_id) or self._track(run_id, name, series)
                for run_id, name, series in others
                if run_id != first.run_id
            ]
            for track in self.tracks:
                track.ink = self.colours.of(track.run_id)
            self.redraw(main_only=len(self.tracks) > _AT_ONCE)

    def take_away(self, run_id: str) -> None:
        """Draw the others without this one."""
        self.tracks = [track for index, track in enumerate(self.tracks) if not index or track.run_id != run_id]
        self.redraw()

    def show_progress(self, progress: Progress) -> None:
        """Mark the best evaluation."""
        best = progress.best
        marked = np.array([float(best.step)]) if best is not None else np.empty(0)
        if not np.array_equal(marked, self._best):
            self._best = marked
            self.mark_dirty()

    def expect(self, config: RunConfig) -> None:
        """Say in charts without a value, and beside evaluations that have none, what is to come."""
        comes = ""
        if config.method in EVALUATED and config.eval_split_size:
            comes = f"every {words.plural(config.eval_steps, 'step')}" if config.eval_steps else "after every epoch"
        self.main.expect("No value yet.", {"evaluation": f"evaluation comes {comes}"} if comes else {})
        for _, chart in self.small.shown():
            chart.expect("No value yet.", {})

    def select_evaluation(self, step: int) -> None:
        """Shade the place of an evaluation."""
        self.pointing.select_evaluation(step)

    def mark_dirty(self) -> None:
        """There is more to draw."""
        self.ticks.is_dirty = True

    # Ahead of time

    def feeds_of(self, series: Series) -> Feeds:
        """Return what follows the numbers of a run: what was worked out before, as long as it is drawn."""
        kept = [track.feeds for track in self.tracks if track.series is series]
        if self._made_ready is not None and self._made_ready.series is series:
            kept.append(self._made_ready)
        return kept[-1] if kept else Feeds(series)

    def is_ready_for(self, series: Series) -> bool:
        """Say whether a run can be drawn without working long on it; else make it ready in a thread first."""
        return self.feeds_of(series).is_ready(self.controls.look)

    def numbers_for(self, series: Series, method: Method) -> list[tuple[str, bool]]:
        """Return the numbers that its charts show, and whether their gaps are kept."""
        known = training_names(series)
        first, others = small_charts(method, known)
        shown = [name for name in (*first, *others) if self.controls.is_shown(name) or name in first]
        return [(main_chart(method, known), True), *((name, False) for name in shown)]

    def take_ready(self, feeds: Feeds) -> None:
        """Take what was worked out in a thread for the large chart; it is drawn when its run is shown."""
        self._made_ready = self._half_ready = feeds

    def take_rest(self, feeds: Feeds) -> None:
        """Draw the small charts too: what they need was worked out."""
        if self._half_ready is feeds:
            self._half_ready = None
        if any(track.feeds is feeds for track in self.tracks):
            self.ticks.put_off(chart for chart in self.shown_charts() if chart is not self.main)

    # When

    def redraw(self, *, main_only: bool = False) -> None:
        """Draw everything now, or the small charts in the next moments."""
        self.ticks.clear()
        if not self.tracks:
            return
        self._arrange()
        self.legend.show_tracks(self.tracks, self.controls.look.axis)
        self.main.axis.clear()
        charts = self.named_charts()
        if main_only:
            self.ticks.put_off(chart for _, chart in charts if chart is not self.main)
            charts = [(name, chart) for name, chart in charts if chart is self.main]
        for name, chart in charts:
            chart.set_minutes(self.controls.look.axis in ("time", "clock"))
            self._fill(name, chart)
            chart.measure()
        for _, chart in charts:
            chart.draw()
            self.ticks.has_drawn(chart)
        self.pointing.show()

    def _draw_one(self, chart: Chart) -> None:
        if chart not in self.shown_charts():
            return
        name = self.name_of(chart)
        self._fill(name, chart)
        chart.draw()
        self.pointing.show_in(chart, name)

    def _arranged_charts(self) -> list[Chart]:
        self._arrange()
        return self.shown_charts()

    def shown_charts(self) -> list[Chart]:
        """Return the charts that are shown."""
        return [chart for _, chart in self.named_charts()]

    # What

    def named_charts(self) -> list[tuple[str, Chart]]:
        """Return the charts that are shown, by their numbers, the one first that has waited longest."""
        if not self.tracks:
            return []
        shown = self.small.shown()
        if not self.main.isHidden():
            shown = [(self.main_name, self.main), *shown]
        return sorted(shown, key=lambda known: self.ticks.drawn_at(known[1]))

    def _arrange(self) -> None:
        """Show the charts that there is something for, and that are wanted."""
        known = list(dict.fromkeys(name for track in self.tracks for name in training_names(track.series)))
        self.main_name = main_chart(self._method, known)
        self.main.set_title(title_of(self.main_name), tip_of(self.main_name))
        first, others = small_charts(self._method, known)
        self.controls.set_first([*first, *others] if self.small.show_more else first)
        self.controls.show_names([*first, *others])
        wanted = [name for name in (*first, *others) if self.controls.is_shown(name)]
        if self._enlarged and self._enlarged != self.main_name:
            wanted = [name for name in (*first, *others) if name == self._enlarged]
        elif self._enlarged:
            wanted = []
        is_main = not self._enlarged or self._enlarged == self.main_name
        for part in (self.main, self.main.title, self.main.values):
            part.setVisible(is_main)
        if not is_main:
            self.main.axis.forget(self.main)
        self.below.setVisible(self._has_below and is_main and not self._enlarged and len(self.tracks) == 1)
        self.small.show_names(wanted)
        self.small.setVisible(bool(wanted))
        self.more.setVisible(bool(others) and not self._enlarged)
        self.more.setText("Fewer charts" if self.small.show_more else words.plural(len(others), "more chart"))

    def _fill(self, name: str, chart: Chart) -> None:
        look, is_main = smoothed_alike(self.controls.look, self.tracks), chart is self.main
        curves = curves_for(self.tracks, is_main=is_main)
        chart.set_curves(curves, colours_for(curves, self._theme.colours))
        if not is_main and any(track.feeds is self._half_ready for track in self.tracks):
            empty(chart)
            return
        fill(chart, name, self.tracks, look, is_main=is_main)
        if not is_main:
            return
        alike = look.smoothing
        self.controls.show_automatic(self.tracks[0].feeds.of(name, keeps_gaps=True).weight if alike is None else alike)
        fill_marks(chart, self.tracks[0], look.axis)
        if len(self.tracks) == 1:
            tested, tests = chart.data_of("evaluation")
            at = places_of(self.tracks[0].series, self._best, look.axis, self.tracks[0].shift)
            is_best = np.isin(tested, at)
            chart.show_curve("best", tested[is_best], tests[is_best])

    def enlarge(self, name: str) -> None:
        """Let one chart fill the place of all, or show all again."""
        self._enlarged = name
        self.redraw()

    def put_below(self, part: QWidget) -> None:
        """Let something stand right below the loss, where ``show_below`` says that there is something to see."""
        self._inside.replaceWidget(self.below, part)
        self.below.deleteLater()
        self.below = part
        self.below.hide()

    def show_below(self, is_wanted: bool) -> None:
        """Say whether what stands below the loss has something to show."""
        if is_wanted != self._has_below:
            self._has_below = is_wanted
            if self.tracks:
                self._arrange()

    def show_place(self, x: float | None) -> None:
        """Let the crosshair stand where it stands in other charts on this axis."""
        self.pointing.show_place(x)

    # What the user does

    def _scale_changed(self) -> None:
        for _, chart in self.named_charts():
            chart.set_log(self.log.isChecked())
            chart.fit_to_smoothed(self.controls.fits.isChecked())
        self.redraw()

    def _more_clicked(self) -> None:
        self.small.show_more = not self.small.show_more
        self.redraw()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self._enlarged:
            self.enlarge("")
        else:
            super().keyPressEvent(event)

    def save(self, path: Path, kind: str) -> None:
        """Save the curves as png, svg or csv; raises AppError where that does not work."""
        self.pointing.show_place(None)
        self.saving.save(path, kind)

    @property
    def title(self) -> str:
        """What a picture of the curves is called."""
        names = ", ".join(track.name for track in self.tracks[:4]) + (" and others" if len(self.tracks) > 4 else "")
        axis = _AXES[self.controls.look.axis]
        return f"{names}, {axis}" if self.main.isHidden() else f"{names}: {title_of(self.main_name).lower()} {axis}"

    @property
    def legend_words(self) -> str:
        """What the lines of a picture mean, as HTML."""
        if len(self.tracks) == 1:
            return self.main.legend
        return "bold: smoothed&nbsp;&nbsp; thin: as measured&nbsp;&nbsp; with points: evaluation"
