"""Runs functions of ours in Python processes of their own, so that nothing they do can hold up a window."""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from desktop.errors import AppError

_PROJECT = Path(__file__).resolve().parent.parent

_LARGE = str(256 << 20)
_SETTINGS = {
    # Hashes of texts have to be the same in every worker.
    "PYTHONHASHSEED": "0",
    # Two threads of BLAS would fight for one core.
    "OMP_NUM_THREADS": "1",
    # Arrays of a megabyte come and go: glibc is to keep their memory, which saves a fifth of the time.
    "MALLOC_MMAP_THRESHOLD_": _LARGE,
    "MALLOC_TRIM_THRESHOLD_": _LARGE,
}

Task = Callable[..., Generator[Any, None, Any]]
"""What a worker runs: it yields what it wants to say on the way, and returns a result. Told by module and name."""


class WorkerLost(AppError):
    """The process has ended before its work was done."""

    def __init__(self) -> None:
        hint = "Close other programs and try again, or take a smaller file."
        super().__init__("The process that read the data has ended, most likely for lack of memory.", hint, "worker")


class Worker:
    """One process, which does one task after the other and stays warm between them."""

    def __init__(self) -> None:
        environment = os.environ | _SETTINGS
        environment["PYTHONPATH"] = os.pathsep.join([str(_PROJECT), *_others(environment.get("PYTHONPATH", ""))])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "desktop.workers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )

    def start(self, task: str, *arguments: Any) -> None:
        """Give it a task, as ``module:function``; the answers come by ``hear``."""
        assert self._process.stdin is not None
        try:
            pickle.dump((task, arguments), self._process.stdin)
            self._process.stdin.flush()
        except OSError as error:
            raise WorkerLost from error

    def hear(self) -> tuple[str, Any]:
        """Wait for the next answer: ("said", value), ("result", value), or the AppError that the task has raised."""
        assert self._process.stdout is not None
        try:
            word, value = pickle.load(self._process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise WorkerLost from error
        if word == "app_error":
            raise AppError(*value)
        if word == "crash":
            raise RuntimeError(f"A worker has crashed:\n{value}")
        return word, value

    def do(self, task: str, *arguments: Any, seconds: float | None = None) -> Any:
        """Run a task to its end and return its result; after so many seconds the process is ended instead."""
        timer = threading.Timer(seconds, self._process.kill) if seconds else None
        if timer:
            timer.start()
        try:
            said = self.stream(task, *arguments)
            while True:
                try:
                    next(said)
                except StopIteration as end:
                    return end.value
        finally:
            if timer:
                timer.cancel()

    def stream(self, task: str, *arguments: Any) -> Generator[Any, None, Any]:
        """Run a task, yield what it says on the way, and return its result."""
        self.start(task, *arguments)
        while True:
            word, value = self.hear()
            if word == "result":
                return value
            yield value

    def close(self) -> None:
        """End the process at once, whatever it is doing; safe to call twice."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            # What it had not read yet cannot be flushed any more.
            with suppress(OSError):
                assert pipe is not None
                pipe.close()


class Crew:
    """Several workers that share a list of tasks; ``run`` hears them all on the thread that called."""

    def __init__(self, size: int) -> None:
        self._workers = [Worker() for _ in range(size)]

    def run(
        self,
        tasks: list[tuple[Any, ...]],
        heard: Callable[[int, str, Any], None],
        every: float = 0.1,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        """Do every task; ``heard(number, word, value)`` gets what each says, and ``tick`` is called in between."""
        waiting = iter(enumerate(tasks))
        lock, answers = threading.Lock(), queue.SimpleQueue[tuple[int, str, Any]]()

        def serve(worker: Worker) -> None:
            try:
                while True:
                    with lock:
                        number, task = next(waiting, (-1, ()))
                    if number < 0:
                        break
                    worker.start(*task)
                    word = ""
                    while word != "result":
                        word, value = worker.hear()
                        answers.put((number, word, value))
            except Exception as error:  # told on the thread that called
                answers.put((-1, "error", error))
            answers.put((-1, "idle", None))

        threads = [threading.Thread(target=serve, args=(worker,), daemon=True) for worker in self._workers]
        for thread in threads:
            thread.start()
        busy = len(threads)
        while busy:
            tick()
            try:
                number, word, value = answers.get(timeout=every)
            except queue.Empty:
                continue
            if word == "error":
                raise value
            if word == "idle":
                busy -= 1
            else:
                heard(number, word, value)

    def close(self) -> None:
        for worker in self._workers:
            worker.close()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _others(path: str) -> list[str]:
    return [path] if path else []


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Do the tasks that come in until no more can come; this is the worker's side."""

    def answer(word: str, value: Any) -> None:
        pickle.dump((word, value), answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()

    while True:
        try:
            task, arguments = pickle.load(requests)
        except EOFError:
            return
        try:
            module, _, name = task.partition(":")
            work: Task = getattr(import_module(module), name)
            running = work(*arguments)
            while True:
                try:
                    answer("said", next(running))
                except StopIteration as end:
                    answer("result", end.value)
                    break
        except AppError as error:
            answer("app_error", (error.sentence, error.hint, error.code))
        except BrokenPipeError:
            return
        except Exception:
            answer("crash", traceback.format_exc())


if __name__ == "__main__":
    # Where there are not enough cores for all, the window goes first.
    os.nice(5)
    # What a library prints must not get between the answers.
    own = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, own)
