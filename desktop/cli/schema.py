"""``schema``: the contract for programs."""

from __future__ import annotations

import argparse
import json

from desktop.paths import Home
from trainer_image.contract import json_schema


def schema(arguments: argparse.Namespace, home: Home) -> int:
    """Print the JSON Schema of configs, events and requests."""
    print(json.dumps(json_schema(), indent=None if arguments.json else 2, sort_keys=True))
    return 0
