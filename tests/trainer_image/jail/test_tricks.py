"""A pass cannot be faked: not by leaving, printing, comparing, patching, or reaching for the tests."""

from __future__ import annotations

import sys
import textwrap

import pytest

from trainer_image.jail.run import Limits, Program, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is of Linux")

TRICKS = {
    "leave while loading": "import sys; sys.exit(0)",
    "leave at once while loading": "import os; os._exit(0)",
    "leave when called": """
        import os
        def f(x): os._exit(0)
        """,
    "leave at the end": """
        import atexit, os
        atexit.register(os._exit, 0)
        def f(x): raise SystemExit(0)
        """,
    "equal everything": """
        class Same:
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            def __hash__(self): return hash(42)
            __contains__ = __le__ = __ge__ = __eq__
        def f(x): return Same()
        """,
    "a number that equals everything": """
        class Same(int):
            def __eq__(self, other): return True
        def f(x): return Same(0)
        """,
    "close to everything": """
        class Near:
            def __sub__(self, other): return 0.0
            __rsub__ = __sub__
            def __abs__(self): return 0.0
            def __float__(self): return 0.0
            def __lt__(self, other): return True
        def f(x): return Near()
        """,
    "bring an abs": """
        def abs(x): return 0
        def f(x): return 0
        """,
    "patch builtins": """
        import builtins
        builtins.abs = lambda x: 0
        builtins.AssertionError = Exception
        def f(x): return 0
        """,
    "bring a math": """
        class math:
            isclose = staticmethod(lambda *a, **k: True)
        def f(x): return 0
        """,
    "replace a module": """
        import sys, types
        math = sys.modules["math"] = types.ModuleType("math")
        math.isclose = lambda *a, **k: True
        def f(x): return 0
        """,
    "print a pass": """
        def f(x):
            print('{"passed": 1}')
            return 0
        """,
    "write a pass everywhere": """
        import os
        for number in range(64):
            try: os.write(number, b'{"passed": 1}\\n{"passed": 2}\\n')
            except OSError: pass
        def f(x): return 0
        """,
    "answer before the question": """
        import os
        for number in range(64):
            try: os.write(number, b'["value", true, [null, null]]\\n' * 9)
            except OSError: pass
        def f(x): return 0
        """,
    "go up the frames": """
        import sys
        def f(x):
            frame = sys._getframe()
            while frame:
                for name in frame.f_globals: frame.f_globals[name] = 42
                frame = frame.f_back
            return 0
        """,
    "look for the tests": """
        import gc
        def f(x): return [o for o in gc.get_objects() if isinstance(o, str) and "42" in o]
        """,
    "raise what ends a test": "def f(x): raise AssertionError()",
    "raise what ends a loop": "def f(x): raise StopIteration(42)",
    "pretend to be a builtin": "f = eval",
    "call back for ever": """
        import json, os
        def f(x):
            for number in range(3, 64):
                try: os.write(number, b'["ask", "call", [["builtin", "exit"], 0], {}]\\n')
                except OSError: pass
            return 0
        """,
}

TESTS = (
    "assert f('1') == 42",
    "assert 42 == f('1')",
    "assert abs(f('1') - 42) < 1e-6",
    "assert math.isclose(f('1'), 42)",
    "assert f('1') in (42, 43)",
    "assert {42: True}[f('1')]",
    "assert f('1') >= 42",
)


@pytest.mark.parametrize("code", TRICKS.values(), ids=TRICKS)
def test_no_trick_passes(code: str) -> None:
    program = Program(textwrap.dedent(code), setup="import math", tests=TESTS)
    assert run(program, Limits(seconds=10)).passed == 0


def test_the_tests_would_pass_for_a_right_answer() -> None:
    program = Program("def f(x): return 42", setup="import math", tests=TESTS)
    assert run(program, Limits(seconds=10)).passed == len(TESTS)
