"""Downloads with speed, time left and a stop button, and the cache: what it keeps, and a button to be rid of it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QProgressBar, QWidget

from desktop.controllers.models import CachedModel, Download, Models
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.models.table import ModelTable, TableRow
from desktop.ui.pieces import button, column, label, row, set_role

WHOLE = 1000


def download_words(download: Download) -> str:
    """Say how far a download is."""
    if download.state == "waiting":
        return "Waits for the download before it."
    if download.error is not None:
        return str(download.error)
    done = words.file_size(download.done_bytes)
    if download.total_bytes is None:
        return "Asking the Hub…"
    total = words.file_size(download.total_bytes)
    if download.state == "done":
        return f"✓ {total} are on this machine."
    if download.state == "stopped":
        return f"Stopped at {done} of {total}. It goes on from there."
    parts = [f"{done} of {total}"]
    if download.bytes_per_s:
        parts.append(f"{words.file_size(download.bytes_per_s)}/s")
    if download.seconds_left is not None:
        parts.append(words.time_left(download.seconds_left))
    return " · ".join(parts)


class DownloadLine(QWidget):
    """One download: bar, words, and the button that stops it or goes on with it."""

    def __init__(self, models: Models) -> None:
        super().__init__()
        self._models = models
        self._id = ""
        self.bar = QProgressBar(maximum=WHOLE, textVisible=False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName("Download")
        self.says = label("", "muted", wrap=True)
        self.stop = button("Stop", lambda: models.downloads.stop(self._id), "link", "Stop the download")
        self.resume = button("Go on", self._resume, "link", "Go on with the download")
        self.setLayout(column(self.bar, row(self.says, self.stop, self.resume), space=4))
        models.downloads.changed.connect(self._changed)
        self.hide()

    def show_download(self, id: str) -> None:
        """Follow the download of this model, if there is one."""
        self._id = id
        self._show()

    def _changed(self, id: str) -> None:
        if id == self._id:
            self._show()

    def _show(self) -> None:
        download = self._models.downloads.get(self._id)
        self.setVisible(download is not None and download.state != "done")
        if download is None:
            return
        self.bar.setVisible(download.is_live)
        if download.total_bytes:
            self.bar.setMaximum(WHOLE)
            self.bar.setValue(round(WHOLE * download.done_bytes / download.total_bytes))
        else:
            self.bar.setMaximum(0)
        self.says.setText(download_words(download))
        set_role(self.says, "warn" if download.error else "muted")
        self.stop.setVisible(download.is_live)
        self.resume.setVisible(not download.is_live)

    def _resume(self) -> None:
        known = self._models.downloads.get(self._id)
        if known is None:
            return
        try:
            self._models.download(known.id, known.revision)
        except AppError as error:
            self.says.setText(str(error))
            set_role(self.says, "warn")


class CachePage(QWidget):
    """What the downloads take, and how to have it back."""

    picked = Signal(str)

    def __init__(self, models: Models) -> None:
        super().__init__()
        self._models = models
        self.table = ModelTable("Downloaded models", ("Model", "Size", "State", "Last used"), right=(1,))
        self.total = label("", "muted", wrap=True)
        self.free = button("Free it", self._free)
        self.go_on = button("Go on with the download", self._go_on)
        self.use = button("Use this model", self._use, "primary")
        self.setLayout(column(self.total, self.table, row(self.use, self.free, self.go_on, 1)))
        self.table.on_choice(self._show_choice)
        models.cached.connect(self._show_cached)
        models.freed.connect(lambda id, size: self._say(f"{id} is deleted; {words.file_size(size)} are free again."))
        models.failed.connect(self._fail)
        models.downloads.changed.connect(self._changed)
        self._said = ""
        self._show_choice(None)

    def refresh(self) -> None:
        """Read the cache again."""
        self._models.look_at_cache()

    def _changed(self, id: str) -> None:
        download = self._models.downloads.get(id)
        if self.isVisible() and download is not None and not download.is_live:
            self.refresh()

    def _show_cached(self, cached: list[CachedModel]) -> None:
        self.table.show_rows([TableRow(self._words(one), one, str(one.folder)) for one in cached])
        size = words.file_size(sum(one.size_bytes for one in cached))
        total = f"{words.plural(len(cached), 'model')} from the Hub take {size}."
        empty = "Nothing has been downloaded yet. What comes from the Hub is kept here."
        self.total.setText(" ".join(part for part in (self._said, total if cached else empty) if part))
        self._said = ""
        self._show_choice(self.table.chosen)

    def _words(self, one: CachedModel) -> tuple[str, ...]:
        download = self._models.downloads.get(one.id)
        state = "whole" if one.is_whole else "part of it"
        if download is not None and download.is_live:
            state = "is coming"
        return one.id, words.file_size(one.size_bytes), state, words.moment(one.last_used) if one.last_used else "–"

    def _show_choice(self, chosen: object) -> None:
        one = chosen if isinstance(chosen, CachedModel) else None
        self.use.setEnabled(one is not None)
        self.free.setEnabled(one is not None)
        self.free.setText(f"Free {words.file_size(one.size_bytes)}" if one else "Free it")
        self.go_on.setVisible(one is not None and not one.is_whole)

    def _use(self) -> None:
        if isinstance(one := self.table.chosen, CachedModel):
            self.picked.emit(one.id)

    def _free(self) -> None:
        if isinstance(one := self.table.chosen, CachedModel):
            self._models.free(one.id)

    def _go_on(self) -> None:
        if isinstance(one := self.table.chosen, CachedModel):
            try:
                self._models.download(one.id)
            except AppError as error:
                self._fail(error)

    def _say(self, text: str) -> None:
        self._said = text
        self.total.setText(text)

    def _fail(self, error: AppError) -> None:
        self._say(f"▲ {error}")
