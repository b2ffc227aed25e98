"""``offline``: the one switch that takes the network from every run, chat and check."""

from __future__ import annotations

import argparse
import json

from desktop.cli.loop import assembled
from desktop.paths import Home


def offline(arguments: argparse.Namespace, home: Home) -> int:
    """Switch the network off or on for whatever starts from now on, or show how it is."""
    with assembled(home) as assembly:
        settings = assembly.settings
        if arguments.state != "show":
            settings.set_offline(arguments.state == "on")
        is_offline = settings.is_offline
        if arguments.json:
            print(json.dumps({"offline": is_offline}))
        elif is_offline:
            print("Offline: no run, chat or check uses the network, whatever its config says.")
        else:
            print("Online: a run may use the network where it needs it; the knob offline forbids it to one run.")
        return 0
