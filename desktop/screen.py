"""Whether a window can open here: Qt itself would end the program with a core dump instead of a sentence."""

from __future__ import annotations

import ctypes
import os

XCB_LIBRARIES = ("libxcb.so.1", "libxcb-cursor.so.0", "libxkbcommon-x11.so.0")


def why_no_window() -> str | None:
    """Return one sentence that says why no window can open, or None where one can."""
    if os.environ.get("QT_QPA_PLATFORM", "xcb").split(":")[0] not in ("xcb", "wayland"):
        return None
    if os.environ.get("WAYLAND_DISPLAY"):
        return None
    display = os.environ.get("DISPLAY")
    if not display:
        return "There is no screen here (DISPLAY is not set)."
    for name in XCB_LIBRARIES:
        try:
            ctypes.CDLL(name)
        except OSError:
            return f"The library {name}, which Qt needs for a window, is missing."
    return None if _answers() else f"The screen {display} does not answer."


def _answers() -> bool:
    xcb = ctypes.CDLL("libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    failed = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return not failed
