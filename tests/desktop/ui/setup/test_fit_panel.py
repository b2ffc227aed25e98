"""Will it fit, in the window: bars that follow the knobs, words for those who see no colours, changes that apply."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from desktop.controllers.fit import TokenCounts
from desktop.controllers.hardware import GpuSample
from desktop.core.duration import Duration
from desktop.core.models import model_list
from desktop.core.peaks import Peak
from desktop.ui.setup.fit_bars import LOOKS, MemoryBar
from desktop.ui.setup.fit_panel import UNTIMED, CardFit, FitPanel, time_words
from desktop.ui.theme import DARK, LIGHT, Theme, contrast
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.setup.test_tab_order import show, walk
from tests.desktop.ui.window_fakes import Bench, make_bench
from tests.model_shapes import LLAMA_8B
from trainer_image.contract import RunConfig

GIB = 1024**3
RTX = "NVIDIA GeForce RTX 3060"


def card(index: int, used_gib: float) -> GpuSample:
    return GpuSample(index, RTX, 12 * GIB, int(used_gib * GIB), 3, 40, 20.0, 170.0, 0)


@pytest.fixture
def two(tmp_path: Path, qtbot: QtBot) -> Iterator[Bench]:
    made = make_bench(tmp_path, [card(0, 1.4), card(1, 0.3)])
    (made.model / "config.json").write_text(json.dumps(LLAMA_8B))
    made.services.runs.load()
    with qtbot.waitSignal(made.services.hardware.sampled):
        made.services.hardware._sample()
    yield made
    made.close()


@pytest.fixture
def window(two: Bench, qtbot: QtBot) -> MainWindow:
    made = MainWindow(two.services)
    qtbot.addWidget(made)
    made.resize(1280, 720)
    made.show()
    qtbot.waitExposed(made)
    return made


@pytest.fixture
def panel(window: MainWindow, two: Bench, qtbot: QtBot) -> FitPanel:
    """The panel, with a config that has its answer."""
    take(window, two, qtbot, load_in_4bit=True)
    return window.config_dock.panel.memory


def take(window: MainWindow, bench: Bench, qtbot: QtBot, **knobs: object) -> None:
    form = window.config_dock.form
    form.set_values({"model": str(bench.model), "dataset": str(bench.dataset), **knobs})
    qtbot.waitUntil(lambda: bench.services.fitting.fit is not None and bool(bench.services.fitting.fit.gpus))


def without_a_file(bench: Bench) -> None:
    """Take away the rows, whose shortness would bound what a row needs."""
    bench.services.fitting._longest = dict.fromkeys(bench.services.fitting._longest, 1000000)
    bench.services.fitting._answer()


def test_every_card_has_its_bar_against_what_is_free_now(panel: FitPanel) -> None:
    assert panel.verdict.text() == "✓ It fits into memory."
    first, second = panel.cards[:2]
    assert first.name.whole_text() == "GPU 0 · RTX 3060"
    assert "of 11 GB" in first.figures.text()
    assert "of 12 GB" in second.figures.text()
    assert [name for name, _ in first.bar.segments()] == ["used by others", *LOOKS]
    assert first.bar.segments()[0][1].width() > second.bar.segments()[0][1].width()
    assert "2 cards train a copy each" in panel.placement.text()


def test_the_bars_follow_a_knob(panel: FitPanel, window: MainWindow, two: Bench, qtbot: QtBot) -> None:
    fitting = two.services.fitting
    assert fitting.fit is not None
    before = fitting.fit.gpus[0].parts
    window.config_dock.form.fields["lora_r"].set_value(64)
    qtbot.waitUntil(lambda: fitting.fit is not None and fitting.fit.gpus[0].parts["adapter"] > before["adapter"])
    assert panel.legend.sizes["adapter"].text() == "0.6 GB"


def test_the_bars_follow_the_card(panel: FitPanel, two: Bench, qtbot: QtBot) -> None:
    hardware = two.services.hardware
    hardware._gpus.samples = [card(0, 8.0), card(1, 0.3)]  # type: ignore[attr-defined]
    hardware._sample()
    # What another program holds is not there for the run, which is placed on the other card alone.
    qtbot.waitUntil(lambda: "4.0 GB free" in panel.cards[0].figures.text())
    assert "of" not in panel.cards[0].figures.text()

    def is_no_news() -> bool:
        heard: list[None] = []
        two.services.fitting.changed.connect(lambda: heard.append(None))
        with qtbot.waitSignal(hardware.sampled):
            hardware._sample()
        return not heard

    # What is still being read for the answer may come meanwhile; the cards alone say nothing new.
    qtbot.waitUntil(is_no_news)


def test_what_does_not_fit_says_so_and_a_click_makes_it_fit(
    panel: FitPanel, window: MainWindow, two: Bench, qtbot: QtBot
) -> None:
    without_a_file(two)
    take(window, two, qtbot, load_in_4bit=True, max_length=8192, per_device_train_batch_size=8)
    qtbot.waitUntil(lambda: "does not fit" in panel.verdict.text())
    offered = two.services.fitting.fit.changes[0].words
    assert window.config_dock.panel.state.text() == f"It does not fit. It would with: {offered}."
    assert "too much" in panel.cards[0].short.text()

    def chips() -> list[QPushButton]:
        return [chip for chip in panel.offer_box.findChildren(QPushButton) if chip.isVisibleTo(panel)]

    qtbot.waitUntil(lambda: bool(chips()))
    show(window, qtbot)
    where = next(iter(window.config_dock.panel.engine_buttons.values()))
    seen = walk(window.config_dock.panel.welcome.example, where, qtbot)
    assert [one for one in seen if one in chips()] == chips()
    assert chips()[0].accessibleName().startswith("Change the form: Rows at once")
    wanted = panel._offered[0].knobs
    qtbot.mouseClick(chips()[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "It fits" in panel.verdict.text())
    values = window.config_dock.form.values()
    assert {name: values[name] for name in wanted} == wanted
    assert not panel.offer_box.isVisibleTo(panel)


def test_every_part_has_words(panel: FitPanel, qtbot: QtBot) -> None:
    bar = panel.cards[0].bar
    said = bar.accessibleDescription()
    for name in LOOKS:
        assert f"{name} " in said
    assert "are free" in said
    for name, box in bar.segments():
        told = bar.told_at(box.center().x())
        assert told.lower().startswith("used by" if name not in LOOKS else name)
        assert "GB" in told or "MB" in told
    assert "would stay free" in bar.told_at(bar.width() - 1)
    event = QHelpEvent(QHelpEvent.Type.ToolTip, QPoint(5, 5), bar.mapToGlobal(QPoint(5, 5)))
    assert QApplication.sendEvent(bar, event)


def test_parts_are_told_apart_without_colours_and_stand_out(tmp_path: Path) -> None:
    patterns = [look.pattern for look in LOOKS.values()]
    assert len(set(patterns)) == len(patterns)
    for look in LOOKS.values():
        assert contrast(look.light, LIGHT.raised) >= 3
        assert contrast(look.dark, DARK.raised) >= 3


def test_a_bar_paints_in_both_themes(panel: FitPanel, qtbot: QtBot, tmp_path: Path) -> None:
    pictures = []
    for choice in ("light", "dark"):
        settings = QSettings(str(tmp_path / f"{choice}.ini"), QSettings.Format.IniFormat)
        settings.setValue("theme", choice)
        bar = MemoryBar(Theme(settings))
        qtbot.addWidget(bar)
        bar.show_gpu(panel._fitting.fit.gpus[0])  # type: ignore[union-attr]
        bar.resize(300, 24)
        pictures.append(bar.grab().toImage())
    assert pictures[0] != pictures[1]


def test_without_a_card_it_is_calm_and_counts_the_computers_memory(bench: Bench, qtbot: QtBot) -> None:
    (bench.model / "config.json").write_text(json.dumps(LLAMA_8B | {"num_hidden_layers": 2, "hidden_size": 256}))
    window = MainWindow(bench.services)
    qtbot.addWidget(window)
    take(window, bench, qtbot)
    panel = window.config_dock.panel.memory
    assert "the computer's memory" in panel.verdict.text()
    assert "trains on the processor" in panel.placement.text()
    assert panel.cards[0].name.whole_text() == "Computer's memory"


@pytest.mark.parametrize("width", [90, 240, 900])
def test_what_is_needed_never_reads_as_what_is_free(panel: FitPanel, qtbot: QtBot, width: int) -> None:
    card = CardFit(panel._theme)
    qtbot.addWidget(card)
    card.show_gpu(panel._fitting.fit.gpus[0])  # type: ignore[union-attr]
    card.resize(width, 60)
    card.show()
    assert card.figures.text().startswith("needs ")
    assert card.figures.text().endswith(" GB free" if width == 900 else " GB")


def test_the_guess_of_the_preset_is_shown_until_something_better_is_known(bench: Bench, qtbot: QtBot) -> None:
    (bench.model / "config.json").write_text(json.dumps(LLAMA_8B | {"num_hidden_layers": 2, "hidden_size": 256}))
    window = MainWindow(bench.services)
    qtbot.addWidget(window)
    dock = window.config_dock
    dock.keeper.pick("test")
    take(window, bench, qtbot)
    time = dock.panel.memory.time_source
    qtbot.waitUntil(lambda: time.text().endswith("min, a guess: nothing of this kind has run here yet."))
    said = time.text().split(",")[0].removeprefix("About ")
    assert f"takes about {said}" in dock.steps.presets.reasons.text()
    dock.form.set_values({"max_steps": 7000})
    qtbot.waitUntil(lambda: time.text() == UNTIMED)


def test_a_model_nobody_knows_is_no_promise(window: MainWindow, two: Bench, qtbot: QtBot) -> None:
    panel = window.config_dock.panel.memory
    take(window, two, qtbot, model="someone/something-new")
    qtbot.waitUntil(lambda: "not on this machine yet" in panel.verdict.text())
    assert not panel.legend.isVisibleTo(panel)
    # It is looked for again once something has changed.
    folder = two.home.caches / "hub" / "hub" / "models--someone--something-new" / "snapshots" / "main"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(LLAMA_8B))
    window.config_dock.form.fields["load_in_4bit"].set_value(True)
    qtbot.waitUntil(lambda: "It fits" in panel.verdict.text())


def test_measured_lengths_bound_the_rows_and_say_what_is_cut(
    panel: FitPanel, window: MainWindow, two: Bench, qtbot: QtBot
) -> None:
    fitting = two.services.fitting
    without_a_file(two)
    take(window, two, qtbot, load_in_4bit=True, max_length=16384, per_device_train_batch_size=8)
    qtbot.waitUntil(lambda: bool(panel._offered))
    fitting.take_counts(TokenCounts(str(two.dataset), 20_000, 5_000.0, lambda length: 0.25))
    assert any(offer.cost == "cuts 25% of the rows" for offer in panel._offered)
    fitting.take_counts(TokenCounts(str(two.dataset), 300, 100.0, lambda length: 0.0))
    assert "It fits" in panel.verdict.text()


def test_what_is_found_out_of_4_bit_files_is_counted(two: Bench, qtbot: QtBot) -> None:
    fitting, copy = two.services.fitting, "unsloth/Qwen3-8B-unsloth-bnb-4bit"
    fitting.show(RunConfig(model="Qwen/Qwen3-8B", dataset=str(two.dataset), load_in_4bit=True), 120)

    def weights() -> int:
        return fitting.fit.gpus[1].parts["weights"] if fitting.fit is not None else 0

    # Nobody has seen the files; then the Hub tells their size; then their config.json is here.
    qtbot.waitUntil(lambda: weights() > 0)
    guessed, told = weights(), 6_500_000_000
    fitting.take_examined("somebody/else", 1)
    fitting.take_examined(copy, told)
    qtbot.waitUntil(lambda: weights() == pytest.approx(told, rel=0.001))
    assert told < guessed
    said = {"load_in_4bit": True, "quant_method": "bitsandbytes", "llm_int8_skip_modules": ["model.layers.4.mlp"]}
    folder = two.home.caches / "hub" / "hub" / f"models--{copy.replace('/', '--')}" / "snapshots" / "main"
    folder.mkdir(parents=True)
    shape = dict(model_list().find(copy).shape) | {"quantization_config": said}
    (folder / "config.json").write_text(json.dumps(shape))
    fitting.take_examined(copy, told)
    qtbot.waitUntil(lambda: 0 < weights() < 0.99 * told)


def test_the_time_is_said_with_its_spread(panel: FitPanel, window: MainWindow, two: Bench, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: panel.time.isVisibleTo(panel))
    assert panel.time.text().startswith("About ")
    assert "data sheet" in panel.time_source.text()
    assert time_words(Duration(2400, 3300, "x")) == "About 40 min to 55 min to the end."
    assert time_words(Duration(3590, 3610, "x")) == "About 1 h to the end."


def test_a_run_that_ends_teaches_the_estimate(panel: FitPanel, two: Bench, qtbot: QtBot) -> None:
    fitting, runs = two.services.fitting, two.services.runs
    config = fitting._config
    assert config is not None
    before = fitting.fit.gpus[0].predicted_bytes if fitting.fit else 0
    run_id = runs.start(config, name="first", engine="docker")
    trainer = two.trainer(run_id)
    trainer.placement().hello()
    trainer.plan(1)
    trainer.step(1, 1.0)
    trainer.finish()
    qtbot.waitUntil(lambda: bool(fitting._table.all()))
    (peak,) = fitting._table.all()
    assert (peak.run_id, peak.measured_bytes) == (run_id, 3 * GIB)
    assert peak.is_exact  # some of its rows were cut, so they were as long as can be
    runs.delete(run_id)
    assert fitting._table.all() == [peak]
    # One run that needed less lowers nothing; one that needed more raises the estimate.
    assert fitting.correction(RTX) == 1.0
    fitting._peaks = [Peak("r", RTX, "one", 10 * GIB, 11 * GIB)]
    fitting._answer()
    assert fitting.fit is not None
    assert fitting.fit.gpus[0].predicted_bytes == pytest.approx(1.1 * before, rel=1e-6)
