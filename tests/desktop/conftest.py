"""One application for all tests of a process: whoever comes first must not leave one that knows no windows."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication


@pytest.fixture(scope="session", autouse=True)
def _an_application_with_windows(qapp: QCoreApplication) -> None:
    """The command line makes one without windows where there is none, and Qt allows one a process."""
