"""The program that holds predictions against peaks on a GPU machine: its configs are whole, and its sums are right."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from trainer_image.contract import RunConfig, check_config

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "gpu" / "fit.py"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("gpu_fit_benchmark", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "gpu_fit_benchmark", module)
    spec.loader.exec_module(module)
    return module


def test_its_configs_are_what_the_trainer_takes_and_as_many_as_were_asked_for(program: ModuleType) -> None:
    cases = list(program.cases())
    assert len(cases) >= 20
    for case in cases:
        config, problems = check_config({"model": "/m", "dataset": "/d.jsonl", **case.knobs()})
        assert not problems, case.name
        assert isinstance(config, RunConfig)
    assert {case.shape for case in cases} == {"1b", "8b"}
    assert {case.precision for case in cases} == {"bf16", "nf4"}
    assert {case.checkpointing for case in cases} == {True, False}
    assert {512, 8192} <= {case.length for case in cases}
    assert {1, 8} <= {case.rows for case in cases}


def test_the_predictions_print_without_a_gpu(program: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    rows = program.main(["--dry-run", "--only", "1b nf4"])
    assert len(rows) == len([case for case in program.cases() if "1b nf4" in case.name])
    assert all(row.predicted_bytes > 0 for row in rows)
    assert "1b nf4 1 x 512" in capsys.readouterr().out


def test_what_is_over_and_what_is_under_the_goal_is_counted(program: ModuleType) -> None:
    case = next(program.cases())
    rows = [program.Row(case, 104, 100), program.Row(case, 96, 100), program.Row(case, 120, 100)]
    said = program.sum_up(rows)
    assert "3 measured: median 4.0%" in said
    assert "largest 20.0%" in said
    assert "lowest -4.0%" in said
    assert "2 of 3" in said
    assert program.sum_up([program.Row(case, 100)]) == "Nothing was measured."
