"""JSON schemas: is one sound, and does a value follow it. The only file that needs the package jsonschema."""

from __future__ import annotations

from typing import Any

from jsonschema import SchemaError
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

# An own registry, because the default one would fetch a $ref from the network.
_NOTHING_REMOTE: Registry[Any] = Registry()


def is_valid(schema: Any, value: Any) -> bool:
    """Say whether a value follows a schema, of the draft that the schema names or the newest."""
    try:
        return bool(validator_for(schema)(schema, registry=_NOTHING_REMOTE).is_valid(value))
    except (Unresolvable, RecursionError):
        return False


def fault_of(schema: Any) -> str:
    """Return what is wrong with a schema itself, or nothing."""
    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        return f"{error.message} (at {error.json_path})"[:300]
    return ""
