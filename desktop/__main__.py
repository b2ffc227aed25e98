"""``tunedeck``: with a word behind it the command line, without one the window."""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType
from typing import NoReturn

from desktop.screen import why_no_window
from trainer_image.log.redaction import clean

FIX = (
    "Install what Qt needs: sudo apt install libglib2.0-0 libegl1 libgl1 libdbus-1-3 libfontconfig1 "
    "libxkbcommon-x11-0 libxcb-cursor0."
)


def main() -> None:
    """Run the command line, or open the window where it is asked for."""
    _keep_secrets()
    # Imported here and one by one: the command line has to work without the libraries of a graphical desktop, and
    # where even Qt's core lacks one, that is said in a sentence.
    try:
        from desktop import cli

        asked = cli.parse(sys.argv[1:])
    except ImportError as error:
        _give_up(f"Qt cannot be loaded: {error}.")
    if not asked.wants_window:
        sys.exit(cli.run(asked))
    reason = why_no_window()
    if reason is not None and asked.verb == "demo":
        print(f"tunedeck: {reason} The example runs in the terminal.", file=sys.stderr)
        sys.exit(cli.run(asked))
    if reason is not None:
        _give_up(f"{reason} Or use the command line: tunedeck --help.")
    try:
        from desktop import app
    except ImportError as error:
        _give_up(f"The window cannot open: {error}.")
    sys.exit(app.open_window(asked.home, example=asked.verb == "demo"))


def _keep_secrets() -> None:
    """Let no crash and no warning show a token: what is printed may end up in a journal or a report."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        print(clean("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)

    def without_secrets(record: logging.LogRecord) -> bool:
        record.msg, record.args = clean(record.getMessage()), None
        return True

    sys.excepthook = hook
    if logging.lastResort is not None:
        logging.lastResort.addFilter(without_secrets)


def _give_up(sentence: str) -> NoReturn:
    print(f"tunedeck: {sentence} {FIX}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
