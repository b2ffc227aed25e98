"""Answers of one step generated in parts where the memory does not hold them all at once.

TRL generates every answer of a step together, however small the micro-batches are, so those would not help.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from trainer_image.reporter import Reporter


def in_parts(generate: Callable[..., Any], reporter: Reporter) -> Callable[..., Any]:
    """Return TRL's way to generate, made to go on with half as many prompts at once whenever the memory is full.

    What has fitted is remembered: later steps begin with it. One answer alone that does not fit ends the run.
    """
    fits: int | None = None

    def generate_in_parts(prompt_ids: Sequence[list[int]], *rest: Any, **names: Any) -> Any:
        nonlocal fits
        done: list[Any] = []
        with_chances = False
        while len(done) < len(prompt_ids):
            rows = min(fits or len(prompt_ids), len(prompt_ids) - len(done))
            try:
                answers = generate(prompt_ids[len(done) : len(done) + rows], *rest, **names)
            except torch.OutOfMemoryError:
                if rows == 1:
                    raise
                fits = rows // 2
            else:
                # GRPO gives the chances of the tokens too, which only vLLM knows; RLOO gives the answers alone.
                with_chances = isinstance(answers, tuple)
                done += answers[0] if with_chances else answers
                reporter.beat()
                continue
            # Only here, outside of the exception's hold on the tensors, is there something to give back.
            torch.cuda.empty_cache()
            reporter.warn(
                "generating_in_parts",
                f"The memory was full while answers were generated: {fits} at once are tried now, in parts.",
                "The steps stay the same and take a little longer.",
            )
        return (done, None) if with_chances else done

    return generate_in_parts
