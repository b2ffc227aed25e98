"""A dataset as a person meets it: dropped, understood, mended or mapped, looked at token by token, and started."""

from __future__ import annotations

import json
from array import array
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, QMimeData, QPoint, QPointF, QRect, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QLabel, QScrollArea
from pytestqt.qtbot import QtBot

from desktop.controllers.seeing import Lengths, PreviewPart, Token
from desktop.ui.datasets.columns import ColumnsPage
from desktop.ui.datasets.drop import plan_drop
from desktop.ui.datasets.lengths import cut_words, fitting_length
from desktop.ui.datasets.panel import DatasetPanel
from desktop.ui.datasets.problem_model import Column
from desktop.ui.datasets.seen import NO_MODEL
from desktop.ui.datasets.shapes import guess_mapping, guess_shape, missing
from desktop.ui.datasets.tokens import TokenView, token_words
from desktop.ui.setup.config_dock import ConfigDock
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench

GOOD = '{"question": "How deep is the sea?", "answer": "Deep enough."}'
BAD = {4: '{"question": "Why?", "answer": ""}', 7: GOOD[:-1] + ",}", 9: '{"question": "Why?"}'}


def files_dropped(*paths: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def drop(window: MainWindow, *paths: Path) -> None:
    """Drop files as a file manager does."""
    keys, buttons = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    data = files_dropped(*paths)
    window.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, buttons, keys))


def texts(panel: DatasetPanel) -> list[str]:
    """Return what the card says of bad rows, line by line."""
    grid = panel.grid
    found = [grid.itemAtPosition(number, place) for number in range(grid.rowCount()) for place in (0, 1)]
    widgets = [item.widget() for item in found if item is not None]
    return [widget.text() for widget in widgets if isinstance(widget, QLabel)]


@pytest.fixture
def bad_file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f"{BAD.get(number, GOOD)}\n" for number in range(1, 13)))
    return path


@pytest.fixture
def dock(window: MainWindow, bench: Bench) -> ConfigDock:
    window.config_dock.form.fields["model"].set_value(str(bench.model))
    return window.config_dock


@pytest.fixture
def read(window: MainWindow, dock: ConfigDock, bad_file: Path, qtbot: QtBot) -> MainWindow:
    """A window into which the file with three bad rows was dropped."""
    drop(window, bad_file)
    qtbot.waitUntil(lambda: dock.panel.dataset.report is not None)
    return window


def test_three_bad_rows_are_named_chosen_about_and_started(read: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    dock, panel = read.config_dock, read.config_dock.panel.dataset
    assert panel.summary.text() == "▲ 3 of 12 rows cannot be used"
    said = texts(panel)
    assert said[::2] == ["Line 4", "Line 7", "Line 9"]
    assert said[1] == "answer is empty. Fill it in or take the row out."
    assert panel.choice.leave_out.text() == "Leave these 3 out, train on 9 rows"
    assert panel.choice.stop.isChecked()
    read.actions_by_name["start"].trigger()
    assert bench.services.runs.all() == []
    assert panel.choice.asked.isVisible()
    panel.choice.leave_out.click()
    dock.form.check_now()
    assert not panel.choice.asked.isVisible()
    assert panel.summary.text() == "✓ 9 rows can be used, 3 left out"
    read.actions_by_name["start"].trigger()
    qtbot.waitUntil(lambda: len(bench.services.runs.all()) == 1)
    assert bench.services.runs.all()[0].config.bad_rows == "leave_out"


def test_a_file_that_is_mended_is_read_anew_and_no_longer_in_the_way(
    read: MainWindow, bench: Bench, bad_file: Path, qtbot: QtBot
) -> None:
    dock, panel = read.config_dock, read.config_dock.panel.dataset
    read.actions_by_name["start"].trigger()
    assert [problem.knob for problem in dock.form.problems] == ["bad_rows"]
    bad_file.write_text(f"{GOOD}\n" * 11)
    bench.services.data.scanning.look_at(bad_file, bench.services.data.scanning.options)
    qtbot.waitUntil(lambda: panel.report is not None and panel.report.rows == 11)
    assert panel.summary.text() == "✓ 11 rows, all can be used"
    assert "has changed" in panel.detail.text()
    qtbot.waitUntil(lambda: dock.form.problems == [])


def test_problems_are_sorted_narrowed_copied_and_shown_in_the_file(read: MainWindow, qtbot: QtBot) -> None:
    read.data.data.open_page("problems")
    page = read.data.data.problems
    table, model = page.table, page.model
    assert [model.index(row, Column.LINE).data() for row in range(3)] == ["4", "7", "9"]
    qtbot.waitUntil(lambda: '▶ 4  {"question": "Why?", "answer": ""}' in page.source.toPlainText())
    marked = [one.cursor.selectedText() for one in page.source.extraSelections()]
    assert '""' in marked
    table.sortByColumn(Column.LINE, Qt.SortOrder.DescendingOrder)
    assert model.problem(0).line == 9
    page.kinds.setCurrentIndex(page.kinds.findData("broken_json"))
    assert [model.problem(row).line for row in range(model.rowCount())] == [7]
    page.kinds.setCurrentIndex(0)
    table.clearSelection()
    page.copy.click()
    assert QGuiApplication.clipboard().text().count("Line ") == 3
    model.sort(Column.LINE)
    table.selectRow(2)
    flags = QItemSelectionModel.SelectionFlag
    table.selectionModel().select(model.index(0, 0), flags.Select | flags.Rows)
    page.copy.click()
    assert [line.partition(":")[0] for line in QGuiApplication.clipboard().text().splitlines()] == ["Line 4", "Line 9"]
    page.pick_line(7)
    qtbot.waitUntil(lambda: "▶ 7" in page.source.toPlainText())


def test_columns_that_nobody_knows_are_mapped_with_rows_beside(
    window: MainWindow, dock: ConfigDock, tmp_path: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "meer.csv"
    path.write_text("Frage;Antwort\n" + "Wie tief?;Tief genug.\n" * 8)
    panel = dock.panel.dataset
    drop(window, path)
    qtbot.waitUntil(lambda: panel.report is not None)
    assert panel.summary.text() == "▲ Which column is which?"
    panel.act.click()
    page: ColumnsPage = window.data.data.columns
    qtbot.waitUntil(lambda: "prompt" in page.columns and page.columns["prompt"].findData("Frage") > 0)
    assert not page.use.isEnabled()
    assert "“prompt”" in page.missing.text()
    page.shape.setCurrentIndex(page.shape.findData("question_answer"))
    page.columns["question"].setCurrentIndex(page.columns["question"].findData("Frage"))
    assert "“answer”" in page.missing.text()
    assert "“question”" not in page.missing.text()
    page.columns["answer"].setCurrentIndex(page.columns["answer"].findData("Antwort"))
    assert page.result.text() == "✓ These rows can be used."
    page.use.click()
    qtbot.waitUntil(lambda: panel.report is not None and panel.report.rows == 8)
    assert dock.form.values()["columns"] == ("question=Frage", "answer=Antwort")
    # What was found can be picked again, without reading the file anew before one says so.
    qtbot.waitUntil(page.as_found.isEnabled)
    page.as_found.click()
    assert page.chosen_shape() == guess_shape(("Frage", "Antwort")) == "prompt_completion"
    assert page.mapping() == {}
    assert not page.as_found.isEnabled()
    assert dock.form.values()["columns"] == ("question=Frage", "answer=Antwort")
    # What was said of one file does not hold for another, and is there again when one comes back.
    dock.form.fields["dataset"].set_value("/another.jsonl")
    assert dock.form.values()["columns"] == ()
    dock.form.fields["dataset"].set_value(str(path))
    assert dock.form.values()["columns"] == ("question=Frage", "answer=Antwort")


def test_a_ranking_is_read_as_it_is_said_to_be(
    window: MainWindow, dock: ConfigDock, tmp_path: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "ranked.jsonl"
    row = {"prompt": "Two and two?", "responses": ["4", "5", "6"], "ranking": [2, 3, 1]}
    path.write_text(f"{json.dumps(row)}\n" * 5)
    drop(window, path)
    panel = dock.panel.dataset
    qtbot.waitUntil(lambda: panel.report is not None)
    assert panel.report is not None
    assert panel.report.meaning == "ranks"
    window.data.data.open_page("columns")
    page = window.data.data.columns
    page.shape.setCurrentIndex(page.shape.findData("ranking"))
    qtbot.waitUntil(lambda: "ranking" in page.columns)
    qtbot.waitUntil(lambda: page.columns["ranking"].currentData() == "ranking")
    page.ranking.setCurrentIndex(page.ranking.findData("order"))
    page.use.click()
    qtbot.waitUntil(lambda: panel.report is not None and panel.report.meaning == "order_from_1")


def test_guesses_of_columns_and_what_is_missing() -> None:
    assert guess_shape(["Question_text", "chosen", "rejected"]) == "preference"
    assert guess_mapping("prompt_completion", ["id", "Question", "Reply"]) == {
        "prompt": "Question",
        "completion": "Reply",
    }
    assert [wanted.name for wanted in missing("labelled", {"prompt": "a"})] == ["completion", "label"]


def test_the_card_about_a_dropped_file_stays_in_view_until_somebody_scrolls(
    window: MainWindow, dock: ConfigDock, bad_file: Path, qtbot: QtBot
) -> None:
    panel, above = dock.panel.dataset, dock.panel.memory
    scroll = next(area for area in dock.panel.findChildren(QScrollArea) if area.isAncestorOf(panel))

    def is_seen() -> bool:
        return not panel.summary.visibleRegion().isEmpty()

    drop(window, bad_file)
    above.setMinimumHeight(2000)
    qtbot.waitUntil(lambda: panel.report is not None and above.height() == 2000 and is_seen(), timeout=60_000)
    scroll.verticalScrollBar().triggerAction(QAbstractSlider.SliderAction.SliderToMinimum)
    above.setMinimumHeight(3000)
    qtbot.waitUntil(lambda: above.height() == 3000, timeout=60_000)
    QTest.qWait(50)
    assert not is_seen()


def test_what_is_still_read_says_so(window: MainWindow, dock: ConfigDock, bad_file: Path, qtbot: QtBot) -> None:
    data = window.data.data
    data.open_page("seen")
    data._show_pages()
    said = data.seen.tokens.toPlainText
    assert said() == "Rows appear here once a file was read."
    drop(window, bad_file)
    data._show_pages()
    assert dock.panel.dataset.report is None
    assert said() == "Reading the file…"
    data.hide()
    qtbot.waitUntil(lambda: dock.panel.dataset.report is not None)
    data._show_pages()
    assert said() == "Reading the row…"
    data.show()
    qtbot.waitUntil(lambda: "QUESTION" in data.seen.raw.toPlainText())


def test_the_words_about_lengths_stand_at_the_top(read: MainWindow, qtbot: QtBot) -> None:
    read.config_dock.form.fields["model"].set_value("")
    read.data.data.open_page("findings")
    lengths = read.data.data.findings.lengths
    qtbot.waitUntil(lambda: lengths.sentence.text() == NO_MODEL)
    qtbot.waitUntil(lambda: lengths.sentence.geometry().bottom() < lengths.height() / 2)
    assert not lengths.plot.isVisible()


def test_a_row_without_a_model_or_with_a_broken_one_says_so(read: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    seen = read.data.data.seen
    read.data.data.open_page("seen")
    qtbot.waitUntil(lambda: "QUESTION" in seen.raw.toPlainText())
    qtbot.waitUntil(lambda: "tokenizer" in seen.tokens.toPlainText())
    read.config_dock.form.fields["model"].set_value("")
    qtbot.waitUntil(lambda: seen.tokens.toPlainText() == NO_MODEL)
    seen.next.click()
    assert seen.number.value() == 2
    seen.search.setText("why")
    seen.find_next.click()
    qtbot.waitUntil(lambda: seen.number.value() == 4)
    seen.search.setText("nobody wrote this")
    seen.find_next.click()
    qtbot.waitUntil(lambda: seen.told.text() == "No row holds that.")


def test_tokens_say_what_they_are_and_where_the_cut_is(window: MainWindow, qtbot: QtBot) -> None:
    given = [Token(number, f"word{number} ", False, False) for number in range(500)]
    learned = [Token(7, "yes", True, False, label=True), Token(8, "\n", True, True)]
    view = TokenView(window.theme)
    qtbot.addWidget(view)
    view.show_parts((PreviewPart("prompt", tuple(given)), PreviewPart("chosen", tuple(learned))))
    qtbot.waitUntil(view.is_filled)
    text = view.toPlainText()
    assert "✂ cut here, after 1 token" in text
    assert "yes ✓" in text
    assert "↵" in text
    found = view.token_at(text.index("word499"))
    assert found is not None
    assert found.id == 499
    assert token_words(learned[0]).endswith("learned, end of a right step")
    assert view.token_at(text.index("The better answer")) is None


def test_lengths_say_what_the_longest_row_costs() -> None:
    counted = array("L", [100] * 90 + [1500] * 10)
    lengths = Lengths(counted, counted, array("L", [50] * 100), 100, 1024, "conversation")
    assert "10% of the rows lose their end" in cut_words(lengths, 1024)
    assert "no row is cut" in cut_words(lengths, 2048)
    assert fitting_length(lengths) == 2048


def test_what_a_drop_would_do_is_said_before(window: MainWindow, bench: Bench, tmp_path: Path) -> None:
    keys, buttons = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    data = files_dropped(bench.dataset)
    event = QDragEnterEvent(QPoint(400, 300), Qt.DropAction.CopyAction, data, buttons, keys)
    window.dragEnterEvent(event)
    assert event.isAccepted()
    assert window.data.overlay.isVisible()
    assert window.data.overlay.sentence.text() == f"Use {bench.dataset.name} as the data"
    # No button or menu has the overlay's edge running through it.
    inside = window.data.overlay.geometry().adjusted(2, 2, -2, -2)
    cut = [
        one
        for one in window.findChildren(QAbstractButton)
        if one.isVisible()
        and (place := QRect(one.mapTo(window, QPoint()), one.size())).intersects(inside)
        and not inside.contains(place)
    ]
    assert cut == []
    drop(window, bench.dataset)
    assert not window.data.overlay.isVisible()
    assert plan_drop([bench.model]).model == bench.model
    both = plan_drop([bench.model, bench.dataset])
    assert (both.model, both.data) == (bench.model, (bench.dataset,))
    (tmp_path / "empty").mkdir()
    weights = tmp_path / "model.safetensors"
    weights.touch()
    assert not plan_drop([tmp_path / "empty"]).does_something
    assert "folder" in plan_drop([weights]).sentence


def test_several_files_are_merged_or_one_is_chosen(
    window: MainWindow, dock: ConfigDock, bench: Bench, bad_file: Path, qtbot: QtBot
) -> None:
    dialog = window.data.choose_among([bench.dataset, bad_file])
    dialog.name.setText("both")
    dialog.go.click()
    qtbot.waitUntil(lambda: dock.form.values()["dataset"] == "both")
    assert bench.services.datasets.find("both").rows == 129
    other = window.data.choose_among([bench.dataset, bad_file])
    other.one.click()
    other.file.setCurrentIndex(1)
    other.go.click()
    assert dock.form.values()["dataset"] == str(bad_file)


def test_a_dataset_of_the_library_is_named_made_anew_deleted_and_run(
    window: MainWindow, dock: ConfigDock, bench: Bench, qtbot: QtBot
) -> None:
    datasets, library = bench.services.datasets, window.data.library
    datasets.add_file("sea", bench.dataset)
    qtbot.waitUntil(lambda: datasets.get("sea") is not None)
    window.actions_by_name["datasets"].trigger()
    assert library.isVisible()
    assert library.detail.title.text() == "sea"
    library.detail.notes.setPlainText("About water.")
    library.detail.use.click()
    assert dock.form.values()["dataset"] == "sea"
    known = datasets.get("sea")
    assert known is not None
    assert known.notes == "About water."
    qtbot.waitUntil(lambda: dock.panel.dataset.report is not None)
    assert "sea@1" in dock.panel.dataset.name.text()
    window.actions_by_name["start"].trigger()
    qtbot.waitUntil(lambda: len(bench.services.runs.all()) == 1)
    assert bench.services.runs.all()[0].config.dataset == str(bench.dataset)


def test_deleting_can_be_undone_until_it_is_done(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    datasets, library = bench.services.datasets, window.data.library
    datasets.add_file("sea", bench.dataset)
    qtbot.waitUntil(lambda: datasets.get("sea") is not None)
    library.open_at("sea")
    library.detail.delete.click()
    assert library.shelf.list.count() == 0
    assert datasets.get("sea") is not None
    library.line.action.click()
    assert library.shelf.list.count() == 1
    library.detail.delete.click()
    library.close()
    assert datasets.get("sea") is None
    assert bench.dataset.exists()


def test_a_changed_file_is_said_and_taken_in(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    datasets, library = bench.services.datasets, window.data.library
    datasets.add_file("sea", bench.dataset)
    qtbot.waitUntil(lambda: datasets.get("sea") is not None)
    bench.dataset.write_text(f"{GOOD}\n" * 5)
    library.open_at("sea")
    qtbot.waitUntil(library.detail.change.isVisible)
    library.detail.renew.click()
    qtbot.waitUntil(lambda: datasets.find("sea").number == 2)
    qtbot.waitUntil(lambda: not library.detail.change.isVisible())
    assert datasets.find("sea").rows == 5


def test_offline_the_hub_is_closed_and_says_why(window: MainWindow, bench: Bench) -> None:
    library = window.data.library
    library.open_at()
    assert library.hub.isEnabled()
    bench.services.choices.set_offline(True)
    assert not library.hub.isEnabled()
    assert "offline" in library.hub.toolTip()
