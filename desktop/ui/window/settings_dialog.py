"""What holds for the whole app: the network, and the tokens of services."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QCheckBox, QDialog, QLineEdit, QScrollArea, QWidget

from desktop.controllers.keep_ready import KeepReady
from desktop.controllers.secrets import SERVICES, Secrets, Service, TokenState
from desktop.controllers.settings import Settings
from desktop.errors import AppError
from desktop.ui.pieces import boxed, button, column, label, row
from desktop.ui.services import Services
from desktop.ui.theme import scaled_font
from desktop.ui.window.tray_settings import AwaySection
from desktop.ui.window.trouble_settings import TroubleSection

WHERE_TOKENS_COME_FROM: dict[Service, str] = {
    "hub": "One that may read is enough; to push a model it has to write: huggingface.co, Settings, Access Tokens.",
}


class SettingsDialog(QDialog):
    """One section below the other; every change holds at once."""

    def __init__(self, services: Services, parent: QWidget | None = None, *, has_tray: bool = False) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.resize(640, 520)
        title = label("Settings")
        title.setFont(scaled_font(title.font(), 1.3, bold=True))
        self.network = NetworkSection(services.choices)
        self.tokens = [TokenSection(services.secrets, service) for service in SERVICES]
        self.trouble = TroubleSection(services.troubles, services.runs.queue)
        self.away = AwaySection(services.choices, has_tray=has_tray)
        self.trainer = TrainerSection(services.keep_ready)
        self.sections = column(self.network, self.trainer, self.trouble, self.away, *self.tokens, 1, space=16)
        inside = QWidget()
        inside.setLayout(self.sections)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(inside)
        layout = column(title, scroll, row(1, button("Close", self.accept, "primary")), space=16)
        layout.setContentsMargins(24, 16, 24, 16)
        self.setLayout(layout)


class NetworkSection(QWidget):
    """The one switch that takes the network from everything."""

    def __init__(self, choices: Settings) -> None:
        super().__init__()
        self.offline = QCheckBox("Offline")
        self.offline.setChecked(choices.is_offline)
        words = label(
            "No run, chat or check uses the network, whatever its config says; containers get none. "
            "Models and data that are on this machine go on working. What runs already is left as it is.",
            "muted",
            wrap=True,
        )
        self.offline.setAccessibleDescription(words.text())
        card = boxed(column(label("Network", "title"), self.offline, words, space=8), "card", 16)
        self.setLayout(column(card))
        self.offline.toggled.connect(choices.set_offline)
        choices.offline_changed.connect(self._show)

    def _show(self, is_offline: bool) -> None:
        with QSignalBlocker(self.offline):
            self.offline.setChecked(is_offline)


class TrainerSection(QWidget):
    """Whether a trainer stands ready before anybody clicks Start."""

    def __init__(self, keep_ready: KeepReady) -> None:
        super().__init__()
        self.keep = QCheckBox("Keep a trainer ready")
        self.keep.setChecked(keep_ready.is_wanted)
        words = label(
            "While no run is at work, a trainer for what the form says has its libraries loaded and waits, so that a "
            "run starts sooner. It holds half a gigabyte of memory or more, perhaps some of a card's too, and leaves "
            "after a quarter of an hour, or when Tunedeck is closed.",
            "muted",
            wrap=True,
        )
        self.keep.setAccessibleDescription(words.text())
        self.setLayout(column(boxed(column(label("Start of a run", "title"), self.keep, words, space=8), "card", 16)))
        self.keep.toggled.connect(keep_ready.choose)


class TokenSection(QWidget):
    """One service: where its token is, a field for a new one, and the way to forget it."""

    def __init__(self, secrets: Secrets, service: Service) -> None:
        super().__init__()
        self._secrets = secrets
        self._service = service
        title = SERVICES[service].title
        self.state = label("Looking into the keyring…", wrap=True)
        self.field = QLineEdit(placeholderText="Paste a token", clearButtonEnabled=True)
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setAccessibleName(f"Token for the {title}")
        self.keep = button("Keep", self._keep, name=f"Keep the token for the {title}")
        self.forget = button("Forget", self._forget, name=f"Forget the token for the {title}")
        self.problem = label("", "problem", wrap=True)
        self.problem.hide()
        why = label(
            "For gated models and datasets. Tunedeck itself fetches what a run needs; no container, log or "
            f"file of a run ever gets the token. {WHERE_TOKENS_COME_FROM[service]}",
            "muted",
            wrap=True,
        )
        line = row(self.field, self.keep, self.forget)
        line.setStretch(0, 1)
        parts = column(label(f"Token for the {title}", "title"), self.state, line, self.problem, why, space=8)
        self.setLayout(column(boxed(parts, "card", 16)))
        self.field.textChanged.connect(lambda text: self.keep.setEnabled(bool(text.strip())))
        self.field.returnPressed.connect(self._keep)
        self.keep.setEnabled(False)
        self.forget.setEnabled(False)
        secrets.changed.connect(self._show)
        secrets.look(service)

    def _show(self, state: TokenState) -> None:
        if state.service == self._service:
            self.problem.hide()
            self.state.setText(state.sentence)
            self.forget.setEnabled(state.kept is not None)

    def _keep(self) -> None:
        value = self.field.text()
        if value.strip():
            self.field.clear()
            self._secrets.keep(self._service, value, self._say)

    def _forget(self) -> None:
        self._secrets.delete(self._service, self._say)

    def _say(self, error: AppError) -> None:
        self.problem.setText(f"▲ {error}")
        self.problem.show()
