"""``chat``: one prompt and its answer, or a conversation line by line."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from desktop.cli.live import Line, show_build
from desktop.cli.loop import Interrupted, assembled, load_runs, wait_until
from desktop.controllers.assembly import Assembly
from desktop.controllers.chat import ChatState
from desktop.core.run import Run
from desktop.errors import AppError
from desktop.paths import Home
from trainer_image.contract import Answer, ChatMessage


def chat(arguments: argparse.Namespace, home: Home) -> int:
    """Talk with what a run made."""
    with assembled(home) as assembly:
        show_build(assembly, Line())
        load_runs(assembly)
        run = assembly.runs.find(arguments.run)
        _open(assembly, run, arguments.checkpoint)
        against_base = arguments.against == "base"
        if arguments.prompt is not None:
            answers = ask(assembly, arguments.prompt, against_base=against_base, max_tokens=arguments.max_tokens)
            _print_answers(assembly, answers, as_json=arguments.json)
        else:
            _converse(assembly, against_base=against_base, max_tokens=arguments.max_tokens, as_json=arguments.json)
        return 0


def ask_side_by_side(assembly: Assembly, run: Run, prompt: str, *, as_json: bool) -> None:
    """Let the base and the tuned model answer the same prompt, and print both."""
    if not as_json:
        print(f"\nThe same question to both: {prompt}", file=sys.stderr)
    _open(assembly, run, None)
    answers = ask(assembly, prompt, against_base=True, max_tokens=96)
    if as_json:
        print(
            json.dumps(
                {
                    "kind": "chat",
                    "seq": -1,
                    "time": answers["tuned"].time.isoformat(),
                    **_as_json(answers, None),
                }
            )
        )
    else:
        _print_answers(assembly, answers, as_json=False)


def ask(
    assembly: Assembly,
    prompt: str,
    *,
    against_base: bool,
    max_tokens: int,
    history: list[ChatMessage] | None = None,
) -> dict[str, Answer]:
    """Ask and wait; return the answers by speaker. Ctrl+C stops the answer."""
    chat = assembly.chat
    answers: dict[str, Answer] = {}
    chat.answered.connect(lambda answer: answers.setdefault(answer.speaker, answer))
    chat.ask(prompt, against_base=against_base, max_new_tokens=max_tokens, history=history)
    try:
        wait_until(lambda: chat.state is not ChatState.ANSWERING, chat.state_changed)
    except Interrupted:
        chat.stop()
        wait_until(lambda: chat.state is not ChatState.ANSWERING, chat.state_changed)
    _raise_failure(assembly)
    return answers


def _open(assembly: Assembly, run: Run, step: int | None) -> None:
    chat = assembly.chat
    chat.open(run, step)
    wait_until(lambda: chat.state is not ChatState.OPENING, chat.state_changed)
    _raise_failure(assembly)


def _raise_failure(assembly: Assembly) -> None:
    failure = assembly.chat.failure
    if failure is not None:
        raise AppError(failure.sentence, failure.hint, failure.code)


def _converse(assembly: Assembly, *, against_base: bool, max_tokens: int, as_json: bool) -> None:
    print("Ask; an empty line ends.", file=sys.stderr)
    history: list[ChatMessage] = []
    for line in sys.stdin:
        prompt = line.strip()
        if not prompt:
            return
        answers = ask(assembly, prompt, against_base=against_base, max_tokens=max_tokens, history=history)
        _print_answers(assembly, answers, as_json=as_json)
        history.append(ChatMessage(role="user", content=prompt))
        history.append(ChatMessage(role="assistant", content=answers["tuned"].text))


def _print_answers(assembly: Assembly, answers: dict[str, Answer], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_as_json(answers, assembly.chat.checkpoint)), flush=True)
        return
    for speaker in ("base", "tuned"):
        answer = answers.get(speaker)
        if answer is not None:
            label = f"{speaker:>5}: " if len(answers) > 1 else ""
            print(f"{label}{answer.text}", flush=True)
            print(
                f"       ({answer.tokens_per_s:.0f} tokens/s, first after {answer.first_token_s:.1f} s)",
                file=sys.stderr,
            )


def _as_json(answers: dict[str, Answer], checkpoint: int | None) -> dict[str, Any]:
    tuned = {**_one_as_json(answers["tuned"]), "checkpoint": checkpoint}
    return {**tuned, "base": _one_as_json(answers["base"])} if "base" in answers else tuned


def _one_as_json(answer: Answer) -> dict[str, Any]:
    return {
        "answer": answer.text,
        "first_token_s": answer.first_token_s,
        "tokens_per_s": answer.tokens_per_s,
        "cut": answer.cut,
    }
