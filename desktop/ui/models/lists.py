"""The lists to choose a model from: good starting points, the Hub, and what is on this machine."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QLineEdit, QPushButton, QWidget

from desktop.controllers.choosing import Choosing
from desktop.controllers.models import CachedModel, HubModel, LocalModel, Models
from desktop.core.models import StartingPoint, held_as, known_model, model_list, size_words
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.models.table import ModelTable, TableRow
from desktop.ui.pieces import button, column, label, row
from trainer_image.contract import RunConfig

SEARCH_DELAY_MS = 400
GATED = "ask first"


class ModelPage(QWidget):
    """A table, a line about what is selected, and the buttons that use it."""

    picked = Signal(str)
    """What the knob model takes."""

    def __init__(self, table: ModelTable) -> None:
        super().__init__()
        self.table = table
        self.about = label("", "muted", wrap=True)
        self.use = button("Use this model", self._use, "primary")
        self.buttons = row(self.use, 1)
        table.on_choice(self._show_choice)
        table.activated.connect(lambda _: self._use())

    def _use(self) -> None:
        value = self.value_of(self.table.chosen)
        if value:
            self.picked.emit(value)

    def _show_choice(self, chosen: object) -> None:
        self.use.setEnabled(bool(self.value_of(chosen)))
        self.about.setText(self.words_of(chosen))

    def value_of(self, chosen: object) -> str:
        raise NotImplementedError

    def words_of(self, chosen: object) -> str:
        raise NotImplementedError


class StartingPoints(ModelPage):
    """The list that comes with the app, with what each model would be here."""

    def __init__(self, choosing: Choosing, models: Models) -> None:
        headers = ("Model", "Size", "Fits here", "Licence", "Longest text")
        super().__init__(ModelTable("Good models to start from", headers, right=(1, 4), gives_way={4: 700, 3: 560}))
        self._choosing = choosing
        self._models = models
        self._here: frozenset[str] = frozenset()
        """Which models need no download."""
        self._fits: dict[str, str] = {}
        """By id what was worked out for the cards of this moment."""
        self._base = {name: field.default for name, field in RunConfig.model_fields.items()}
        self.finder = QLineEdit(placeholderText="Find, such as  qwen 4b", clearButtonEnabled=True)
        self.finder.setAccessibleName("Find a starting point")
        self.finder.textChanged.connect(lambda _: self._show_list())
        self.four_bit = button("4-bit files", lambda: self._pick("four_bit"))
        self.open_copy = button("Open copy", lambda: self._pick("open_copy"))
        self.buttons.insertWidget(1, self.four_bit)
        self.buttons.insertWidget(2, self.open_copy)
        listed = model_list()
        date = label(f"As of {listed.date}.", "muted")
        date.setToolTip(listed.source)
        self.setLayout(column(row(self.finder, date), self.table, self.about, self.buttons))
        models.cached.connect(self._take_cached)
        self._show_choice(None)

    def refresh(self) -> None:
        """Fill the table for the cards of this moment, and offline for what is on this machine."""
        self._fits.clear()
        self._show_list()
        if self._models.is_offline():
            self._models.look_at_cache()

    def _take_cached(self, cached: list[CachedModel]) -> None:
        here = frozenset(one.id for one in cached if one.is_whole)
        if here != self._here:
            self._here = here
            self._show_list()

    def _show_list(self) -> None:
        found = model_list().search(self.finder.text())
        is_offline = self._models.is_offline()
        self.table.show_rows(
            [TableRow(self._words(one), one, one.id, is_offline and self._here.isdisjoint(one.ids)) for one in found]
        )
        self._show_choice(self.table.chosen)

    def _can_use(self, id: str) -> bool:
        return id in self._here or not self._models.is_offline()

    def _words(self, one: StartingPoint) -> tuple[str, ...]:
        name = one.name if one.kind == "chat" else f"{one.name}  (base)"
        licence = f"{one.licence}, {GATED}" if one.gated else one.licence
        if one.id not in self._fits:
            self._fits[one.id] = self._fit(one)
        return name, size_words(one.parameters), self._fits[one.id], licence, words.count(one.context)

    def _fit(self, one: StartingPoint) -> str:
        if one.facts is None:
            return "not known"
        chosen = self._choosing.choose("auto", {**self._base, "model": one.id, "method": "sft", "gpus": None})
        if not chosen.fits:
            return "✗ too large"
        how = held_as(known_model(one.id), one.id, four_bit=chosen.values["load_in_4bit"])
        return f"✓ {how}, split" if chosen.values["placement"] == "split" else f"✓ {how}"

    def _pick(self, which: str) -> None:
        chosen = self.table.chosen
        if isinstance(chosen, StartingPoint) and getattr(chosen, which):
            self.picked.emit(getattr(chosen, which))

    def _show_choice(self, chosen: object) -> None:
        super()._show_choice(chosen)
        one = chosen if isinstance(chosen, StartingPoint) else None
        self.four_bit.setVisible(bool(one and one.four_bit))
        self.open_copy.setVisible(bool(one and one.open_copy))
        self.four_bit.setEnabled(bool(one and self._can_use(one.four_bit or "")))
        self.open_copy.setEnabled(bool(one and self._can_use(one.open_copy or "")))
        self.four_bit.setToolTip(f"{one.four_bit}: a quarter of the download" if one and one.four_bit else "")
        self.open_copy.setToolTip(f"{one.open_copy}: the same weights, nobody has to be asked" if one else "")

    def value_of(self, chosen: object) -> str:
        return chosen.id if isinstance(chosen, StartingPoint) and self._can_use(chosen.id) else ""

    def words_of(self, chosen: object) -> str:
        if not isinstance(chosen, StartingPoint):
            away = " Tunedeck is offline: grey ones are not on this machine." if self._models.is_offline() else ""
            return f"Choose a row. What fits is worked out for this machine, for rows of 1,024 tokens.{away}"
        if not self._can_use(chosen.id):
            return f"{chosen.id} is not on this machine, and Tunedeck is offline: it cannot be fetched."
        kind = "Answers questions already." if chosen.kind == "chat" else "Goes on with a text; has no chat template."
        gate = " Its owner wants to be asked first; the open copy has the same weights." if chosen.gated else ""
        return f"{chosen.id}, {chosen.licence}. {kind}{gate} {chosen.note}".strip()


class HubSearch(ModelPage):
    """What the Hub has under these words."""

    def __init__(self, models: Models) -> None:
        headers = ("Model", "Size", "Licence", "Downloads", "Access")
        super().__init__(ModelTable("Models on the Hub", headers, right=(1, 3), gives_way={2: 560}))
        self._models = models
        self.finder = QLineEdit(placeholderText="Search the Hugging Face Hub", clearButtonEnabled=True)
        self.finder.setAccessibleName("Search the Hub")
        self.state = label("", "muted", wrap=True)
        self._typing = QTimer(self, singleShot=True, interval=SEARCH_DELAY_MS)
        self._typing.timeout.connect(self._search)
        self.finder.textChanged.connect(lambda _: self._typing.start())
        self.setLayout(column(self.finder, self.state, self.table, self.about, self.buttons))
        models.found.connect(self._show_found)
        models.search_failed.connect(self._show_failure)
        self._show_choice(None)
        self.refresh()

    def refresh(self) -> None:
        """Say whether the Hub can be asked at all."""
        offline = self._models.is_offline()
        self.finder.setEnabled(not offline)
        if offline:
            self._say("Tunedeck is offline. Switch Offline off at the top right to search the Hub.")
        elif not self.finder.text():
            self._say("Type a name. Any other name, OWNER/MODEL, can be typed into the field above.")

    def _search(self) -> None:
        text = self.finder.text().strip()
        if not text:
            self.table.show_rows([])
            self.refresh()
            return
        self._say("Searching…")
        self._models.search(text)

    def _show_found(self, text: str, found: list[HubModel]) -> None:
        if text != self.finder.text().strip():
            return
        self._say("" if found else f"The Hub has no text model called {text}.")
        self.table.show_rows([TableRow(_hub_words(one), one, one.id) for one in found])

    def _show_failure(self, text: str, error: AppError) -> None:
        if text == self.finder.text().strip():
            self.table.show_rows([])
            self._say(str(error))

    def _say(self, text: str) -> None:
        self.state.setText(text)
        self.state.setVisible(bool(text))

    def value_of(self, chosen: object) -> str:
        return chosen.id if isinstance(chosen, HubModel) and not chosen.is_gguf else ""

    def words_of(self, chosen: object) -> str:
        if not isinstance(chosen, HubModel):
            return ""
        if chosen.is_gguf:
            return "GGUF files are made for running a model. Take the model that they were made from."
        gate = "Its owner wants to be asked first; choose it to see how." if chosen.gated else ""
        return gate or chosen.page


def _hub_words(one: HubModel) -> tuple[str, ...]:
    size = size_words(one.parameters) if one.parameters else "–"
    access = "GGUF" if one.is_gguf else GATED if one.gated else "open"
    return one.id, size, one.licence or "–", words.count(one.downloads), access


class LocalModels(ModelPage):
    """Whole models that need no download."""

    def __init__(self, models: Models, folder: Callable[[], object], gguf: Callable[[], object]) -> None:
        super().__init__(ModelTable("Models on this machine", ("Model", "Size", "Where"), right=(1,)))
        self._models = models
        self.folder: QPushButton = button("Another folder…", folder)
        self.gguf: QPushButton = button("A GGUF file…", gguf)
        self.buttons.insertWidget(1, self.folder)
        self.buttons.insertWidget(2, self.gguf)
        self.setLayout(column(self.table, self.about, self.buttons))
        models.local_found.connect(self._show_found)
        self._show_choice(None)

    def refresh(self) -> None:
        self._models.look_for_local()

    def _show_found(self, found: list[LocalModel]) -> None:
        rows = [TableRow((one.name, words.file_size(one.size_bytes), one.where), one, one.value) for one in found]
        self.table.show_rows(rows)
        self._show_choice(self.table.chosen)

    def value_of(self, chosen: object) -> str:
        return chosen.value if isinstance(chosen, LocalModel) else ""

    def words_of(self, chosen: object) -> str:
        if isinstance(chosen, LocalModel):
            return chosen.value
        empty = "No whole model is on this machine yet. What you download appears here."
        return "" if self.table.rows.rows else empty
