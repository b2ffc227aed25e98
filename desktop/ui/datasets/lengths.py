"""How long the rows are in the model's tokens: a histogram, with a line where the longest row ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QColor, QHideEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop.controllers.data_desk import DataDesk
from desktop.controllers.scanning import Report
from desktop.controllers.seeing import Asked, Lengths
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.datasets.seen import NO_MODEL, asked_of
from desktop.ui.pieces import button, column, label, row
from desktop.ui.theme import Theme

BINS = 48
ASK_DELAY_MS = 250
STEPS = (128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)


class LengthsCard(QWidget):
    """Measures while it is looked at, and draws the knob's line at once when the knob is turned."""

    max_length_wanted = Signal(int)

    def __init__(
        self, desk: DataDesk, theme: Theme, values: Callable[[], Mapping[str, Any]], mapping: Callable[[], Any]
    ) -> None:
        super().__init__()
        self._desk, self._theme = desk, theme
        self._values, self._mapping = values, mapping
        self._report: Report | None = None
        self._wanted: tuple[object, ...] = ()
        self.lengths: Lengths | None = None
        self.sentence = label("", wrap=True)
        self.trained = label("", "muted", wrap=True)
        self.use = button("", self._use, "link")
        self.plot: Any = pg.PlotWidget()
        self.plot.setMinimumHeight(150)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        policy.setRetainSizeWhenHidden(True)  # else the words would float in its place
        self.plot.setSizePolicy(policy)
        self.plot.setAccessibleName("Chart: how many rows have how many tokens")
        item = self.plot.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setMouseEnabled(x=False, y=False)
        item.getAxis("left").setWidth(56)
        item.setLabel("bottom", "tokens in a row")
        self._bars: Any = pg.BarGraphItem(x=[], height=[], width=1)
        self._cut: Any = pg.BarGraphItem(x=[], height=[], width=1)
        self._line: Any = pg.InfiniteLine(angle=90, movable=False, label="", labelOpts={"position": 0.86})
        for part in (self._bars, self._cut, self._line):
            self.plot.addItem(part)
        layout = column(row(label("Lengths", "title"), 1, self.use), self.sentence, self.plot, self.trained, space=4)
        layout.setStretch(2, 1)
        self.setLayout(layout)
        self._asking = QTimer(self, singleShot=True, interval=ASK_DELAY_MS)
        self._asking.timeout.connect(self._ask)
        desk.seeing.measured.connect(self._take)
        desk.seeing.measuring.connect(self._tell)
        desk.seeing.measuring_failed.connect(self._fail)
        theme.theme_changed.connect(self._draw)
        self._draw()

    def show_report(self, report: Report | None) -> None:
        if report is not self._report:
            self._report, self._wanted = report, ()
            self.lengths = None
            self._draw()
        self.refresh()

    def refresh(self) -> None:
        """Follow the form: another model is measured anew, another longest row only moves the line."""
        self._draw()
        if self.isVisible():
            self._asking.start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self.lengths is None:
            self._desk.seeing.stop_measuring()
            self._wanted = ()

    def _asked(self) -> Asked | None:
        return asked_of(self._report, self._values(), self._mapping()) if self._report is not None else None

    def _ask(self) -> None:
        asked, values, report = self._asked(), self._values(), self._report
        model = str(values["model"] or "")
        if asked is None or report is None or report.index is None or not report.rows or not model:
            return
        how = (asked.kind, asked.loss_on, asked.chat_template, asked.mapping and tuple(asked.mapping))
        wanted = (report.path, report.sha256, model, *how)
        if wanted == self._wanted:
            return
        self._wanted, self.lengths = wanted, None
        self.sentence.setText("Counting tokens…")
        self._desk.seeing.measure(report.index, model, asked)

    def _tell(self, done: int, total: int) -> None:
        self.sentence.setText(f"Counting tokens: {words.count(done)} of {words.plural(total, 'row')}…")

    def _take(self, lengths: Lengths) -> None:
        self.lengths = lengths
        self._draw()

    def _fail(self, error: AppError) -> None:
        self.lengths = None
        self._draw()
        self.sentence.setText(str(error))

    def _longest(self) -> int:
        longest = self._values()["max_length"]
        return longest if isinstance(longest, int) and longest > 0 else 0

    def _use(self) -> None:
        if self.lengths is not None:
            self.max_length_wanted.emit(fitting_length(self.lengths))

    def _draw(self) -> None:
        lengths, longest = self.lengths, self._longest()
        has_any = lengths is not None and len(lengths.lengths) > 0
        self.plot.setVisible(has_any)
        self.trained.setVisible(has_any)
        self.use.hide()
        if lengths is None or not has_any:
            if lengths is not None:
                self.sentence.setText("No row could be turned into tokens.")
            elif not self._values()["model"]:
                self.sentence.setText(NO_MODEL)
            elif self._report is None or not self._report.rows:
                self.sentence.setText("There are no rows to measure.")
            return
        self._dress()
        self._draw_bars(lengths, longest)
        self.sentence.setText(cut_words(lengths, longest))
        self.trained.setText(trained_words(lengths))
        best = fitting_length(lengths)
        if lengths.kind != "text" and best > longest > 0 and lengths.share_cut(longest) > 0:
            self.use.setText(f"Raise the longest row to {words.count(best)}")
            self.use.show()

    def _draw_bars(self, lengths: Lengths, longest: int) -> None:
        bins = lengths.histogram(BINS)
        starts = np.array([start for start, _, _ in bins], float)
        counts = np.array([count for _, _, count in bins], float)
        width = bins[0][1] - bins[0][0]
        is_cut = starts >= longest if longest and lengths.kind != "text" else np.zeros(len(starts), bool)
        for part, mask in ((self._bars, ~is_cut), (self._cut, is_cut)):
            part.setOpts(x0=starts[mask], height=counts[mask], width=width * 0.9, x=None)
        most = max(starts[-1] + width, longest * 1.05 if longest <= (starts[-1] + width) * 1.6 else 0)
        item = self.plot.getPlotItem()
        item.setXRange(0, most, padding=0.01)
        item.setYRange(0, counts.max() * 1.05, padding=0)
        self._line.setVisible(bool(0 < longest <= most))
        self._line.setPos(longest)
        self._line.label.setFormat(f"longest row {words.count(longest)}")

    def _dress(self) -> None:
        colours = self._theme.colours
        self.plot.setBackground(colours.raised)
        for side in ("left", "bottom"):
            axis = self.plot.getPlotItem().getAxis(side)
            axis.setPen(pg.mkPen(colours.border))
            axis.setTextPen(pg.mkPen(colours.muted))
        self._bars.setOpts(brush=pg.mkBrush(colours.curves[0]), pen=pg.mkPen(None))
        hatched = pg.mkBrush(QColor(colours.bad))
        hatched.setStyle(pg.QtCore.Qt.BrushStyle.BDiagPattern)
        self._cut.setOpts(brush=hatched, pen=pg.mkPen(colours.bad))
        self._line.setPen(pg.mkPen(colours.warn, width=2))
        self._line.label.setColor(QColor(colours.warn))
        self._line.label.fill = pg.mkBrush(colours.raised)


def fitting_length(lengths: Lengths) -> int:
    """Return the smallest of the usual longest rows that cuts none, or the length of the longest."""
    longest = lengths.percentile(100)
    return next((step for step in STEPS if step >= longest), longest)


def cut_words(lengths: Lengths, longest: int) -> str:
    """Return what the lengths come to, and what the longest row costs."""
    half, most, all_ = (words.count(lengths.percentile(part)) for part in (50, 95, 100))
    said = f"Half of the rows have up to {half} tokens, 95 % up to {most}, the longest {all_}."
    if lengths.kind == "text":
        said += " What is longer than the longest row is read in several pieces: nothing is cut."
    elif longest:
        share = lengths.share_cut(longest)
        cut = "no row is cut" if not share else f"{_percent(share)} of the rows lose their end"
        said += f" With {words.count(longest)} as the longest row {cut}."
    if lengths.is_sample:
        said += f" Measured on {words.count(len(lengths.lengths))} rows from all over the file."
    return said


def trained_words(lengths: Lengths) -> str:
    """Return how much of what is read is learned."""
    if lengths.kind == "task":
        return "The model answers these itself: what is measured are the questions."
    said = f"{_percent(lengths.share_trained)} of the tokens that the model reads are learned."
    if lengths.refused:
        said += f" Not measured: {words.plural(lengths.refused, 'row')} that cannot be used."
    return said


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 or not share else f"{share:.1%}" if share >= 0.001 else "under 0.1%"
