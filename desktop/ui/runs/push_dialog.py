"""Push to the Hub: what goes there and where, who may see it, how far it is, and the address at the end."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QCheckBox, QDialog, QLineEdit, QProgressBar, QWidget

from desktop.controllers.models import Push
from desktop.core.passport import Passport
from desktop.core.run import Run
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.pieces import ElidedLabel, boxed, button, column, heading, label, row, set_role
from desktop.ui.services import Services

WHOLE = 1000
OWNER = "push/owner"
"""Where the window remembers who owned the last repository."""
NEEDS_SETTINGS = ("no_token", "hub_token")


def suggested_name(run_name: str) -> str:
    """Return a name that a repository may have, like that of a run."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", run_name).strip("-.")[:90] or "tuned-model"


def push_words(push: Push) -> str:
    """Say how far a push is, or how it ended."""
    if push.error is not None:
        return str(push.error)
    if push.state == "stopped":
        return f"Stopped. Nothing was added to {push.repo}."
    if push.state == "done":
        who = "you and those whom you give access" if push.is_private else "everybody"
        kept = " Its card was there before and stays as it is." if push.keeps_card else ""
        return f"✓ {words.file_size(push.done_bytes)} are on the Hub, for {who} to see.{kept}"
    if push.total_bytes is None:
        return "Getting the files ready…"
    if push.done_bytes >= push.total_bytes:
        return "Everything is sent; the Hub puts it together…"
    parts = [f"{words.file_size(push.done_bytes)} of {words.file_size(push.total_bytes)}"]
    if push.bytes_per_s:
        parts.append(f"{words.file_size(push.bytes_per_s)}/s")
    if push.seconds_left is not None:
        parts.append(words.time_left(push.seconds_left))
    return " · ".join(parts)


class PushDialog(QDialog):
    """One run on its way; closed, the push goes on and a notice tells of its end."""

    settings_requested = Signal()

    def __init__(self, services: Services, run: Run, passport: Passport, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Push to the Hub")
        self._services = services
        self._models = services.models
        self._run = run
        self.run_id = run.id
        self._passport = passport
        owner = str(services.settings.value(OWNER, ""))
        self.repo = QLineEdit("/".join(part for part in (owner, suggested_name(run.name)) if part))
        self.repo.setAccessibleName("Repository")
        self.repo.setPlaceholderText("OWNER/NAME")
        self.private = QCheckBox("Private: only you, and those whom you give access, can see it")
        self.private.setChecked(True)
        self._take_over(services.models.pushes.get(run.id))
        self.where = ElidedLabel("", "muted")
        self.problem = label("", "problem", wrap=True)
        self.settings = button("Settings…", self.settings_requested.emit, "link", "Settings, for a token of the Hub")
        self.bar = QProgressBar(maximum=WHOLE, textVisible=False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName("Push")
        self.says = label("", "muted", wrap=True)
        self.stop = button("Stop", lambda: self._models.pushes.stop(run.id), "link", "Stop the push")
        self.address = label("", selectable=True)
        self.copy = button("Copy address", self._copy)
        self.open_page = button("Open in the browser", self._open)
        self.send = button("Push", self._send, "primary")
        self.close_it = button("Close", self.accept)
        self._compose()
        self.repo.textChanged.connect(lambda _: self._show_where())
        self.repo.returnPressed.connect(self._send)
        self._models.pushes.changed.connect(self._changed)
        services.choices.offline_changed.connect(self._offline_changed)
        self._show_where()
        self._show()
        self.repo.setFocus()

    def _take_over(self, push: Push | None) -> None:
        """Show what is going already, not what could be sent."""
        if push is not None and push.is_live:
            self.repo.setText(push.repo)
            self.private.setChecked(push.is_private)

    def _compose(self) -> None:
        what = "the whole model" if self._run.config.full_finetuning else "the adapter"
        told = (
            f"What goes up: {what}, its tokenizer and a card: figures, the names of model, data and GPUs, and the "
            "data's checksum. No rows, no log, no checkpoint. You choose the licence on the Hub."
        )
        name = label("Repository", "muted")
        name.setBuddy(self.repo)
        self._result = boxed(column(self.address, row(self.copy, self.open_page, 1), space=8))
        progress, refusal = row(self.says, self.stop), row(self.problem, self.settings)
        for line in (progress, refusal):
            line.setStretch(0, 1)
        self._going = boxed(column(self.bar, progress, space=4))
        layout = column(
            *(heading(self._run.name), label(told, "muted", wrap=True), name, self.repo, self.where, self.private),
            *(refusal, self._going, self._result, 1, row(1, self.close_it, self.send)),
            space=8,
        )
        layout.setContentsMargins(16, 16, 16, 16)
        self.setLayout(layout)
        self.setMinimumWidth(560)

    def _show_where(self) -> None:
        name = self.repo.text().strip()
        owner = "" if "/" in name else "YOU/"
        self.where.set_whole_text(f"It goes to huggingface.co/{owner}{name}" if name else "Give it a name.")
        self.send.setEnabled(self._can_send)

    @property
    def _can_send(self) -> bool:
        push = self._models.pushes.get(self._run.id)
        is_free = push is None or not push.is_live
        return is_free and bool(self.repo.text().strip()) and not self._models.is_offline()

    def _send(self) -> None:
        if not self._can_send:
            return
        try:
            self._models.push(self._run, self._passport, self.repo.text(), is_private=self.private.isChecked())
        except AppError as error:
            self._refuse(error)

    def _changed(self, run_id: str) -> None:
        if run_id == self._run.id:
            self._show()

    def _offline_changed(self, _is_offline: bool) -> None:
        self._show()

    def _show(self) -> None:
        push = self._models.pushes.get(self._run.id)
        is_live = push is not None and push.is_live
        for field in (self.repo, self.private):
            field.setEnabled(not is_live)
        self.send.setEnabled(self._can_send)
        self._going.setVisible(push is not None and push.error is None)
        self.bar.setVisible(is_live)
        self.stop.setVisible(is_live)
        self._result.setVisible(push is not None and push.state == "done")
        self._refuse(push.error if push is not None else None)
        if self._models.is_offline():
            self._refuse(AppError("Pushing a model needs the network, and Tunedeck is offline."))
        if push is not None:
            self._show_progress(push)

    def _show_progress(self, push: Push) -> None:
        self.bar.setMaximum(WHOLE if push.total_bytes else 0)
        self.bar.setValue(round(WHOLE * push.done_bytes / push.total_bytes) if push.total_bytes else 0)
        self.says.setText(push_words(push))
        set_role(self.says, "good" if push.state == "done" else "muted")
        if push.state == "done":
            self.address.setText(push.address)
            self._services.settings.setValue(OWNER, push.repo.rpartition("/")[0])

    def _refuse(self, error: AppError | None) -> None:
        self.problem.setText(f"▲ {error}" if error else "")
        self.problem.setVisible(error is not None)
        self.settings.setVisible(error is not None and error.code in NEEDS_SETTINGS)
        self._fit()

    def _fit(self) -> None:
        """Be as high as what there is to say."""
        if (layout := self.layout()) is not None:
            layout.activate()
            self.resize(self.width(), layout.totalHeightForWidth(self.width()))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.address.text())
        self.says.setText("The address is copied.")

    def _open(self) -> None:
        QDesktopServices.openUrl(QUrl(self.address.text()))
