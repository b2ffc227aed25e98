"""Runs functions of ours in Python processes of their own, so that nothing they do can hold up a window."""

from __future__ import annotations

import ctypes
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, BinaryIO

from desktop.errors import AppError

_PROJECT = Path(__file__).resolve().parent.parent

_LARGE = str(256 << 20)
_SETTINGS = {
    # Hashes of texts have to be the same in every worker.
    "PYTHONHASHSEED": "0",
    # Two threads of BLAS would fight for one core.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
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

    def __init__(self, *words: str, passed: tuple[int, ...] = ()) -> None:
        """Start it; ``words`` tell it to make a twin of itself, see ``twins``."""
        environment = os.environ | _SETTINGS
        environment["PYTHONPATH"] = os.pathsep.join([str(_PROJECT), *_others(environment.get("PYTHONPATH", ""))])
        self._process = subprocess.Popen(
            # Without -P Python would look for modules in the folder that a person happens to be in.
            [sys.executable, "-P", "-m", "desktop.workers", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=passed,
            env=environment,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests: IO[bytes] = self._process.stdin
        self._answers: IO[bytes] = self._process.stdout
        self.is_idle = True

    def start(self, task: str, *arguments: Any) -> None:
        """Give it a task, as ``module:function``; the answers come by ``hear``."""
        self.is_idle = False
        try:
            pickle.dump((task, arguments), self._requests)
            self._requests.flush()
        except OSError as error:
            raise WorkerLost from error

    def hear(self) -> tuple[str, Any]:
        """Wait for the next answer: ("said", value), ("result", value), or the AppError that the task has raised."""
        try:
            word, value = pickle.load(self._answers)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise WorkerLost from error
        self.is_idle = word != "said"
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
        self._close_pipes()

    def let_end(self) -> None:
        """Give it nothing more to do, by which an idle one ends, and wait a moment for that."""
        with suppress(OSError):
            self._requests.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)

    def _close_pipes(self) -> None:
        for pipe in (self._requests, self._answers):
            # What it had not read yet cannot be flushed any more.
            with suppress(OSError):
                pipe.close()


class _Twin(Worker):
    """A copy of another worker, which it does not outlive."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests, self._answers = requests, answers
        self.is_idle = True

    def let_end(self) -> None:
        """Give it nothing more to do; the other one waits for it."""
        with suppress(OSError):
            self._requests.close()

    def close(self) -> None:
        """Forget it: it has ended with the other one, which is closed first."""
        self._close_pipes()


def twins(module: str) -> list[Worker]:
    """Return two workers that have a module loaded, at the price of one where a process can be copied."""
    if sys.platform != "linux":
        return [Worker(), Worker()]
    theirs, requests = os.pipe()
    answers, to_us = os.pipe()
    try:
        first = Worker(module, str(theirs), str(to_us), passed=(theirs, to_us))
    except OSError:
        os.close(requests)
        os.close(answers)
        raise
    finally:
        os.close(theirs)
        os.close(to_us)
    return [first, _Twin(os.fdopen(requests, "wb"), os.fdopen(answers, "rb"))]


class Crew:
    """Several workers that share a list of tasks; ``run`` hears them all on the thread that called."""

    def __init__(self, size: int, module: str) -> None:
        """Start one worker, or two; both are to load the module."""
        self._workers = twins(module) if size > 1 else [Worker()]

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
        """End the processes at once, whatever they are doing."""
        if len(self._workers) > 1 and all(worker.is_idle for worker in self._workers):
            # The second one is a child of the first, which has to see it off.
            for worker in reversed(self._workers):
                worker.let_end()
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
        try:
            pickle.dump((word, value), answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
        except BrokenPipeError:
            # Nobody listens any more. To return would be to wait for the threads of a task that is half done.
            os._exit(0)

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
        except Exception:
            answer("crash", traceback.format_exc())


def _serve_as_two(answers: BinaryIO, module: str, requests_of_twin: int, answers_of_twin: int) -> None:
    """Load a module, and serve as two processes, each with pipes of its own behind the same files; for Linux alone."""
    with suppress(Exception):  # the first task meets the same, and tells it
        import_module(module)
    mine = os.getpid()
    twin = os.fork()
    if not twin:
        end_with_the_other = 1
        ctypes.CDLL(None).prctl(end_with_the_other, signal.SIGKILL)
        if os.getppid() != mine:
            os._exit(0)
        os.dup2(requests_of_twin, sys.stdin.fileno())
        os.dup2(answers_of_twin, answers.fileno())
    os.close(requests_of_twin)
    os.close(answers_of_twin)
    serve(sys.stdin.buffer, answers)
    if twin:
        os.waitpid(twin, 0)
    # There is nothing to tidy up that would be worth the time.
    os._exit(0)


if __name__ == "__main__":
    # Ctrl+C in a terminal is heard by all; who has started this process is the one to end it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Where there are not enough cores for all, the window goes first.
    os.nice(5)
    # What a library prints must not get between the answers.
    own = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if len(sys.argv) > 1:
        _serve_as_two(own, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    serve(sys.stdin.buffer, own)
