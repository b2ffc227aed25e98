"""What a run waits for before its trainer speaks has names, times and a share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from desktop.controllers.preparing import Preparing
from desktop.core.run import Run, RunState
from desktop.engine.steps import BuildStep, Fetched
from desktop.ui.runs.phase_line import Piece, ribbon_pieces
from tests.fakes import START
from trainer_image.contract import RunConfig


class Source(QObject):
    """The signals of runs and setup, and one run."""

    run_changed = Signal(str)
    run_added = Signal(str)
    progressed = Signal(str, object)

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        self.now = 0.0

    def get(self, run_id: str) -> Run:
        return self.run

    def change(self, seconds: float, **fields: object) -> None:
        self.now += seconds
        self.run = replace(self.run, **fields)  # type: ignore[arg-type]
        self.run_changed.emit(self.run.id)


def test_image_download_and_start_have_times_and_shares(tmp_path: Path) -> None:
    config = RunConfig(model=str(tmp_path), dataset=str(tmp_path / "rows.jsonl"))
    run = Run("a", "first", "docker", tmp_path, config, START, RunState.STARTING)
    source = Source(run)
    preparing = Preparing(source, source, clock=lambda: source.now)  # type: ignore[arg-type]
    source.change(0)
    assert [one.name for one in preparing.of("a")] == ["start"]
    source.progressed.emit("docker", BuildStep(2, 4, "installing", 1.0, None, Fetched(50, 100, None)))
    source.change(0.1, preparing="step 2 of 4: installing")
    source.now += 30
    image = preparing.of("a")[-1]
    assert (image.name, image.seconds, image.share) == ("image", 30, 0.375)
    source.change(90, preparing="fetching org/model: 0.3 of 1.2 GB")
    source.now += 8
    pieces = ribbon_pieces(source.run, START, preparing.of("a"))
    assert pieces == [Piece("image", 120), Piece("download", 8, 0.25, is_current=True)]
    source.change(2, preparing="")
    source.change(3, state=RunState.RUNNING)
    assert [(one.name, one.seconds) for one in preparing.of("a") if one.seconds >= 1] == [
        ("image", 120),
        ("download", 10),
        ("start", 3),
    ]
    source.now += 100
    assert preparing.of("a")[-1].seconds == 3
