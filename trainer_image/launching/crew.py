"""Processes that work together: started with a place each, signalled, watched for their end, and cleared away."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

LOOK_S = 0.1


class Crew:
    """The processes of one try. A lone one is started plainly, several as torch expects it of their launcher.

    torchrun would do the same, but it takes seconds to start, and it stands between the processes and their signals.
    """

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], count: int, *, waits: bool = False
    ) -> None:
        """Start the processes; with ``waits`` they get a line on their input when it is their turn: ``release``."""
        self._processes = [
            # A session each: what a terminal sends goes to the launcher alone, which passes it on once.
            subprocess.Popen(
                words, env=one, stdin=subprocess.PIPE if waits else subprocess.DEVNULL, start_new_session=True
            )
            for one in places(environment, count)
        ]
        self._codes: dict[int, int] = {}
        self._codes_before_kill: dict[int, int] = {}
        self._is_killing = False

    @property
    def is_running(self) -> bool:
        """Look who has ended, and say whether anyone still works."""
        self._reap()
        return len(self._codes) < len(self._processes)

    @property
    def is_done(self) -> bool:
        """Say whether the first process, which writes what the run leaves, has come to a good end."""
        return self._codes.get(self._processes[0].pid) == 0

    @property
    def code(self) -> int:
        """Return 0 after a good end, else the first code of those that failed."""
        return 0 if self.is_done else next((code for code in self._codes.values() if code != 0), 0)

    @property
    def was_killed_from_outside(self) -> bool:
        """Say whether a process was ended by a SIGKILL that did not come from here."""
        return -signal.SIGKILL in self._codes_before_kill.values() and not self.is_done

    def send(self, number: int, apart_s: float = 0.0) -> None:
        """Send a signal to every process that still works; with some time between them, what they print stays whole."""
        for process in self._processes:
            if process.pid not in self._codes:
                time.sleep(apart_s)
                with suppress(ProcessLookupError):
                    os.kill(process.pid, number)

    def release(self) -> None:
        """Let processes that wait begin; several meet at a place that is free now."""
        changes = {"MASTER_PORT": str(_free_port())} if len(self._processes) > 1 else {}
        for process in self._processes:
            assert process.stdin is not None
            with suppress(BrokenPipeError), process.stdin:
                process.stdin.write(json.dumps(changes).encode() + b"\n")

    def kill(self) -> None:
        """End every process, and what it has started, and wait until they are gone."""
        self._is_killing = True
        for process in self._processes:
            if process.pid not in self._codes:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        while self.is_running:
            time.sleep(LOOK_S / 10)

    def wait(self, seconds: float) -> bool:
        """Say whether all have ended within so many seconds."""
        deadline = time.monotonic() + seconds
        while self.is_running:
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_S)
        return True

    def _reap(self) -> None:
        """Take in the codes of those that ended; in a container orphans become children of this process, too."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                for process in self._processes:
                    if process.pid == pid:
                        process.returncode = self._codes[pid] = os.waitstatus_to_exitcode(status)
                        if not self._is_killing:
                            self._codes_before_kill[pid] = self._codes[pid]


def places(environment: Mapping[str, str], count: int) -> list[dict[str, str]]:
    """Return the variables of each process; several learn where they meet and who they are."""
    if count == 1:
        return [dict(environment)]
    threads = max(1, (os.cpu_count() or 1) // count)
    # All are on this machine, and a container without a network cannot resolve its own name.
    loopback = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": str(threads)}
    common = {
        **loopback,
        **environment,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
    }
    return [{**common, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
