"""Lets the curves leave the window: as a picture, a drawing, a table, or over the clipboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from desktop.core.curve_files import RunTable, write_csv
from desktop.errors import AppError
from desktop.ui.charts import export as chart_export
from desktop.ui.charts.chart import Chart
from desktop.ui.charts.legend import RunLegend
from desktop.ui.charts.tracks import Track
from desktop.ui.theme import Colours, Theme


class Curves(Protocol):
    """What is saved: the runs, the charts, and what they are called."""

    charts: QWidget
    legend: RunLegend
    tracks: list[Track]

    @property
    def title(self) -> str: ...

    @property
    def legend_words(self) -> str: ...

    def save(self, path: Path, kind: str) -> None: ...


class CurveSaving:
    """Asks where to, and draws as sharp as a picture should be."""

    def __init__(self, curves: Curves, complain: Callable[[AppError], object], theme: Theme) -> None:
        self._curves = curves
        self._complain = complain
        self._theme = theme

    def export(self, kind: str) -> None:
        """Ask where to, and save the curves there; or copy them."""
        curves = self._curves
        if kind == "copy":
            with self._dressed_for_a_picture(chart_export.SHARPNESS):
                picture = chart_export.picture(*self._drawing)
            QGuiApplication.clipboard().setImage(picture)
            return
        name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in curves.title)
        chosen, _ = QFileDialog.getSaveFileName(curves.charts, "Save the curves", f"{name}.{kind}", f"*.{kind}")
        if chosen:
            try:
                curves.save(Path(chosen), kind)
            except AppError as error:
                self._complain(error)

    def save(self, path: Path, kind: str) -> None:
        """Save the curves as png, svg or csv; raises AppError where that does not work."""
        curves = self._curves
        if kind == "csv":
            write_csv(path, [RunTable(track.run_id, track.name, track.series) for track in curves.tracks])
        elif kind == "svg":
            with self._dressed_for_a_picture(1):
                chart_export.save_svg(path, *self._drawing)
        else:
            with self._dressed_for_a_picture(chart_export.SHARPNESS):
                chart_export.save_png(path, *self._drawing)

    @property
    def _drawing(self) -> tuple[QWidget, str, str, Colours]:
        curves = self._curves
        return curves.charts, curves.title, curves.legend_words, self._theme.colours

    @contextmanager
    def _dressed_for_a_picture(self, sharpness: int) -> Iterator[None]:
        """Leave out what can only be pressed, and draw as thick as the picture is sharp."""
        self._curves.legend.end.hide()
        charts = self._curves.charts.findChildren(Chart)
        for chart in charts:
            chart.sharpen(sharpness)
        try:
            yield
        finally:
            self._curves.legend.end.show()
            for chart in charts:
                chart.sharpen(1)
