"""Numbers of a run by one kind of name, whether every trainer reports them or only a method does."""

from __future__ import annotations

from typing import get_args

import numpy as np

from desktop.core.series import Floats, Series, StepColumn

COLUMNS: tuple[StepColumn, ...] = get_args(StepColumn)


def training_names(series: Series) -> list[str]:
    """Return the names of everything that is known of each step."""
    return list(dict.fromkeys((*COLUMNS, *series.metric_names())))


def step_values(series: Series, name: str) -> Floats:
    """Return a number for each step."""
    return series.column(name) if name in COLUMNS else series.metric(name)


def evaluation_values(series: Series, name: str) -> Floats:
    """Return a number for each evaluation; what evaluations do not report is a gap."""
    if name == "loss":
        return series.evaluation("loss")
    if name in COLUMNS:
        return np.full(len(series.evaluation("step")), np.nan)
    return series.evaluation_metric(name)
