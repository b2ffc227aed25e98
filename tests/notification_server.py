"""A desktop's session bus with a notification server on it, in one: a Unix socket that says back what it was told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, HeaderFields, Message, Parser, new_error, new_method_return, new_signal

UNKNOWN = "org.freedesktop.DBus.Error.ServiceUnknown"
SERVER = DBusAddress("/org/freedesktop/Notifications", interface="org.freedesktop.Notifications")


@dataclass
class Desktop:
    """What one test's desktop is like, and what it was shown."""

    address: str
    has_server: bool = True
    capabilities: list[str] = field(default_factory=lambda: ["body", "body-markup", "actions"])
    shown: list[tuple[Any, ...]] = field(default_factory=list)
    """The arguments of each Notify, in order."""
    connections: list[socket.socket] = field(default_factory=list)
    serials: Iterator[int] = field(default_factory=lambda: count(1_000_000))
    """Of what is said to everybody."""

    def press(self, number: int, token: str = "") -> None:
        """Press a notification, as somebody at this desktop does."""
        if token:
            self._say("ActivationToken", "us", (number, token))
        self._say("ActionInvoked", "us", (number, "default"))

    def dismiss(self, number: int) -> None:
        """Wipe a notification away."""
        self._say("NotificationClosed", "uu", (number, 2))

    def _say(self, member: str, signature: str, values: tuple[object, ...]) -> None:
        data = new_signal(SERVER, member, signature, values).serialise(serial=next(self.serials))
        for connection in self.connections:
            with suppress(OSError):  # the other side has left
                connection.sendall(data)

    @property
    def told(self) -> list[tuple[str, str]]:
        """The two texts of each notification."""
        return [(arguments[3], arguments[4]) for arguments in self.shown]

    def restart(self) -> None:
        """Break every connection, as a bus that is started anew does."""
        for connection in self.connections:
            connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def desktop(folder: Path) -> Iterator[Desktop]:
    """Be a bus with a desktop on it until the end of the block."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "bus"))
    listener.listen()
    made = Desktop(f"unix:path={folder / 'bus'}")
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            made.connections.append(connection)
            threads.append(threading.Thread(target=_serve, args=(made, connection), daemon=True))
            threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield made
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join(10)
        listener.close()
        for connection in made.connections:
            with suppress(OSError):  # the other side has left
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(10)
        for connection in made.connections:
            connection.close()


def _serve(made: Desktop, connection: socket.socket) -> None:
    serials, parser = count(1), Parser()
    greeting = b""
    while not greeting.endswith(b"BEGIN\r\n"):
        got = connection.recv(1)
        if not got:
            return
        greeting += got
        if greeting.endswith(b"\r\n") and not greeting.endswith(b"BEGIN\r\n"):
            connection.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
    while data := connection.recv(4096):
        parser.add_data(data)
        while (message := parser.get_next_message()) is not None:
            connection.sendall(_answer(made, message).serialise(serial=next(serials)))


def _answer(made: Desktop, message: Message) -> Message:
    method = message.header.fields[HeaderFields.member]
    if method == "Hello":
        return new_method_return(message, "s", (":1.1",))
    if not made.has_server:
        return new_error(message, UNKNOWN, "s", ("Nobody is called so.",))
    if method == "GetCapabilities":
        return new_method_return(message, "as", (made.capabilities,))
    if method == "AddMatch":
        return new_method_return(message)
    assert method == "Notify"
    assert message.header.fields[HeaderFields.signature] == "susssasa{sv}i"
    made.shown.append(message.body)
    return new_method_return(message, "u", (len(made.shown),))
