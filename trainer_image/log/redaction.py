"""Takes secrets out of text: tokens by their known beginnings, passwords in addresses, and values that are known.

It needs the standard library only; the app and the trainer both use it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

REMOVED = "[secret removed]"
"""What stands in a secret's place; it fits into a JSON string as it is."""
SHORTEST = 8
"""A known value of fewer characters would hit words that are none."""

_START = r"(?:\b|(?<=\\[nrtbf])|(?<=\\u[0-9a-f]{4}))"
"""Where a word begins; in a line of JSON the end of the line before it is a backslash and a letter."""
_PATTERNS: tuple[tuple[tuple[str, ...], str], ...] = (
    # Hugging Face
    (("hf_", "api_org_"), _START + r"(?:hf|api_org)_[A-Za-z0-9]{16,}"),
    # OpenAI, Anthropic and others; a digit tells them from words with hyphens
    (("sk-", "sk_"), _START + r"sk[-_](?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{16,}"),
    # GitHub, GitLab, Slack, Google, AWS
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), _START + r"gh[pousr]_[A-Za-z0-9]{20,}"),
    (("github_pat_",), _START + r"github_pat_[A-Za-z0-9_]{20,}"),
    (("glpat-",), _START + r"glpat-[A-Za-z0-9_-]{16,}"),
    (("xox",), _START + r"xox[abposr]-[A-Za-z0-9-]{10,}"),
    (("AIza",), _START + r"AIza[A-Za-z0-9_-]{35}"),
    (("AKIA", "ASIA"), _START + r"(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    # What a header carries; again a digit tells it from words
    (("earer ",), r"(?<=[Bb]earer )\s*(?=[A-Za-z._~+/-]*\d)[A-Za-z0-9._~+/-]{12,}=*"),
    (("asic ",), r"(?<=[Bb]asic )\s*(?=[A-Za-z+/]*\d)[A-Za-z0-9+/]{12,}=*"),
    # Name and password in an address
    (("://",), r"(?<=://)[^\s/@:\"'\\]*:[^\s/@\"'\\]+(?=@)"),
)
"""What has to be there for a secret of a kind, which is quick to look for, and the pattern of the kind."""
_TEXT = [(mark, re.compile(pattern)) for marks, pattern in _PATTERNS for mark in marks]
_BYTES = [(mark.encode(), re.compile(pattern.pattern.encode(), re.ASCII)) for mark, pattern in _TEXT]
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_?KEY|CREDENTIAL", re.I)

_BLANKS = b" \n\r\t"
_LONGEST_WORD = 64 * 1024
_KEPT_OF_A_WORD = 1024
_HEADER = re.compile(rb"(?:[Bb]earer|[Bb]asic)\s+\Z")


class Redactor:
    """Knows what is secret."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        values = sorted({value for value in known if len(value) >= SHORTEST}, key=len, reverse=True)
        self._known = values
        self._known_bytes = [value.encode() for value in values]

    def text(self, text: str) -> str:
        """Return ``text`` without secrets."""
        for value in self._known:
            text = text.replace(value, REMOVED)
        for mark, pattern in _TEXT:
            if mark in text:
                text = pattern.sub(REMOVED, text)
        return text

    def data(self, data: bytes) -> bytes:
        """Return ``data`` without secrets; other bytes stay as they are, whether they are text or not."""
        for value in self._known_bytes:
            data = data.replace(value, REMOVED.encode())
        for mark, pattern in _BYTES:
            if mark in data:
                data = pattern.sub(REMOVED.encode(), data)
        return data


_remembered: set[str] = set()


def remember(value: str) -> None:
    """Take ``value`` for a secret wherever this process cleans a text."""
    _remembered.add(value)


def clean(text: str) -> str:
    """Return ``text`` without what this process remembers as secret, and without what looks like it."""
    return Redactor(_remembered).text(text)


def redactor_of(environment: Mapping[str, str] | None = None) -> Redactor:
    """Return a redactor that also knows the values of variables whose names speak of secrets."""
    variables = os.environ if environment is None else environment
    return Redactor(value for name, value in variables.items() if _SECRET_NAME.search(name))


class Stream:
    """Takes secrets out of output that comes in pieces, also where a piece ends in the middle of one.

    No token has a blank in it, so the last word is held back until it has ended.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """Take the next piece; return what can be told of all pieces so far."""
        held = self._held + piece
        end = max(held.rfind(blank) for blank in _BLANKS) + 1
        if end == 0 and len(self._held) > _LONGEST_WORD:
            return self._cut_long_word(held)
        if header := _HEADER.search(held, max(0, end - 64), end):
            end = header.start()
        self._held = held[end:]
        return self._redactor.data(held[:end]) if end else b""

    def rest(self) -> bytes:
        """Return what was held back: nothing more comes."""
        held, self._held = self._held, b""
        return self._redactor.data(held)

    def _cut_long_word(self, held: bytes) -> bytes:
        """Let go of most of a word without end, such as a picture in base64, but not of half a secret in it."""
        clean = self._redactor.data(held)
        self._held = clean[-_KEPT_OF_A_WORD:]
        return clean[:-_KEPT_OF_A_WORD]
