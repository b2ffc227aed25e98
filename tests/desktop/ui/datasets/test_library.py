"""The window of the library: files are added there, and what is typed beside one dataset stays with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QDialog, QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from desktop.core.dataset_making.plans import Split
from desktop.ui.datasets.forms import AddForm, DedupeForm, Form, NameForm, SampleForm, SplitForm
from desktop.ui.window.main_window import MainWindow
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


def test_a_file_is_added_from_the_library_and_its_bad_rows_are_asked_about(
    window: MainWindow, bench: Bench, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sea.jsonl"
    good = '{"question": "How deep?", "answer": "Deep."}\n'
    file.write_text(good * 5 + "{broken\n", "utf-8")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    seen: list[tuple[bool, str]] = []

    def leave_out(form: AddForm) -> int:
        assert form.choice is not None
        seen.append((form.ok.isEnabled(), form.choice.leave_out.text()))
        form.choice.leave_out.click()
        seen.append((form.ok.isEnabled(), form.value()))
        return int(QDialog.DialogCode.Accepted)

    monkeypatch.setattr(AddForm, "exec", leave_out)
    datasets, library = bench.services.datasets, window.data.library
    library.open_at()
    assert library.add_file.isEnabled()
    library.add_file.click()
    qtbot.waitUntil(lambda: datasets.get("sea") is not None, timeout=WAIT_MS)
    assert seen == [(False, "Leave it out, train on 5 rows"), (True, "sea")]
    version = datasets.find("sea")
    assert (version.rows, version.rows_left_out, version.path) == (5, 1, file)
    qtbot.waitUntil(lambda: library.line.state.text() == "sea@1: 5 rows, 1 row left out.", timeout=WAIT_MS)
    assert library.add.isHidden()
    # A file that was read before needs no other reading; who stops here adds nothing.
    monkeypatch.setattr(AddForm, "exec", lambda form: seen.append((form.ok.isEnabled(), form.value())) or 0)
    for _ in range(2):
        library.add_file.click()
        before = len(seen)
        qtbot.waitUntil(lambda before=before: len(seen) > before, timeout=WAIT_MS)
    assert [dataset.name for dataset in datasets.all()] == ["sea"]


def test_a_file_without_rows_is_not_added_and_says_so(
    window: MainWindow, bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    file = tmp_path / "none.jsonl"
    file.write_text("", "utf-8")
    library = window.data.library
    library.open_at()
    library.add_path(file)
    qtbot.waitUntil(lambda: "empty" in library.line.state.text(), timeout=WAIT_MS)
    assert bench.services.datasets.all() == []


def test_a_split_says_how_many_copies_it_kept_together(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    datasets, library = bench.services.datasets, window.data.library
    rows = [f'{{"question": "How deep is {n}?", "answer": "Deep."}}\n' for n in range(10)]
    bench.dataset.write_text("".join([*rows, rows[3]]), "utf-8")
    datasets.add_file("sea", bench.dataset)
    qtbot.waitUntil(lambda: datasets.get("sea") is not None, timeout=WAIT_MS)
    library.open_at("sea")
    library._begin(lambda: datasets.make("sea", Split(share=0.3)), library._has_made)
    qtbot.waitUntil(lambda: library.line.state.text().startswith("Made"), timeout=WAIT_MS)
    assert library.line.state.text().endswith("1 exact copy is on the same side as the first.")


def test_every_form_has_cancel_before_what_it_does(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    datasets, library = bench.services.datasets, window.data.library
    datasets.add_file("sea", bench.dataset)
    qtbot.waitUntil(lambda: datasets.get("sea") is not None, timeout=WAIT_MS)
    version = datasets.find("sea")
    forms: list[Form] = [kind(version, library) for kind in (SplitForm, SampleForm, DedupeForm)]
    forms.append(NameForm("Rename", "Rename", "lake", datasets.check_name, "", library))
    for form in forms:
        form.show()
        ordered = sorted(form.findChildren(QPushButton), key=lambda one: one.x())
        assert [one.text() for one in ordered] == ["Cancel", form.ok.text()]
        assert form.focusWidget() not in (None, form.cancel, form.ok)
        # Enter does what the form is for, wherever one has been before.
        form.cancel.setFocus()
        form.cancel.clearFocus()
        assert form.ok.isDefault()
        assert not form.cancel.isDefault()
        form.close()


def test_what_the_rows_are_is_not_cut_beside_free_room(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    bench.dataset.write_text(
        '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]}'
    )
    datasets, library = bench.services.datasets, window.data.library
    datasets.add_file("sea", bench.dataset)
    qtbot.waitUntil(lambda: datasets.get("sea") is not None, timeout=WAIT_MS)
    library.open_at("sea")
    table = library.detail.versions
    item = table.item(0, 2)
    assert item is not None
    assert table.columnWidth(2) > table.fontMetrics().horizontalAdvance(item.text())
    # The same words in the page about the columns.
    window.config_dock.form.fields["dataset"].set_value("sea")
    qtbot.waitUntil(lambda: window.config_dock.panel.dataset.report is not None, timeout=WAIT_MS)
    window.data.data.open_page("columns")
    shape = window.data.data.columns.shape
    qtbot.waitUntil(lambda: shape.currentText() == "as found: conversations (messages)", timeout=WAIT_MS)
    wanted = shape.fontMetrics().horizontalAdvance(shape.currentText()) + 40
    qtbot.waitUntil(lambda: shape.width() > wanted, timeout=WAIT_MS)


def test_a_changed_file_is_said_where_it_is_chosen(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    datasets, panel = bench.services.datasets, window.config_dock.panel.dataset
    datasets.add_file("sea", bench.dataset)
    qtbot.waitUntil(lambda: datasets.get("sea") is not None, timeout=WAIT_MS)
    window.config_dock.set_dataset("sea")
    qtbot.waitUntil(lambda: panel.report is not None and panel.name.text().startswith("sea@1"), timeout=WAIT_MS)
    assert "changed" not in panel.name.text()
    with bench.dataset.open("a", encoding="utf-8") as file:
        file.write('{"question": "How wide is it?", "answer": "Wide."}\n')
    window.config_dock.data.examine()
    qtbot.waitUntil(
        lambda: panel.name.text().endswith("Its file has changed since: a start makes it a new version."),
        timeout=WAIT_MS,
    )
    window.config_dock.set_dataset("sea@1")
    qtbot.waitUntil(lambda: panel.name.text().endswith("choose sea for what it holds now."), timeout=WAIT_MS)


def test_files_are_looked_for_among_the_users_own(
    window: MainWindow, bench: Bench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets, library = bench.services.datasets, window.data.library
    rows = [f'{{"question": "How deep is {n}?", "answer": "Deep."}}\n' for n in range(10)]
    bench.dataset.write_text("".join(rows), "utf-8")
    datasets.add_file("sea", bench.dataset)
    qtbot.waitUntil(lambda: datasets.get("sea") is not None, timeout=WAIT_MS)
    datasets.make("sea", Split(share=0.3))
    qtbot.waitUntil(lambda: datasets.get("sea held back") is not None, timeout=WAIT_MS)
    folders: list[str] = []
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *asked: folders.append(asked[2]) or ("", ""))
    for name in ("sea", "sea@1", "sea held back", str(bench.dataset)):
        window.config_dock.set_dataset(name)
        library.add_file.click()
    own = str(bench.dataset.parent)
    assert folders == [own, own, str(Path.home()), own]


def test_the_library_opens_at_the_dataset_of_the_form(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    datasets, library = bench.services.datasets, window.data.library
    for name in ("lake", "sea"):
        datasets.add_file(name, bench.dataset)
        qtbot.waitUntil(lambda name=name: datasets.get(name) is not None, timeout=WAIT_MS)
    for text, picked in (("sea", "sea"), ("lake@1", "lake"), (str(bench.dataset), "lake")):
        window.config_dock.set_dataset(text)
        library.open_at()
        assert library.dataset is not None
        assert library.dataset.name == picked
