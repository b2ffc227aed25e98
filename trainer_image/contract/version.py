"""The number that the app and the image compare before a run."""

from __future__ import annotations

CONTRACT = 2
"""It goes up whenever an older side could misread a newer one."""
