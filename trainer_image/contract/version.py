"""The number that the app and the image compare before a run."""

from __future__ import annotations

CONTRACT = 3
"""It goes up whenever an older side could misread or refuse a newer one: with every knob that comes or goes."""
