"""What presets are worked out from: the rows' tokens as the chosen model and its chat template have them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.core.dataset.report import ScanOptions
from tests.desktop.engine.test_model_check import write_model
from tests.desktop.ui.window_fakes import make_bench

WAIT_MS = 60_000


def test_tokens_are_counted_in_the_template_that_the_form_names(
    tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench(tmp_path)
    models, choosing = bench.services.models, bench.services.choosing
    folder = tmp_path / "base"
    write_model(folder, template=False)
    try:
        with qtbot.waitSignal(models.examined, timeout=WAIT_MS):
            models.examine(str(folder))
        scanning = bench.services.data.scanning
        scanning.look_at(bench.dataset, ScanOptions())
        qtbot.waitUntil(lambda: scanning.report is not None, timeout=WAIT_MS)

        def lengths(**values: object) -> set[int]:
            form = {"model": str(folder), "method": "sft", "gpus": None, **values}
            asked = {name: form[name] for name in form if name == "chat_template"}
            if not choosing.data("sft", **asked).lengths:
                with qtbot.waitSignal(choosing.facts_changed, timeout=WAIT_MS):
                    choosing.choose("auto", form)
            return set(choosing.data("sft", **asked).lengths)

        # One word for what is joined plainly, and the end; with a template something stands behind each end.
        assert lengths() == lengths(chat_template="own") == {2}
        assert lengths(chat_template="alpaca") == {3}
        assert lengths(chat_template="own") == {2}
    finally:
        bench.close()
