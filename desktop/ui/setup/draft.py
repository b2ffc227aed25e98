"""What the form held when the window closed, changed and not started: it is there again at the next start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QSettings

SETTING = "form/draft"


def keep(settings: QSettings, values: Mapping[str, Any]) -> None:
    """Keep the values of a form."""
    settings.setValue(SETTING, json.dumps(dict(values)))


def forget(settings: QSettings) -> None:
    """What was started is remembered as a config."""
    settings.remove(SETTING)


def kept(settings: QSettings) -> dict[str, Any]:
    """Return the values of a draft; none where there is none, or one that cannot be read."""
    try:
        found = json.loads(str(settings.value(SETTING, "") or "{}"))
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
