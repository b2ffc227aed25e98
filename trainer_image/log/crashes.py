"""A crash in words: which known trouble an exception or a log is about, and what to do."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

from trainer_image.contract import FailureCode
from trainer_image.errors import TrainerError

# torch.save counts bytes instead of reading the error: a full disk is an "unexpected pos" to it.
_NO_SPACE = re.compile(
    r"No space left on device|os error 28|Disk quota exceeded|PytorchStreamWriter failed|unexpected pos \d+ vs \d+",
    re.I,
)
_NO_MEMORY = re.compile(r"out of memory|can't allocate memory|Cannot allocate memory|CUBLAS_STATUS_ALLOC_FAILED", re.I)
_NO_GPU = re.compile(r"no CUDA-capable device|no kernel image|CUDA driver|NVIDIA driver|cudaGetDeviceCount", re.I)

# What gloo and NCCL say, in Python or in the log, when one process has waited in vain for another.
_NO_ANSWER = re.compile(
    r"Timed out waiting \d+ms for (send|recv) operation|Watchdog caught collective operation timeout"
    r"|wait timeout after \d+ ?ms|DistStoreError: .*[Tt]imed out|Collective operation timed out",
)

_WORDS: dict[FailureCode, tuple[str, str]] = {
    "disk_full": (
        "The disk is full.",
        "Free some space, keep fewer checkpoints, then resume: the last complete checkpoint is still there.",
    ),
    "out_of_memory": (
        "The memory is full.",
        "Lower Rows at once or Longest row, switch on Gradient checkpointing or 4-bit base, then resume.",
    ),
    "gpu_missing": (
        "The GPU cannot be used.",
        "Run the doctor: it looks at the card, its driver and the container toolkit.",
    ),
    "hung": (
        "The processes of the run waited for each other until their time was up.",
        "Resume to go on from the last checkpoint; if it happens again, set Use of the cards to one.",
    ),
}


def explain(error: BaseException) -> tuple[FailureCode, str, str]:
    """Return code, sentence and hint for an exception, judged by everything in its chain."""
    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, TrainerError):
            return one.code, one.sentence, one.hint
    for one in chain:
        if code := _known_code(one):
            return code, *_WORDS[code]
    first_line = (str(error).strip().splitlines() or [""])[0][:300]
    sentence = f"The trainer crashed: {type(error).__name__}{': ' if first_line else ''}{first_line}"
    return "crashed", sentence, "The log has the details. Resume to go on from the last checkpoint."


def is_disk_full(error: BaseException) -> bool:
    """Say whether the operating system has no room left."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _known_code(error: BaseException) -> FailureCode | None:
    text = str(error)
    if is_disk_full(error) or _NO_SPACE.search(text):
        return "disk_full"
    # torch is not imported here, so its own class is known by name.
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"MemoryError", "OutOfMemoryError"} or _NO_MEMORY.search(text):
        return "out_of_memory"
    if isinstance(error, RuntimeError | AssertionError) and _NO_GPU.search(text):
        return "gpu_missing"
    return "hung" if _NO_ANSWER.search(text) else None


def explain_log(text: str) -> tuple[FailureCode, str, str] | None:
    """Return code, sentence and hint where the end of a log names the reason; torch aborts from C++ without a word."""
    if _NO_ANSWER.search(text):
        return "hung", *_WORDS["hung"]
    if _NO_MEMORY.search(text):
        return "out_of_memory", *_WORDS["out_of_memory"]
    if _NO_SPACE.search(text):
        return "disk_full", *_WORDS["disk_full"]
    return None


# Frames of transformers' generation, of TRL's and Unsloth's ways to it, and of our own.
_GENERATING = re.compile(r"transformers/generation/|in _generate_single_turn\b|fast_generate\b|in _answer\b")


def was_generating(traceback: str) -> bool:
    """Say whether a trainer failed while it made answers, which smaller micro-batches would not shrink."""
    return bool(_GENERATING.search(traceback))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
