"""``doctor``: what a run needs, and how to mend what is missing."""

from __future__ import annotations

import argparse
import json
import sys

from desktop.cli.loop import assembled
from desktop.paths import Home

SIGNS = {"ok": "✓", "warn": "!", "fail": "✗", "absent": "–"}


def doctor(arguments: argparse.Namespace, home: Home) -> int:
    """Print every check; exit code 1 where one has failed."""
    with assembled(home) as assembly:
        checks = assembly.doctor.examine()
    if arguments.json:
        words = ("name", "state", "detail", "fix", "command")
        told = [{word: getattr(check, word) for word in words} for check in checks]
        print(json.dumps({"checks": told}))
    else:
        for check in checks:
            print(f"{SIGNS[check.state]} {check.name.replace('_', ' '):16} {check.detail}")
            if check.fix and check.state != "ok":
                print(f"{'':19}→ {check.fix}")
            if check.command and check.command not in check.fix and check.state != "ok":
                print(f"{'':19}  {check.command}")
    failed = [check for check in checks if check.state == "fail"]
    if failed:
        print(f"tunedeck: {failed[0].detail} {failed[0].fix}".rstrip(), file=sys.stderr)
    return 1 if failed else 0
