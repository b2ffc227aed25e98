"""A process of the trainer that stands by: it imports what a run needs, and waits for the launcher's line."""

from __future__ import annotations

import json
import os
import sys

from trainer_image.contract import RunFolder
from trainer_image.launching.collecting import without_collecting
from trainer_image.launching.rewriting import TRAINERS, import_unsloth
from trainer_image.supervised import STANDBY, obey_launcher, placement, ready_mark


def stand_by(folder: RunFolder) -> None:
    """Return at once where nobody asked for it, else when it is this process's turn; end with the launcher."""
    method = os.environ.pop(STANDBY, None)
    if method is None:
        return
    obey_launcher()
    take_first_card()
    with without_collecting():
        import_everything(method)
    ready_mark(folder, int(os.environ.get("RANK", "0"))).touch()
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    os.environ.update(json.loads(line))
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)


def take_first_card() -> None:
    """Leave a lone process one card, unless the model's layers are spread over several."""
    if "RANK" not in os.environ and placement() != "layers":
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
        os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[0]


def import_everything(name: str) -> None:
    """Import what a run of a method imports, in its order: Unsloth replaces parts of the others as they load."""
    import_unsloth(TRAINERS[name])  # type: ignore[index]
    import torch  # noqa: F401
    import trl  # noqa: F401
    from transformers import set_seed  # noqa: F401

    from trainer_image import methods
    from trainer_image.generating import samples  # noqa: F401
    from trainer_image.training import boundaries, fill_card, lr_search, probe  # noqa: F401

    methods.by_name(name)  # type: ignore[arg-type]
