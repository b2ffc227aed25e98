"""The first step: which model; its summary, what was found out of it, its download, and the lists to choose from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QButtonGroup, QLineEdit, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from desktop.controllers.models import ModelReport, Remark
from desktop.core.models import KnownModel, held_as, model_list, size_words
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.models.cache import CachePage, DownloadLine
from desktop.ui.models.lists import HubSearch, LocalModels, StartingPoints
from desktop.ui.models.template_choice import template_button, template_remark
from desktop.ui.pieces import ElidedLabel, boxed, button, column, keep_tab_order, label, row, set_role
from desktop.ui.services import Services
from desktop.ui.setup.config_form import ConfigForm
from desktop.ui.theme import scaled_font
from trainer_image.chat_templates import OWN

LOOK_DELAY_MS = 400
ROOM_FOR_LISTS = 900
"""Pixels of height in which the lists and the other three steps can be seen together."""
SIGNS = {"ok": "✓", "warn": "!", "fail": "▲"}
ROLES = {"ok": "good", "warn": "muted", "fail": "problem"}


class ModelStep(QWidget):
    """Closed, it says in two lines what is chosen; open, it has the field, and the lists where there is room."""

    token_requested = Signal()
    """The user wants to give a token for the Hub."""
    gguf_chosen = Signal(str)

    def __init__(
        self,
        services: Services,
        form: ConfigForm,
        choose_folder: Callable[[], object],
        choose_gguf: Callable[[], object],
    ) -> None:
        super().__init__()
        self._services = services
        self._models = services.models
        self._form = form
        self._field = form.fields["model"]
        self._revision = form.fields["model_revision"]
        self._wanted: tuple[str, str | None, bool] = ("", None, False)
        self._told: tuple[ModelReport, Remark | None] | None = None
        """What the remarks stand for: a report, and what was said of the chat template."""
        self._looking = QTimer(self, singleShot=True, interval=LOOK_DELAY_MS)
        self._looking.timeout.connect(self._look)
        self.title = ElidedLabel()
        self.title.setFont(scaled_font(self.title.font(), 1.0, bold=True))
        self.facts = label("", "muted", wrap=True)
        self.change = button("Change", self.open, name="Change the model")
        self.summary = boxed(column(row(self.title, self.change), self.facts, space=4))
        self.download = DownloadLine(self._models)
        self._remarks = QVBoxLayout()
        self._remarks.setSpacing(2)
        self._remarks.setContentsMargins(0, 0, 0, 0)
        self._remarks_box = boxed(self._remarks)
        self._remarks_box.hide()
        self.pages = self._make_pages(choose_folder, choose_gguf)
        self.chooser = boxed(column(self._tabs, self.pages, space=8), "card", 12)
        opened = column(self._field, self._revision, self.chooser, space=8)
        self.opened = boxed(opened)
        self.setLayout(column(self.summary, self.opened, self._remarks_box, self.download, space=8))
        self._connect()
        self._is_open = False
        self._wants_lists: bool | None = None
        """None: nobody has said, so the lists are shown where the other steps can be seen beside them."""
        self._has_room = False
        self._show_state()

    def _make_pages(self, choose_folder: Callable[[], object], choose_gguf: Callable[[], object]) -> QStackedWidget:
        self.starting_points = StartingPoints(self._services.choosing, self._models)
        self.hub = HubSearch(self._models)
        self.local = LocalModels(self._models, choose_folder, choose_gguf)
        self.cache = CachePage(self._models)
        pages = QStackedWidget()
        self._group = QButtonGroup(self)
        self.tabs: list[QPushButton] = []
        named: tuple[tuple[str, QWidget], ...] = (
            ("Good starts", self.starting_points),
            ("The Hub", self.hub),
            ("This machine", self.local),
            ("Downloads", self.cache),
        )
        for number, (text, page) in enumerate(named):
            pages.addWidget(page)
            tab = button(text, partial(self.show_page, number), "tab")
            tab.setCheckable(True)
            self._group.addButton(tab)
            self.tabs.append(tab)
        for signal in (self.starting_points.picked, self.hub.picked, self.local.picked, self.cache.picked):
            signal.connect(self.pick)
        self.done = button("Done", self.shut, "link", "Close the lists of models")
        self._lead = label("Choose from:", "muted")
        self._tabs = row(self._lead, *self.tabs, 1, self.done, space=4)
        return pages

    def _connect(self) -> None:
        self._field.value_changed.connect(lambda _: self._looking.start())
        assert isinstance(self._field.editor, QLineEdit)
        self._field.editor.textEdited.connect(self._keep_open)
        self._field.editor.returnPressed.connect(self.shut)
        self._revision.value_changed.connect(lambda _: self._looking.start())
        self._form.fields["load_in_4bit"].value_changed.connect(lambda _: self._looking.start())
        self._form.fields["offline"].value_changed.connect(lambda _: self.look_again())
        self._form.config_changed.connect(self._show_state)
        self._form.config_changed.connect(self._show_template)
        self._form.config_set.connect(self.shut)
        self._models.examined.connect(self._show_report)
        self._models.downloads.changed.connect(self._download_changed)
        self._models.imported.connect(self._take_imported)
        self._models.importing.connect(self._show_importing)
        self._models.failed.connect(self._services.notices.post_error)
        self._services.choices.offline_changed.connect(self._offline_changed)

    # What the user wants

    @property
    def model(self) -> str:
        return str(self._field.value()).strip()

    def open(self) -> None:
        """Show the field and the lists."""
        self._is_open = True
        self.show_page(self.pages.currentIndex())
        self._field.editor.setFocus()

    def _keep_open(self) -> None:
        """While a name is typed, its field stays where it is."""
        self._is_open = True

    def shut(self) -> None:
        """Show the summary alone; without a model there is none."""
        self._is_open = self._wants_lists = False
        self._show_state()

    def suit_height(self, height: int) -> None:
        """Before anything is chosen, the lists are open only where all four steps can be seen beside them."""
        self._has_room = height >= ROOM_FOR_LISTS
        if self._shows_lists and self._wants_lists is None:
            self._fill_page()
        self._show_state()

    @property
    def _shows_lists(self) -> bool:
        return self._has_room if self._wants_lists is None else self._wants_lists

    def show_page(self, number: int) -> None:
        """Show one of the lists, as it is now."""
        self._wants_lists = True
        self.pages.setCurrentIndex(number)
        self._fill_page()
        self._show_state()

    def _fill_page(self) -> None:
        number = self.pages.currentIndex()
        page = (self.starting_points, self.hub, self.local, self.cache)[number]
        page.refresh()

    def pick(self, value: str) -> None:
        """Take a model from one of the lists."""
        self._form.set_values({"model": value, "model_revision": None, "chat_template": OWN})
        self.shut()
        self.change.setFocus()

    def look_again(self) -> None:
        """Look the model over once more: something about it has changed."""
        self._wanted = ("", None, False)
        self._looking.start(0)

    def _offline_changed(self, _is_offline: bool) -> None:
        self.look_again()
        if self._shows_lists:
            self._fill_page()

    # What it shows

    def showEvent(self, event: object) -> None:
        super().showEvent(event)  # type: ignore[arg-type]
        if self._shows_lists and not self.starting_points.table.rows.rows:
            self._fill_page()

    def _show_state(self) -> None:
        is_empty = not self.model
        wrong = any(problem.knob in ("model", "model_revision") for problem in self._form.problems)
        is_open = self._is_open or is_empty or (wrong and self._field.is_touched)
        self.summary.setVisible(not is_empty)
        self.opened.setVisible(is_open)
        self.change.setVisible(not is_open)
        self.pages.setVisible(self._shows_lists)
        self._lead.setVisible(not self._shows_lists)
        self._group.setExclusive(self._shows_lists)
        for number, tab in enumerate(self.tabs):
            tab.setChecked(self._shows_lists and number == self.pages.currentIndex())
        self.done.setVisible(not is_empty or bool(self._wants_lists))
        self._revision.setVisible(is_open and not is_empty and not self.model.startswith(("/", "~", ".")))
        known = self._models.known(self.model) if not is_empty else KnownModel("")
        four_bit = bool(self._form.fields["load_in_4bit"].value())
        held = held_as(known, self.model, four_bit=four_bit, revision=self._revision.value() or None)
        self.title.set_whole_text(" · ".join((known.name, held)))
        self.facts.setText(_facts_words(known, self._models.report, self.model, self._wanted[0]))

    def _look(self) -> None:
        four_bit = bool(self._form.fields["load_in_4bit"].value())
        revision = self._revision.value() or None
        needed = self._models.needed(self.model, four_bit=four_bit, revision=revision)
        wanted = (needed, revision, four_bit)
        if wanted == self._wanted:
            return
        self._wanted = wanted
        self._clear_remarks()
        self.download.show_download(needed)
        if self.model:
            self._add_remark(Remark("warn", "Looking at it…"))
            path = str(Path(needed).expanduser()) if needed.startswith("~") else needed
            self._models.examine(path, revision, offline=bool(self._form.fields["offline"].value()))

    def _show_report(self, report: ModelReport) -> None:
        self._clear_remarks()
        template = self._template_remark(report)
        is_taught = template is not None and template.state == "ok"
        fine = [remark for remark in report.remarks if remark.state == "ok"]
        rest = [one for one in report.remarks if one.state != "ok" and not (is_taught and one.step == "instruct")]
        for remark in (*rest, *([Remark("ok", " ".join(one.sentence for one in fine))] if fine else [])):
            self._add_remark(remark)
        if template is not None:
            self._add_remark(template)
        self._told = report, template
        self._show_state()

    def _add_remark(self, remark: Remark) -> None:
        says = label(f"{SIGNS[remark.state]} {remark.sentence}", wrap=True, selectable=True)
        set_role(says, ROLES[remark.state])
        line = row(says)
        act = self._act_of(remark)
        if act is not None:
            line.addWidget(act)
        line.setStretch(0, 1)
        self._remarks.addWidget(boxed(line))
        self._remarks_box.show()
        keep_tab_order(self._remarks_box)

    def _act_of(self, remark: Remark) -> QPushButton | None:
        match remark.step:
            case "download":
                return button("Download", self._download, name="Download the model now")
            case "token":
                return button("Give a token…", self.token_requested.emit)
            case "online":
                return button("Go online", lambda: self._services.choices.set_offline(False))
            case "import_gguf":
                return button("Turn it into a folder", lambda: self.gguf_chosen.emit(self.model))
            case "instruct":
                return self._instruct_button()
            case "template":
                return template_button(self._choose_template)
            case "own_template":
                return button("Use its own", partial(self._choose_template, OWN), name="Use the model's own template")
        return None

    def _template_remark(self, report: ModelReport) -> Remark | None:
        if not self._form.is_relevant("chat_template"):
            return None
        return template_remark(report, str(self._form.fields["chat_template"].value()))

    def _choose_template(self, name: str) -> None:
        self._form.set_values({"chat_template": name})

    def _show_template(self) -> None:
        """Say it anew where another template, or a method that needs one or none, has been chosen."""
        told, report = self._told, self._models.report
        if report is not None and told is not None and told != (report, self._template_remark(report)):
            self._show_report(report)

    def _instruct_button(self) -> QPushButton | None:
        listed = model_list().find(self.model)
        family = listed.family if listed else ""
        near = [one for one in model_list().models if one.family == family and one.kind == "chat"]
        near = [one for one in near if listed and abs(one.parameters - listed.parameters) < 0.1 * listed.parameters]
        return button(f"Take {near[0].name}", partial(self.pick, near[0].id)) if near else None

    def _clear_remarks(self) -> None:
        self._told = None
        self._remarks_box.hide()
        while item := self._remarks.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()

    def _download(self) -> None:
        model, revision, _ = self._wanted
        try:
            self._models.download(model, revision)
        except AppError as error:
            self._services.notices.post_error(error)
            return
        self.download.show_download(model)

    def _download_changed(self, id: str) -> None:
        download = self._models.downloads.get(id)
        if download is not None and download.state == "done" and id == self._wanted[0]:
            self.look_again()

    def _show_importing(self, gguf: str) -> None:
        if gguf:
            self._clear_remarks()
            words_ = f"{Path(gguf).name} is being turned into a model folder. It takes minutes for a large one…"
            self._add_remark(Remark("warn", words_))
        else:
            self.look_again()

    def _take_imported(self, gguf: str, folder: str) -> None:
        if self.model in ("", gguf):
            self.pick(folder)


def _facts_words(known: KnownModel, report: ModelReport | None, model: str, needed: str) -> str:
    """Return what there is to know of a model in one line."""
    listed = model_list().find(model)
    parts = [f"{size_words(known.size)} parameters" if known.size else ""]
    parts.append(listed.licence if listed else report.licence if report and report.model == model else "")
    parts.append(f"texts up to {words.count(known.context)} tokens" if known.context else "")
    parts.append(model if model != known.name else "")
    if needed and needed != model and listed is not None and needed in listed.ids:
        parts.append(f"in 4 bits from {needed}")
    return " · ".join(part for part in parts if part)
