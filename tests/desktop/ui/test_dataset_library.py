"""The window of the library: what is typed beside one dataset stays with it, whatever happens to the list."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from desktop.ui.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench

WAIT_MS = 60_000


def test_notes_stay_with_their_dataset(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    datasets, library = bench.services.datasets, window.data.library
    for name in ("lake", "sea"):
        datasets.add_file(name, bench.dataset)
        qtbot.waitUntil(lambda name=name: datasets.get(name) is not None, timeout=WAIT_MS)
    library.open_at("lake")
    shelf, detail = library.shelf, library.detail
    detail.notes.setPlainText("Sweet water.")
    shelf.list.setCurrentRow(1)
    assert detail.title.text() == "sea"
    assert detail.notes.toPlainText() == ""
    detail.notes.setPlainText("Salt water.")
    datasets.rename("lake", "pond")
    assert detail.title.text() == "sea"
    assert detail.notes.toPlainText() == "Salt water."
    shelf.search.setText("sweet")
    assert [shelf.list.item(number).text() for number in range(shelf.list.count())] == ["pond\n120 rows"]
    assert detail.notes.toPlainText() == "Sweet water."
    assert {one.name: one.notes for one in datasets.all()} == {"pond": "Sweet water.", "sea": "Salt water."}
    shelf.search.setText("nothing is called so")
    assert detail.isHidden()
    assert library.empty.isVisible()
