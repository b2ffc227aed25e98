"""The blocks between ``` in a completion."""

from __future__ import annotations

import re
from collections.abc import Sequence

_FENCE = re.compile(r"^[ \t]*```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)


def last_fence(text: str, languages: Sequence[str]) -> str | None:
    """Return the last block of the first of these languages that there is one of; one cut off counts to the end."""
    blocks = [(str(found[1]).lower(), str(found[2])) for found in _FENCE.finditer(text)]
    for wanted in languages:
        for language, block in reversed(blocks):
            if language == wanted:
                return block
    return None
