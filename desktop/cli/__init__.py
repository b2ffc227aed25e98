"""The command line: everything that the window does, as words."""

from desktop.cli.main import parse, run

__all__ = ["parse", "run"]
