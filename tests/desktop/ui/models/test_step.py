"""The first step as a newcomer clicks through it: lists, the Hub, what is said of a model, downloads, the cache."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from desktop.controllers.models import Download
from desktop.core.models import model_list
from desktop.ui.models.cache import DownloadLine, download_words
from desktop.ui.models.step import ModelStep
from desktop.ui.models.table import TableRow, TableRows
from desktop.ui.window.main_window import MainWindow
from tests.desktop.engine.test_model_check import SHAPE, write_model
from tests.desktop.ui.setup.test_presets import CARDS
from tests.desktop.ui.window_fakes import Bench, make_bench
from tests.hub import FakeHub, FakeModel

WAIT_MS = 60_000
WEIGHTS = b"0123456789abcdef" * 300_000


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FakeHub]:
    server = FakeHub()
    files = write_model(tmp_path / "source") | {"model.safetensors": WEIGHTS}
    server.add(FakeModel("maker/chat", files, config=SHAPE, parameters=5_000_000, downloads=30))
    server.add(FakeModel("maker/closed", files, config=SHAPE, gated=True, downloads=20))
    server.add(FakeModel("maker/chat-GGUF", {"x.gguf": b"GGUF"}, tags=("gguf",), downloads=10))
    yield server
    server.close()


@pytest.fixture
def bench(tmp_path: Path, qtbot: QtBot, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("HOME", str(tmp_path))
    made = make_bench(tmp_path, CARDS, hub=hub.address)
    made.services.runs.load()
    made.services.hardware.samples = list(CARDS)
    yield made
    made.close()


@pytest.fixture
def step(window: MainWindow) -> ModelStep:
    step = window.config_dock.steps.model
    step.tabs[0].click()
    return step


def said(step: ModelStep) -> str:
    lines = [step._remarks.itemAt(number).widget() for number in range(step._remarks.count())]
    return " ".join(found.text() for line in lines if line for found in line.findChildren(QLabel))


def buttons(step: ModelStep) -> list[QPushButton]:
    lines = [step._remarks.itemAt(number).widget() for number in range(step._remarks.count())]
    return [found for line in lines if line for found in line.findChildren(QPushButton)]


def press(step: ModelStep, text: str, qtbot: QtBot) -> None:
    (wanted,) = [found for found in buttons(step) if found.text() == text]
    qtbot.mouseClick(wanted, Qt.MouseButton.LeftButton)


def test_a_newcomer_picks_from_the_list_and_reads_what_it_is(step: ModelStep, window: MainWindow, qtbot: QtBot) -> None:
    page = step.starting_points
    assert page.isVisible()
    assert len(page.table.rows.rows) == len(model_list().models)
    fits = {row.words[0]: row.words[2] for row in page.table.rows.rows}
    assert fits["Llama 3.1 8B Instruct"] == "✓ 4-bit"
    assert fits["Qwen3 14B"] == "✓ 4-bit, split"
    assert fits["SmolLM2 135M Instruct"] == "✓ 16-bit"
    assert fits["gpt-oss 20B"] == "✓ 4-bit, split"
    qtbot.keyClicks(page.finder, "llama 8b")
    shown = [row.words[0] for row in page.table.rows.rows]
    assert shown == ["Llama 3.1 8B Instruct", "Llama 3.1 8B  (base)", "DeepSeek R1 Distill Llama 8B"]
    assert not page.use.isEnabled()
    page.table.selectRow(0)
    assert "wants to be asked first" in page.about.text()
    assert page.four_bit.isVisible()
    qtbot.mouseClick(page.open_copy, Qt.MouseButton.LeftButton)
    form = window.config_dock.form
    assert form.values()["model"] == "unsloth/Llama-3.1-8B-Instruct"
    assert not step.opened.isVisible()
    assert step.title.whole_text().startswith("Llama 3.1 8B Instruct · ")
    assert "8B parameters · Llama 3.1 Community · texts up to 131,072 tokens" in step.facts.text()
    qtbot.mouseClick(step.change, Qt.MouseButton.LeftButton)
    assert step.opened.isVisible()
    assert form.fields["model"].editor.hasFocus()
    qtbot.mouseClick(step.done, Qt.MouseButton.LeftButton)
    assert not step.opened.isVisible()


def test_a_folder_is_looked_over(step: ModelStep, window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    write_model(bench.model, max_position_embeddings=4096)
    step.pick(str(bench.model))
    qtbot.waitUntil(lambda: "has a chat template" in said(step), timeout=WAIT_MS)
    assert "texts up to 4,096 tokens" in step.facts.text()
    (bench.model / "model.safetensors").unlink()
    step.look_again()
    qtbot.waitUntil(lambda: "no weights" in said(step), timeout=WAIT_MS)


def test_offline_a_download_stops_and_does_not_go_on(bench: Bench, hub: FakeHub, qtbot: QtBot) -> None:
    models, line = bench.services.models, DownloadLine(bench.services.models)
    qtbot.addWidget(line)
    hub.trickle = threading.Event()
    models.download("maker/chat")
    line.show_download("maker/chat")
    line.show()
    qtbot.waitUntil(lambda: models.downloads.all()[0].done_bytes > 0, timeout=WAIT_MS)
    bench.services.choices.set_offline(True)
    qtbot.waitUntil(lambda: "It goes on from there" in line.says.text(), timeout=WAIT_MS)
    hub.trickle.set()
    qtbot.mouseClick(line.resume, Qt.MouseButton.LeftButton)
    assert "Tunedeck is offline" in line.says.text()
    assert not models.downloads.all()[0].is_live


def test_a_model_of_the_hub_is_found_downloaded_and_freed(
    step: ModelStep, window: MainWindow, bench: Bench, hub: FakeHub, qtbot: QtBot
) -> None:
    step.tabs[1].click()
    qtbot.keyClicks(step.hub.finder, "maker")
    qtbot.waitUntil(lambda: len(step.hub.table.rows.rows) == 3, timeout=WAIT_MS)
    words = {row.words[0]: row.words for row in step.hub.table.rows.rows}
    assert words["maker/chat"] == ("maker/chat", "5M", "apache-2.0", "30", "open")
    assert words["maker/closed"][4] == "ask first"
    step.hub.table.selectRow(2)
    assert not step.hub.use.isEnabled()
    assert "GGUF files are made for running" in step.hub.about.text()
    step.hub.table.selectRow(0)
    qtbot.mouseClick(step.hub.use, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "to download before the run can begin" in said(step), timeout=WAIT_MS)
    hub.trickle = threading.Event()
    press(step, "Download", qtbot)
    qtbot.waitUntil(lambda: "2 MB of 5 MB" in step.download.says.text(), timeout=WAIT_MS)
    assert step.download.bar.isVisible()
    qtbot.mouseClick(step.download.stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "It goes on from there" in step.download.says.text(), timeout=WAIT_MS)
    hub.trickle.set()
    hub.trickle = None
    qtbot.mouseClick(step.download.resume, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "It is on this machine." in said(step), timeout=WAIT_MS)
    assert not step.download.isVisible()
    qtbot.mouseClick(step.change, Qt.MouseButton.LeftButton)
    step.tabs[3].click()
    qtbot.waitUntil(lambda: len(step.cache.table.rows.rows) == 1, timeout=WAIT_MS)
    assert step.cache.table.rows.rows[0].words[:3] == ("maker/chat", "5 MB", "whole")
    step.cache.table.selectRow(0)
    assert step.cache.free.text() == "Free 5 MB"
    qtbot.mouseClick(step.cache.free, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Nothing has been downloaded yet" in step.cache.total.text(), timeout=WAIT_MS)
    assert "maker/chat is deleted" in step.cache.total.text()


def test_a_gated_model_asks_for_a_token(step: ModelStep, window: MainWindow, qtbot: QtBot) -> None:
    asked = []
    step.token_requested.connect(lambda: asked.append(True))
    step.token_requested.disconnect(window.actions_by_name["settings"].trigger)
    step.pick("maker/closed")
    qtbot.waitUntil(lambda: "wants to be asked" in said(step), timeout=WAIT_MS)
    assert "https://huggingface.co/maker/closed" in said(step)
    press(step, "Give a token…", qtbot)
    assert asked


def test_offline_is_said_and_nothing_is_asked(
    step: ModelStep, window: MainWindow, bench: Bench, hub: FakeHub, qtbot: QtBot
) -> None:
    bench.services.choices.set_offline(True)
    step.tabs[1].click()
    assert not step.hub.finder.isEnabled()
    assert "Tunedeck is offline" in step.hub.state.text()
    step.pick("maker/chat")
    qtbot.waitUntil(lambda: "Tunedeck is offline: it cannot be fetched" in said(step), timeout=WAIT_MS)
    assert hub.asked == []
    press(step, "Go online", qtbot)
    qtbot.waitUntil(lambda: "to download before" in said(step), timeout=WAIT_MS)


def test_what_is_on_this_machine_is_listed(step: ModelStep, bench: Bench, qtbot: QtBot) -> None:
    write_model(bench.home.models / "mine")
    step.tabs[2].click()
    qtbot.waitUntil(lambda: len(step.local.table.rows.rows) == 1, timeout=WAIT_MS)
    step.local.table.selectRow(0)
    qtbot.mouseClick(step.local.use, Qt.MouseButton.LeftButton)
    assert step.model == str(bench.home.models / "mine")


def test_a_gguf_file_offers_to_become_a_folder(step: ModelStep, bench: Bench, tmp_path: Path, qtbot: QtBot) -> None:
    gguf = tmp_path / "small.gguf"
    gguf.write_bytes(b"GGUF")
    step.pick(str(gguf))
    qtbot.waitUntil(lambda: "small.gguf is a GGUF file" in said(step), timeout=WAIT_MS)
    with qtbot.waitSignal(step.gguf_chosen):
        press(step, "Turn it into a folder", qtbot)


def test_a_base_model_names_its_instruct_variant(step: ModelStep, hub: FakeHub, tmp_path: Path, qtbot: QtBot) -> None:
    files = write_model(tmp_path / "base", template=False)
    hub.add(FakeModel("meta-llama/Llama-3.1-8B", files, config=SHAPE))
    hub.add(FakeModel("unsloth/Meta-Llama-3.1-8B-bnb-4bit", files, config=SHAPE))
    step.pick("meta-llama/Llama-3.1-8B")
    qtbot.waitUntil(lambda: "no chat template" in said(step), timeout=WAIT_MS)
    press(step, "Take Llama 3.1 8B Instruct", qtbot)
    assert step.model == "meta-llama/Llama-3.1-8B-Instruct"


def test_a_base_model_is_offered_a_template_by_name(
    step: ModelStep, window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    form = window.config_dock.form
    write_model(tmp_path / "base", template=False)
    write_model(tmp_path / "chat")
    step.pick(str(tmp_path / "base"))
    qtbot.waitUntil(lambda: "No chat template is chosen" in said(step), timeout=WAIT_MS)
    (offer,) = [one for one in buttons(step) if one.text() == "Choose a template"]
    actions = {action.text(): action for action in offer.menu().actions()}
    actions["ChatML, as Qwen and SmolLM"].trigger()
    qtbot.waitUntil(lambda: "learns to answer in a chat template: ChatML" in said(step), timeout=WAIT_MS)
    assert form.values()["chat_template"] == "chatml"
    form.set_values({"method": "pretrain"})
    qtbot.waitUntil(lambda: "chat template: ChatML" not in said(step), timeout=WAIT_MS)
    form.set_values({"method": "sft"})
    step.pick(str(tmp_path / "chat"))
    assert form.values()["chat_template"] == "own"
    qtbot.waitUntil(lambda: "it has a chat template." in said(step), timeout=WAIT_MS)
    form.set_values({"chat_template": "gemma"})
    qtbot.waitUntil(lambda: "but the run writes another: Gemma" in said(step), timeout=WAIT_MS)
    press(step, "Use its own", qtbot)
    assert form.values()["chat_template"] == "own"


def test_the_table_behaves_as_qt_wants_it(qtbot: QtBot) -> None:
    rows = TableRows(("Model", "Size"), right=(1,))
    tester = QAbstractItemModelTester(rows, QAbstractItemModelTester.FailureReportingMode.Fatal)
    rows.set_rows([TableRow(("a", "1"), 1), TableRow(("b", "2"), 2, "about b")])
    rows.set_rows([])
    assert tester.model() is rows


def test_a_download_says_speed_and_time_left() -> None:
    going = Download("a/b", None, "running", 1_000_000_000, 5_000_000_000, 20_000_000.0)
    assert download_words(going) == "1.0 GB of 5.0 GB · 20 MB/s · 3 min left"
    assert download_words(Download("a/b", None, "waiting")) == "Waits for the download before it."
    assert download_words(Download("a/b", None, "running")) == "Asking the Hub…"


def test_start_refuses_what_a_run_would_fail_on_until_it_is_mended(
    step: ModelStep, window: MainWindow, bench: Bench, qtbot: QtBot
) -> None:
    dock = window.config_dock
    write_model(bench.model)
    (bench.model / "model.safetensors").unlink()
    dock.form.set_values({"model": str(bench.model), "dataset": str(bench.dataset)})
    qtbot.waitUntil(lambda: any("no weights" in line for line in dock.panel.missing()))
    window.actions_by_name["start"].trigger()
    assert bench.services.runs.all() == []
    write_model(bench.model, model_type="bert")
    window.actions_by_name["start"].trigger()
    qtbot.waitUntil(lambda: any("kind bert" in line for line in dock.panel.missing()))
    assert bench.services.runs.all() == []
    write_model(bench.model)
    window.actions_by_name["start"].trigger()
    qtbot.waitUntil(lambda: dock.panel.missing() == [])
    window.actions_by_name["start"].trigger()
    qtbot.waitUntil(lambda: len(bench.services.runs.all()) == 1)


def test_what_is_not_on_this_machine_cannot_be_started_offline(
    step: ModelStep, window: MainWindow, bench: Bench, qtbot: QtBot
) -> None:
    dock = window.config_dock
    dock.form.set_values({"model": "maker/chat", "dataset": str(bench.dataset), "offline": True})
    qtbot.waitUntil(lambda: any("is offline" in line for line in dock.panel.missing()))
    dock.form.set_values({"offline": False})
    qtbot.waitUntil(lambda: dock.panel.missing() == [])


def test_offline_good_starts_that_are_not_here_cannot_be_picked(
    step: ModelStep, window: MainWindow, bench: Bench, qtbot: QtBot
) -> None:
    page = step.starting_points
    page.table.selectRow(0)
    assert page.use.isEnabled()
    bench.services.choices.set_offline(True)
    assert all(row.is_dim for row in page.table.rows.rows)
    page.table.selectRow(0)
    assert not page.use.isEnabled()
    assert "not on this machine, and Tunedeck is offline" in page.about.text()
    bench.services.choices.set_offline(False)
    assert not any(row.is_dim for row in page.table.rows.rows)
