"""The desktop's session bus: notifications, where one listens for them.

QtDBus cannot do this from Python: ``Notify`` takes a uint32, and PySide makes an int32 of every number.
"""

from __future__ import annotations

import html
import threading
from typing import Any, Literal

from jeepney import DBusAddress, Message, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.wrappers import DBusErrorResponse, unwrap_msg

ANSWER_S = 5.0
SERVER = DBusAddress("/org/freedesktop/Notifications", "org.freedesktop.Notifications", "org.freedesktop.Notifications")
TYPES = "susssasa{sv}i"
"""Of Notify: the program, what to replace, an icon, the two texts, actions, hints, and for how long."""
LEVELS: dict[Literal["info", "warning", "error"], int] = {"info": 1, "warning": 1, "error": 2}
"""Normal, and urgent: that stays until somebody has seen it."""


class SessionBus:
    """Speaks to the notification server of the desktop; any thread may, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # It stays open: GNOME takes away what a program has said when that program leaves the bus.
        self._connection: DBusConnection | None = None
        self._knows_markup = False

    def notify(self, level: Literal["info", "warning", "error"], sentence: str, hint: str) -> bool:
        """Show two texts on the desktop; return False where no bus or no notification server answers."""
        with self._lock:
            was_open = self._connection is not None
            # The bus that was there the last time may have been started anew since.
            return self._try(level, sentence, hint) or (was_open and self._try(level, sentence, hint))

    def close(self) -> None:
        """Leave the bus."""
        with self._lock:
            self._close()

    def _try(self, level: Literal["info", "warning", "error"], sentence: str, hint: str) -> bool:
        try:
            if self._connection is None:
                self._open()
            body = html.escape(hint, quote=False) if self._knows_markup else hint
            hints = {"urgency": ("y", LEVELS[level])}
            self._call("Notify", TYPES, ("Tunedeck", 0, "", sentence, body, [], hints, -1))
        except (DBusErrorResponse, OSError, KeyError, ValueError, RuntimeError, StopIteration):
            # No address or none that jeepney can read, no bus, nobody on it who shows notifications, or no answer.
            self._close()
            return False
        return True

    def _open(self) -> None:
        self._connection = open_dbus_connection("SESSION")
        try:
            (capabilities,) = self._call("GetCapabilities")
        except DBusErrorResponse:
            capabilities = []
        self._knows_markup = "body-markup" in capabilities

    def _call(self, method: str, types: str | None = None, values: tuple[object, ...] = ()) -> Any:
        assert self._connection is not None
        message: Message = new_method_call(SERVER, method, types, values)
        return unwrap_msg(self._connection.send_and_get_reply(message, timeout=ANSWER_S))

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
