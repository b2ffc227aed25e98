"""``tunedeck``: with a word behind it the command line, without one the window."""

from __future__ import annotations

import sys

from desktop import cli


def main() -> None:
    """Run the command line, or open the window where it is asked for."""
    asked = cli.parse(sys.argv[1:])
    if not asked.wants_window:
        sys.exit(cli.run(asked))
    try:
        # Only here: the command line has to work on machines that lack the libraries of a graphical desktop.
        from desktop import app
    except ImportError as error:
        print(
            f"tunedeck: The window cannot open: {error}. Install what Qt needs (sudo apt install libegl1 libgl1 "
            "libxkbcommon-x11-0 libxcb-cursor0 libdbus-1-3 libfontconfig1), or use the command line: tunedeck --help.",
            file=sys.stderr,
        )
        sys.exit(1)
    sys.exit(app.open_window(asked.home, example=asked.verb == "demo"))


if __name__ == "__main__":
    main()
