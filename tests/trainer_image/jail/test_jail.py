"""Code that a model wrote is run shut in, judged by its tests, and harms nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from trainer_image.jail.run import JailResult, Limits, Program, layers, run, run_many

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is of Linux")

QUICK = Limits(seconds=10)


def _judge(code: str, *tests: str, setup: str = "", limits: Limits = QUICK) -> JailResult:
    return run(Program(textwrap.dedent(code), setup=setup, tests=tests), limits)


def _outcome_of(statements: str) -> str:
    """Return what came of an attempt: the name of the error, or "done"."""
    attempt = ["import os", "try:", textwrap.indent(statements, "    "), "    print('done')"]
    reported = [*attempt, "except BaseException as error:", "    print(type(error).__name__)"]
    return _judge("\n".join(reported), "pass").output.strip()


REFUSALS = ("PermissionError", "FileNotFoundError", "RuntimeError", "ValueError")


# What it is for


def test_the_share_of_tests_that_pass_and_what_was_printed() -> None:
    code = "def add(a, b):\n    print('adding')\n    return a + b"
    result = _judge(code, "assert add(1, 2) == 3", "assert add(1, 1) == 3")
    assert (result.passed, result.tests) == (1, 2)
    assert result.output == "adding\nadding\n"
    assert result.problem == "Test 2 failed: assert add(1, 1) == 3"


FITTING = {
    "plain values": (
        "def f(x): return [x, (x, {x}), {'k': x}], b'a', 1j, 2.5, None, frozenset([1])",
        "assert f(1) == ([1, (1, {1}), {'k': 1}], b'a', 1j, 2.5, None, frozenset([1]))",
    ),
    "long numbers": ("def f(): return 10**5000", "assert f() == 10**5000"),
    "a list changed in place": ("def f(xs): xs.sort()", "xs = [3, 1, 2]; f(xs); assert xs == [1, 2, 3]"),
    "functions handed over": (
        "def f(g, xs): return [g(x) for x in xs]",
        "assert f(lambda x: x + 1, [1, 2]) == [2, 3] and f(str, [1]) == ['1']",
    ),
    "generators": (
        """
        def f(n):
            yield from range(n)
        """,
        "assert list(f(3)) == [0, 1, 2] and 2 in f(3)",
    ),
    "exceptions": (
        """
        class Full(Exception): pass
        def f(x):
            if x: raise Full()
            raise ValueError("no")
        """,
        """
        for value, kind in ((1, Full), (0, ValueError)):
            try:
                f(value)
            except kind:
                continue
            assert False
        """,
    ),
    "classes": (
        """
        class Stack:
            def __init__(self): self.items = []
            def push(self, x): self.items.append(x)
            def __len__(self): return len(self.items)
            def __getitem__(self, i): return self.items[i]
        """,
        """
        s = Stack(); s.push(4); s.push(5)
        assert len(s) == 2 and s[1] == 5 and s.items == [4, 5] and isinstance(s, Stack)
        """,
    ),
    "operators": (
        """
        class P:
            def __init__(self, x): self.x = x
            def __eq__(self, o): return self.x == o.x
            def __add__(self, o): return P(self.x + o.x)
            def __repr__(self): return f"P({self.x})"
        """,
        "assert P(1) + P(2) == P(3) and repr(P(1)) == 'P(1)' and P(1) != P(2)",
    ),
    "modules": ("import math\ndef f(x): return math.sqrt(x)", "assert math.isclose(f(2), 1.41421356, rel_tol=1e-6)"),
    "dataclasses": ("import dataclasses\n@dataclasses.dataclass\nclass D:\n    a: int", "assert D(3).a == 3"),
    "a name that Python has too": ("def sum(a, b): return a * b", "assert sum(3, 4) == 12"),
    "the standard library": (
        """
        import datetime, re, json, random, hashlib, decimal
        def f(): return datetime.datetime.now().year > 2000
        """,
        "assert f()",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("code", "test"), FITTING.values(), ids=FITTING)
def test_tests_are_written_as_if_the_code_stood_beside_them(code: str, test: str) -> None:
    result = _judge(code, textwrap.dedent(test))
    assert (result.passed, result.problem) == (1, "")


def test_a_setup_stands_before_the_tests() -> None:
    assert _judge("def f(x): return x", "assert f(LIMIT) == 7", setup="import math\nLIMIT = 7").passed == 1


def test_programs_that_read_and_print() -> None:
    pairs = (("3\n", "6"), ("4\n", "8\n\n"), ("5\n", "11\n"))
    result = run(Program("print(int(input()) * 2)", pairs=pairs), QUICK)
    assert (result.passed, result.tests) == (2, 3)
    assert result.problem == "Test 3 printed '10\\n' instead of '11\\n'."


def test_many_programs_keep_their_order() -> None:
    results = run_many([Program(f"def f(): return {n}", tests=("assert f() % 2 == 0",)) for n in range(6)], QUICK)
    assert [result.passed for result in results] == [1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def f(:", "did not load: SyntaxError"),
        ("import numpy", "No module named 'numpy'"),
        ("def g(): pass", "name 'f' is not defined"),
        ("def f(): return 1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_program_that_fails_says_why(code: str, words: str) -> None:
    result = _judge(code, "assert f() == 1")
    assert result.passed == 0
    assert words in result.problem


# What it must not do


def test_an_endless_loop_is_ended_and_earlier_tests_count() -> None:
    code = "def f(x):\n    while x: pass\n    return 1"
    result = _judge(code, "assert f(0) == 1", "assert f(1) == 1", limits=Limits(seconds=2))
    assert (result.passed, result.problem) == (1, "It took longer than 2 s.")


def test_an_endless_loop_while_loading_or_reading_is_ended() -> None:
    assert _judge("while True: pass", "assert True", limits=Limits(seconds=1)).problem == "It took longer than 1 s."
    endless = Program("while True: pass", pairs=(("", ""), ("", "")))
    assert run(endless, Limits(seconds=1)).problem == "It took longer than 1 s."


def test_too_much_output_is_cut_off() -> None:
    result = _judge("def f():\n    while True: print('x' * 1000)", "f()")
    assert result.passed == 0
    assert "more than 256 KiB" in result.problem
    assert len(result.output) <= QUICK.output_bytes


def test_memory_runs_out_inside_only() -> None:
    result = _judge("def f(): return len([0] * 10**10)", "assert f() == 10**10")
    assert "MemoryError" in result.problem


@pytest.mark.parametrize(
    "statements",
    [
        "os.fork()",
        "while True: os.fork()",
        "import threading; threading.Thread(target=print).start()",
        "import subprocess; subprocess.run(['/bin/true'])",
        "os.execv('/bin/true', ['true'])",
        "import socket; socket.socket()",
        "import socket; socket.socketpair()",
        "os.kill(os.getppid(), 9)",
        "os.kill(-1, 9)",
        "os.killpg(os.getpgid(os.getppid()), 9)",
        "import signal; signal.pidfd_send_signal(os.pidfd_open(os.getppid()), 9)",
        "import fcntl; fcntl.fcntl(1, fcntl.F_SETOWN, 1)",
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (99, 99))",
        "open('made', 'w')",
        "os.mkdir('made')",
        "os.symlink('/etc/passwd', 'made')",
        "os.chmod('.', 0o777)",
        "os.memfd_create('x')",
        "os.listdir('/proc')",
        "open('/proc/self/environ').read()",
        "open('/etc/passwd').read()",
        "os.listdir('/')",
        "os.setsid()",
        "os.nice(-5)",
    ],
)
def test_what_reaches_out_is_refused(statements: str) -> None:
    assert _outcome_of(statements) in REFUSALS


def test_files_of_others_are_neither_read_nor_changed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the key", encoding="utf-8")
    for attempt in (
        f"open({str(secret)!r}).read()",
        f"open({str(secret)!r}, 'a').write('x')",
        f"os.remove({str(secret)!r})",
        f"os.truncate({str(secret)!r}, 0)",
        f"os.rename({str(secret)!r}, {str(tmp_path / 'other')!r})",
        f"open({str(tmp_path / 'new')!r}, 'x')",
        f"import shutil; shutil.rmtree({str(tmp_path)!r})",
        f"os.utime({str(secret)!r})",
        f"os.listdir({str(tmp_path)!r})",
    ):
        assert _outcome_of(attempt) in REFUSALS, attempt
    assert [path.name for path in tmp_path.iterdir()] == ["secret.txt"]
    assert secret.read_text(encoding="utf-8") == "the key"


def test_a_call_past_python_is_refused_too() -> None:
    numbers = {"x86_64": {"ptrace": 101, "clone": 56, "io_uring_setup": 425, "mount": 165, "bpf": 321, "keyctl": 250}}
    numbers["aarch64"] = {"ptrace": 117, "clone": 220, "io_uring_setup": 425, "mount": 40, "bpf": 280, "keyctl": 219}
    calls = list(numbers[os.uname().machine].values())
    code = f"""
        import ctypes
        def f():
            libc = ctypes.CDLL(None, use_errno=True)
            return [(libc.syscall(n, 0, 0, 0, 0, 0), ctypes.get_errno()) for n in {calls}]
    """
    assert _judge(code, f"assert f() == [(-1, 1)] * {len(calls)}").problem == ""


def test_nothing_of_the_trainer_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "the key")
    code = "import os, sys\ndef f(): return dict(os.environ), sys.argv, [p for p in sys.path if 'python' not in p]"
    result = _judge(code, "assert 'HF_TOKEN' not in f()[0] and f()[1:] == ([''], [])")
    assert result.problem == ""


def test_no_process_is_left_behind() -> None:
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    before = children.read_text(encoding="utf-8").split()
    _judge("def f():\n    while True: pass", "f()", limits=Limits(seconds=1))
    # What another test has left may end meanwhile.
    assert set(children.read_text(encoding="utf-8").split()) <= set(before)


# The walls themselves


def test_the_walls_are_named() -> None:
    assert layers()[:3] == ("limits", "no new privileges", "seccomp")


def test_without_landlock_no_file_can_be_opened() -> None:
    script = """
        import os
        from trainer_image.jail import walls
        walls._hide_files = lambda libc: False
        print(walls.build(1 << 29, 10, os.getppid())[-1])
        import statistics, json
        try: open(os.devnull)
        except PermissionError: print("refused")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.split("\n") == ["no files", "refused", ""], done.stderr
