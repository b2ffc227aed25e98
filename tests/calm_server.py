"""A server on this machine for tests, which stays calm when who asked hangs up."""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class CalmServer(ThreadingHTTPServer):
    """Says nothing of a connection that is cut: its words would stand among those that a test looks at."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)
