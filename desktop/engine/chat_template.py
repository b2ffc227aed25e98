"""A model's chat template, run in jinja's sandbox with the few functions that transformers gives it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST = 4 << 20
"""No template is so many letters long; what is larger is not read."""


class _Generation(Extension):
    """The tag ``generation``, which marks what the model says; it writes its body out as it is."""

    tags = {"generation"}  # noqa: RUF012  jinja's own declaration

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        # In a block of its own, so that what is set in it ends with it, as in transformers.
        return nodes.CallBlock(self.call_method("write"), [], [], body).set_lineno(line)

    def write(self, caller: Any) -> Any:
        return caller()


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # Jinja's own writes for HTML.
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _now(form: str) -> str:
    return datetime.now().strftime(form)


class ChatTemplate:
    """One template, compiled; it sees the turns, the tools and the special tokens, and nothing of this machine."""

    def __init__(self, source: str) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _raise
        environment.globals["strftime_now"] = _now
        self._template = environment.from_string(source)

    def write(
        self,
        turns: Sequence[dict[str, Any]],
        tools: Sequence[Any] | None,
        add_generation_prompt: bool,
        words: dict[str, Any],
    ) -> str:
        """Return the conversation as the model reads it."""
        return self._template.render(
            messages=turns, tools=tools, documents=None, add_generation_prompt=add_generation_prompt, **words
        )
