"""A dataset from the Hub in the window, against a server that plays the Hub: looked for, seen, fetched, used."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from desktop.ui.datasets.hub import FIRST_ROWS, HubDialog
from desktop.ui.window.main_window import MainWindow
from tests.dataset_hub import DatasetHub, FakeDataset
from tests.desktop.ui.window_fakes import Bench

WAIT_MS = 60_000
CONFIGS = [
    {
        "config_name": "main",
        "data_files": [{"split": "train", "path": "main/train.jsonl"}, {"split": "test", "path": "main/test.jsonl"}],
    },
    {"config_name": "hard", "data_files": [{"split": "train", "path": "hard/train.jsonl"}]},
]


def lines(count: int, what: str) -> bytes:
    rows = ({"question": f"What is {n} of {what}?", "answer": f"It is {n}."} for n in range(count))
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[DatasetHub]:
    """A Hub with datasets of every kind that there is trouble with."""
    server = DatasetHub()
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    sums = {"main/train.jsonl": lines(30, "all"), "main/test.jsonl": lines(4, "few"), "hard/train.jsonl": lines(7, "x")}
    server.add(FakeDataset("maker/sums", sums, configs=CONFIGS, downloads=48_210, description="Sums in words."))
    server.add(FakeDataset("other/closed-sums", {"train.jsonl": lines(3, "y")}, downloads=911, is_gated=True))
    table = b"Frage;Antwort\n" + b"Wie tief?;Tief genug.\n" * 8
    server.add(FakeDataset("maker/odd", {"train.csv": table}))
    yield server
    server.close()


@pytest.fixture
def dialog(window: MainWindow, hub: DatasetHub, qtbot: QtBot) -> HubDialog:
    """The dialog as a person opens it."""
    window.actions_by_name["datasets"].trigger()
    window.data.library.hub.click()
    found = window.data.library.findChild(HubDialog)
    assert isinstance(found, HubDialog)
    qtbot.waitUntil(found.isVisible, timeout=WAIT_MS)
    return found


@pytest.fixture
def look(dialog: HubDialog, qtbot: QtBot) -> Callable[[str], str]:
    """Look at a repository until nothing is under way, and return what is said in the end."""

    def do(repo: str) -> str:
        dialog.repo.setText(repo)
        dialog.look.click()
        assert dialog.line.is_busy
        qtbot.waitUntil(lambda: not dialog.line.is_busy, timeout=WAIT_MS)
        return dialog.line.state.text()

    return do


def shown(dialog: HubDialog) -> str:
    return "\n".join(part.text() for part in dialog.examples.findChildren(QLabel) if part.isVisibleTo(dialog))


def splits(dialog: HubDialog) -> list[str]:
    return [dialog.split.itemData(number) for number in range(dialog.split.count())]


def test_a_dataset_is_searched_for_seen_fetched_and_used(
    window: MainWindow, bench: Bench, hub: DatasetHub, dialog: HubDialog, qtbot: QtBot
) -> None:
    library, name = window.data.library, "my sums"
    assert not dialog.add.isEnabled()
    dialog.repo.setText("sums")
    dialog.search.click()
    qtbot.waitUntil(lambda: dialog.hits.count() == 2, timeout=WAIT_MS)
    assert dialog.hits.item(0).text() == "maker/sums\n48,210 downloads · 3 likes"
    assert dialog.hits.item(1).text().endswith("needs consent")
    dialog.hits.setCurrentRow(0)
    dialog.hits.itemActivated.emit(dialog.hits.item(0))
    qtbot.waitUntil(lambda: "questions and answers" in dialog.line.state.text(), timeout=WAIT_MS)
    assert [dialog.config.itemText(number) for number in range(dialog.config.count())] == ["main", "hard"]
    assert splits(dialog) == ["train", "test"]
    qtbot.waitUntil(lambda: "What is 0 of all?" in shown(dialog), timeout=WAIT_MS)
    assert hub.bytes_sent.keys() == {"main/train.jsonl"}
    dialog.config.setCurrentIndex(1)
    qtbot.waitUntil(lambda: "What is 0 of x?" in shown(dialog), timeout=WAIT_MS)
    assert splits(dialog) == ["train"]
    dialog.name.setText(name)
    qtbot.waitUntil(dialog.add.isEnabled, timeout=WAIT_MS)
    dialog.add.click()
    qtbot.waitUntil(lambda: bench.services.datasets.get(name) is not None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: library.line.state.text() == f"{name}@1: 7 rows.", timeout=WAIT_MS)
    assert library.detail.title.text() == name
    assert bench.services.datasets.find(name).origin.repo == "maker/sums"
    library.detail.use.click()
    dock = window.config_dock
    assert dock.form.values()["dataset"] == name
    qtbot.waitUntil(lambda: dock.panel.dataset.report is not None, timeout=WAIT_MS)
    assert dock.panel.dataset.summary.text() == "✓ 7 rows, all can be used"


def test_what_the_hub_does_not_give_is_one_sentence_and_cannot_be_added(
    hub: DatasetHub, dialog: HubDialog, look: Callable[[str], str], qtbot: QtBot
) -> None:
    assert "questions and answers" in look("maker/sums")
    assert dialog.add.isEnabled()
    assert look("other/closed-sums").startswith(
        "other/closed-sums is given only to those who have accepted its terms. Accept them on https://"
    )
    assert not dialog.add.isEnabled()
    assert look("nobody/nothing").startswith("There is no dataset nobody/nothing on the Hub, or it is private.")
    # What was looked at before must not be added for what was asked for now.
    assert not dialog.add.isEnabled()
    assert splits(dialog) == []
    qtbot.waitUntil(lambda: FIRST_ROWS in shown(dialog), timeout=WAIT_MS)


def test_words_that_are_looked_at_are_searched_for(dialog: HubDialog, look: Callable[[str], str], qtbot: QtBot) -> None:
    look("sums")
    qtbot.waitUntil(lambda: dialog.line.state.text() == "2 datasets found.", timeout=WAIT_MS)
    assert dialog.hits.isVisible()


def test_a_server_that_goes_away_in_the_middle_is_said(
    hub: DatasetHub, dialog: HubDialog, look: Callable[[str], str], qtbot: QtBot
) -> None:
    look("maker/sums")
    hub.close()
    dialog.config.setCurrentIndex(1)
    qtbot.waitUntil(lambda: not dialog.line.is_busy, timeout=WAIT_MS)
    assert "The Hub does not answer" in dialog.line.state.text()
    qtbot.waitUntil(lambda: "could not be read" in shown(dialog), timeout=WAIT_MS)
    # Whoever has a network again goes on from here.
    assert dialog.isVisible()
    assert dialog.add.isEnabled()
    assert "The Hub does not answer" in look("maker/sums")
    assert not dialog.add.isEnabled()


def test_a_fetch_can_be_stopped(
    bench: Bench, hub: DatasetHub, dialog: HubDialog, look: Callable[[str], str], qtbot: QtBot
) -> None:
    look("maker/sums")
    hub.holds.clear()
    dialog.add.click()
    qtbot.waitUntil(lambda: "Fetching train.jsonl" in dialog.line.state.text(), timeout=WAIT_MS)
    dialog.line.action.click()
    qtbot.waitUntil(lambda: dialog.line.state.text() == "Stopped.", timeout=WAIT_MS)
    assert dialog.add.isEnabled()
    assert bench.services.datasets.all() == []


@pytest.mark.parametrize("field", ["repo", "revision"])
def test_what_was_found_is_forgotten_when_another_name_or_revision_is_typed(
    dialog: HubDialog, look: Callable[[str], str], qtbot: QtBot, field: str
) -> None:
    look("maker/sums")
    assert dialog.add.isEnabled()
    edit = getattr(dialog, field)
    qtbot.keyClicks(edit, "2")
    assert not dialog.add.isEnabled()
    assert splits(dialog) == []
    assert "Press Look" in dialog.line.state.text()
    qtbot.keyClick(edit, Qt.Key.Key_Backspace)
    look("maker/sums")
    assert dialog.add.isEnabled()


def test_a_letter_typed_while_a_dataset_is_fetched_stops_nothing(
    bench: Bench, hub: DatasetHub, dialog: HubDialog, look: Callable[[str], str], qtbot: QtBot
) -> None:
    look("maker/sums")
    hub.holds.clear()
    dialog.add.click()
    qtbot.waitUntil(lambda: "Fetching train.jsonl" in dialog.line.state.text(), timeout=WAIT_MS)
    qtbot.keyClicks(dialog.repo, "2")
    assert dialog.line.is_busy
    hub.holds.set()
    qtbot.waitUntil(lambda: len(bench.services.datasets.all()) == 1, timeout=WAIT_MS)
    (made,) = bench.services.datasets.all()
    assert bench.services.datasets.find(made.name).origin.repo == "maker/sums"


def test_rows_that_were_never_seen_are_not_added(
    hub: DatasetHub, dialog: HubDialog, look: Callable[[str], str], qtbot: QtBot
) -> None:
    look("maker/sums")
    hub.holds.clear()
    dialog.config.setCurrentIndex(1)
    assert dialog.line.is_busy
    dialog.search.click()
    hub.holds.set()
    qtbot.waitUntil(lambda: dialog.line.state.text() == "1 dataset found.", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: FIRST_ROWS in shown(dialog), timeout=WAIT_MS)
    assert not dialog.add.isEnabled()
    assert splits(dialog) == []


def test_columns_that_nobody_knows_are_said_before_they_are_fetched(
    bench: Bench, dialog: HubDialog, look: Callable[[str], str], qtbot: QtBot
) -> None:
    assert "say above which is which" in look("maker/odd")
    qtbot.waitUntil(lambda: "Frage" in shown(dialog), timeout=WAIT_MS)
    assert not dialog.add.isEnabled()
    columns = dialog.columns
    columns.shape.setCurrentIndex(columns.shape.findData("question_answer"))
    columns.columns["question"].setCurrentIndex(columns.columns["question"].findData("Frage"))
    assert "“answer”" in columns.missing.text()
    columns.columns["answer"].setCurrentIndex(columns.columns["answer"].findData("Antwort"))
    qtbot.waitUntil(lambda: "assistant\nTief genug." in shown(dialog), timeout=WAIT_MS)
    dialog.add.click()
    qtbot.waitUntil(lambda: bench.services.datasets.get("odd") is not None, timeout=WAIT_MS)
    made = bench.services.datasets.find("odd")
    assert (made.rows, made.mapping) == (8, {"question": "Frage", "answer": "Antwort"})
