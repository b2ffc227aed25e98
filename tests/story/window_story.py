"""The main job in a real window: ``python tests/story/window_story.py HOME PICTURES [--dark]``.

Presses what a newcomer presses: Run the example, wait, ask both models; takes a picture of each view on the way.
Prints one JSON object with what was seen. The README's pictures come from here.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from desktop.app import build_window
from desktop.controllers.assembly import assemble
from desktop.controllers.chat import ChatState
from desktop.controllers.demo import QUESTION
from desktop.core.run import RunState
from desktop.paths import Home

SIZES = {"small": (1280, 720), "large": (1920, 1080)}


def main() -> None:
    """Tell the story once."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("home", type=Path)
    words.add_argument("pictures", type=Path)
    words.add_argument("--dark", action="store_true")
    asked = words.parse_args()
    asked.pictures.mkdir(parents=True, exist_ok=True)
    application = QApplication([])
    assembly = assemble(Home(asked.home))
    window = build_window(assembly)
    crashes: list[BaseException] = []
    assembly.jobs.crashed.connect(crashes.append)
    window.actions_by_name["theme_dark" if asked.dark else "theme_light"].trigger()
    assembly.runs.load()
    assembly.hardware.start()
    window.show()
    theme = "dark" if asked.dark else "light"

    def picture(name: str) -> None:
        for size, (width, height) in SIZES.items():
            window.resize(width, height)
            settle(600)
            window.grab().save(str(asked.pictures / f"{name}-{theme}-{size}.png"))

    wait(lambda: assembly.hardware.engine is not None, 60, "the engine's answer")
    window.actions_by_name["view_setup"].trigger()
    picture("setup")
    window.config_dock.starter.start_example("docker")
    wait(lambda: bool(assembly.runs.all()), 900, "the run")
    run_id = assembly.runs.all()[0].id

    def run() -> Any:
        return assembly.runs.get(run_id)

    wait(lambda: run().step >= 60 or not run().state.is_live, 900, "step 60")
    watched = window.views.current
    picture("watch")
    wait(lambda: not run().state.is_live, 900, "the end of the run")
    window.actions_by_name["talk"].trigger()
    wait(lambda: assembly.chat.state in (ChatState.READY, ChatState.FAILED), 300, "the chat")
    window.chat_dock.ask(QUESTION)
    wait(lambda: assembly.chat.state is ChatState.READY, 300, "the answers")
    picture("judge")
    seen = {
        "state": run().state,
        "watched": watched,
        "judged": window.views.current,
        "steps": len(assembly.runs.series(run_id)),
        "losses": assembly.runs.series(run_id).column("loss").tolist(),
        "answers": {turn.speaker: turn.answer for turn in assembly.store.turns(run_id)},
        "crashes": [repr(crash) for crash in crashes],
    }
    assert run().state is RunState.FINISHED, run().failure
    window.close()
    assembly.close()
    del application
    print(json.dumps(seen))


def settle(milliseconds: int) -> None:
    """Let the window draw for a while."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def wait(is_true: Callable[[], bool], seconds: float, what: str) -> None:
    """Let the window live until something is true."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        settle(100)


if __name__ == "__main__":
    main()
