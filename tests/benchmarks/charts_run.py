"""Makes the events of long runs for the other programs here: spikes, a gap, evaluations, checkpoints, a resume."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 1, 1, tzinfo=UTC)


def step_line(seq: int, step: int, loss: float | None, moment: datetime, dice: random.Random) -> str:
    """Return a step as the trainer writes it."""
    said = "null" if loss is None else repr(loss)
    time = moment.isoformat().replace("+00:00", "Z")
    return (
        f'{{"seq":{seq},"time":"{time}","kind":"step","step":{step},"epoch":{step / 1000!r},"loss":{said},'
        f'"learning_rate":{1e-4 * (1 - step / 2e6)!r},"grad_norm":{dice.random() + 0.5!r},"tokens":{step * 2048},'
        f'"tokens_per_s":{3900 + 200 * dice.random()!r},"step_s":{0.5 + 0.05 * dice.random()!r},'
        f'"gpu_peak_bytes":[11811160064,11811160064],'
        f'"metrics":{{"mean_token_accuracy":{0.8 - 0.3 * math.exp(-step / 1e5) + 0.02 * dice.random()!r}}}}}\n'
    )


def write_run(path: Path, steps: int, seed: int = 1) -> None:
    """Write the events of a run of so many steps."""
    dice = random.Random(seed)
    seq = 0
    with path.open("w") as file:

        def say(kind: str, rest: str, moment: datetime) -> None:
            nonlocal seq
            seq += 1
            time = moment.isoformat().replace("+00:00", "Z")
            file.write(f'{{"seq":{seq},"time":"{time}","kind":"{kind}",{rest}}}\n')

        hello = (
            '"contract":2,"versions":{},"device":"cuda","backend":"unsloth","gpus":[],"processes":1,"seed":1,'
            '"resumed_from":null'
        )
        say("hello", hello, START)
        plan = (
            f'"total_steps":{steps},"epochs":3.0,"batch_rows":8,"train_rows":{steps * 8},"eval_rows":64,'
            '"rows_left_out":0,"rows_cut":0,"trained_tokens":1,"total_tokens":1,"trainable_parameters":1,'
            '"total_parameters":1,"dataset_sha256":""'
        )
        say("plan", plan, START)
        for step in range(1, steps + 1):
            moment = START + timedelta(seconds=step * 0.525)
            loss = 1.1 + 2.5 * math.exp(-step / (steps / 6)) + dice.gauss(0, 0.1)
            if step % 99_991 == 0:
                loss += 8  # one step alone
            seq += 1
            file.write(step_line(seq, step, None if 400_000 < step < 400_200 else loss, moment, dice))
            if step % 1000 == 0:
                say("evaluation", f'"step":{step},"loss":{loss!r},"metrics":{{}},"seconds":3.0,"is_best":false', moment)
            if step % 20_000 == 0:
                rest = f'"step":{step},"folder":"checkpoints/checkpoint-{step}","size_bytes":1,"seconds":1.0'
                say("checkpoint", rest, moment)
