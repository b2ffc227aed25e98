"""The desktop's session bus: notifications, where one listens for them.

QtDBus cannot do this from Python: ``Notify`` takes a uint32, and PySide makes an int32 of every number.
"""

from __future__ import annotations

import html
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from jeepney import DBusAddress, HeaderFields, MatchRule, Message, message_bus, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.wrappers import DBusErrorResponse, unwrap_msg

ANSWER_S = 5.0
SERVER = DBusAddress("/org/freedesktop/Notifications", "org.freedesktop.Notifications", "org.freedesktop.Notifications")
TYPES = "susssasa{sv}i"
"""Of Notify: the program, what to replace, an icon, the two texts, actions, hints, and for how long."""
SPOKEN = MatchRule(type="signal", interface=SERVER.interface, path=SERVER.object_path)
"""What the server says by itself: that a notification was pressed, or has gone."""
DEFAULT = "default"
"""Name of the action of whoever presses the notification itself."""
LEVELS: dict[Literal["info", "warning", "error"], int] = {"info": 1, "warning": 1, "error": 2}
"""Normal, and urgent: that stays until somebody has seen it."""


@dataclass(frozen=True)
class Pressed:
    """What became of a notification: pressed, or gone without that."""

    number: int
    is_pressed: bool
    token: str = ""
    """The desktop's leave for a window to come to the front."""


class SessionBus:
    """Speaks to the notification server of the desktop; any thread may, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # It stays open: GNOME takes away what a program has said when that program leaves the bus.
        self._connection: DBusConnection | None = None
        self._knows_markup = self._knows_actions = False
        self._spoken: deque[Message] = deque()
        self._tokens: dict[int, str] = {}

    def notify(self, level: Literal["info", "warning", "error"], sentence: str, hint: str, action: str = "") -> int:
        """Show two texts on the desktop and return the number of what is shown, above 0.

        Whoever presses it does ``action``, which ``heard`` tells. Returns 0 where no bus or no notification server
        answers.
        """
        with self._lock:
            was_open = self._connection is not None
            shown = self._try(level, sentence, hint, action)
            if not shown and was_open:
                # The bus that was there the last time may have been started anew since.
                shown = self._try(level, sentence, hint, action)
            return shown

    def heard(self) -> list[Pressed] | None:
        """Return what became of notifications since the last call, without waiting; None where nothing can come."""
        if not self._lock.acquire(blocking=False):
            return []  # something is being told right now
        try:
            self._listen()
            found = [said for message in self._spoken if (said := self._read(message)) is not None]
            self._spoken.clear()
            is_deaf = self._connection is None or not self._knows_actions
            return None if is_deaf and not found else found
        finally:
            self._lock.release()

    def close(self) -> None:
        """Leave the bus."""
        with self._lock:
            self._close()

    def _listen(self) -> None:
        if self._connection is None:
            return
        try:
            while True:
                self._connection.recv_messages(timeout=0)
        except TimeoutError:
            return
        except (OSError, ValueError, RuntimeError):
            self._close()

    def _read(self, message: Message) -> Pressed | None:
        match message.header.fields.get(HeaderFields.member), message.body:
            case "ActivationToken", (int(number), str(token)):
                self._tokens[number] = token
            case "ActionInvoked", (int(number), str(action)) if action == DEFAULT:
                return Pressed(number, True, self._tokens.pop(number, ""))
            case "NotificationClosed", (int(number), *_):
                return Pressed(number, False)
        return None

    def _try(self, level: Literal["info", "warning", "error"], sentence: str, hint: str, action: str) -> int:
        try:
            if self._connection is None:
                self._open()
            body = html.escape(hint, quote=False) if self._knows_markup else hint
            hints = {"urgency": ("y", LEVELS[level])}
            actions = [DEFAULT, action] if action and self._knows_actions else []
            (number,) = self._call("Notify", TYPES, ("Tunedeck", 0, "", sentence, body, actions, hints, -1))
        except (DBusErrorResponse, OSError, KeyError, ValueError, RuntimeError, StopIteration):
            # No address or none that jeepney can read, no bus, nobody on it who shows notifications, or no answer.
            self._close()
            return 0
        return int(number)

    def _open(self) -> None:
        self._connection = open_dbus_connection("SESSION")
        try:
            (capabilities,) = self._call("GetCapabilities")
        except DBusErrorResponse:
            capabilities = []
        self._knows_markup = "body-markup" in capabilities
        self._knows_actions = "actions" in capabilities
        self._connection.filter(SPOKEN, queue=self._spoken)
        if self._knows_actions:
            with suppress(DBusErrorResponse):  # then it tells who has shown something, or nobody
                unwrap_msg(self._connection.send_and_get_reply(message_bus.AddMatch(SPOKEN), timeout=ANSWER_S))

    def _call(self, method: str, types: str | None = None, values: tuple[object, ...] = ()) -> Any:
        assert self._connection is not None
        message: Message = new_method_call(SERVER, method, types, values)
        return unwrap_msg(self._connection.send_and_get_reply(message, timeout=ANSWER_S))

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
