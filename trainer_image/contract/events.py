"""Events: what the trainer says, one JSON object a line in ``events.jsonl``, only ever appended."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from trainer_image.contract.version import CONTRACT

PhaseName = Literal["self_test", "import", "load", "data", "probe", "compile", "train", "generate", "evaluate", "save"]
"""self_test: the cards try to talk to each other; probe: the longest batch is tried; generate: answers are sampled."""
PlacementName = Literal["one", "data_parallel", "sharded", "layers"]
FailureCode = Literal[
    "bad_config",
    "bad_data",
    "bad_reward",
    "data_changed",
    "model_missing",
    "model_unsupported",
    "no_checkpoint",
    "gpu_missing",
    "cards_cannot_talk",
    "hung",
    "gpu_lost",
    "out_of_memory",
    "disk_full",
    "diverged",
    "not_started",
    "crashed",
]


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_finite)]
"""A measured number, or None where it is none: JSON has no NaN."""


class Gpu(BaseModel):
    """One card as the trainer sees it; sizes in bytes."""

    model_config = ConfigDict(frozen=True)

    index: int
    name: str
    total_bytes: int


class _Event(BaseModel):
    """What every event carries. Fields from a newer trainer are ignored; numbers are finite or None."""

    model_config = ConfigDict(extra="ignore", frozen=True, ser_json_inf_nan="null")

    seq: int = 0
    time: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Hello(_Event):
    """The trainer is up. A second Hello in a file is a resume, and undoes the steps after ``resumed_from``."""

    kind: Literal["hello"] = "hello"
    contract: int = CONTRACT
    versions: dict[str, str]
    device: Literal["cpu", "cuda"]
    backend: str
    gpus: list[Gpu]
    processes: int
    seed: int
    resumed_from: int | None = None
    image: str = ""
    """The id of the image, where it runs in a container."""
    driver: str = ""
    """NVIDIA's driver, where there is one."""


class Placement(_Event):
    """How the run uses the cards, and why; known before the trainer's processes start."""

    kind: Literal["placement"] = "placement"
    placement: PlacementName
    cards: list[int]
    """The cards used, as the machine numbers them; none on a CPU."""
    processes: int
    sentence: str
    predicted_bytes: list[int] = []
    """The peak that torch is expected to report of each card, as ``Step.gpu_peak_bytes`` has it."""
    settings: dict[str, str] = {}
    """Variables set for the cards to talk, such as NCCL_P2P_DISABLE."""


class Batch(_Event):
    """How the batch of a step is cut, where the trainer chose: the product is what the config asked for."""

    kind: Literal["batch"] = "batch"
    per_device_train_batch_size: int
    gradient_accumulation_steps: int
    gradient_checkpointing: bool
    sentence: str


class Phase(_Event):
    """A part of the run begins (``seconds`` is None), has come so far (``done`` is given) or has ended.

    What is counted is the phase's own: rows while data is read, batches in evaluate and generate.
    """

    kind: Literal["phase"] = "phase"
    name: PhaseName
    seconds: float | None = None
    """How long it took, once it has ended."""
    done: int | None = None
    total: int | None = None


class Plan(_Event):
    """What is going to happen, known once model and data are loaded."""

    kind: Literal["plan"] = "plan"
    total_steps: int
    epochs: float
    batch_rows: int
    """Rows that one step sees: rows at once x accumulation x processes."""
    train_rows: int
    eval_rows: int
    rows_left_out: int
    rows_cut: int
    """Rows longer than max_length."""
    trained_tokens: int
    total_tokens: int
    trainable_parameters: int
    total_parameters: int
    dataset_sha256: str
    model_fingerprint: str = ""
    """A digest of the model's config and of the sizes and heads of its weights; empty where it has no folder."""


class Step(_Event):
    """One optimizer step; ``tokens`` counts from the start of the run, padding left out.

    ``metrics`` are the method's own: rewards/margins, reward, kl, completions/mean_length and so on.
    """

    kind: Literal["step"] = "step"
    step: int
    epoch: float
    loss: Number
    learning_rate: float
    grad_norm: Number
    tokens: int
    tokens_per_s: float
    step_s: float
    gpu_peak_bytes: list[int] = []
    metrics: dict[str, Number] = {}


class Evaluation(_Event):
    """The loss on the rows held back, and the method's own metrics; ``is_best`` says that none was better so far."""

    kind: Literal["evaluation"] = "evaluation"
    step: int
    loss: Number
    metrics: dict[str, Number] = {}
    seconds: float
    is_best: bool = False


class Completion(_Event):
    """One answer that was tried and rewarded; ``rewards`` has each reward by its name, None where it has no say."""

    kind: Literal["completion"] = "completion"
    step: int
    prompt: str
    text: str
    answer: str = ""
    """What the row has as the right answer."""
    reward: Number
    """The weighted sum."""
    rewards: dict[str, Number] = {}


class Round(_Event):
    """A round of STaR has sampled: what was solved, what a hint helped to solve, and what is learned from next."""

    kind: Literal["round"] = "round"
    round: int
    rounds: int
    problems: int
    solved: int
    hinted: int
    kept: int
    """Solutions that this round trains on."""
    seconds: float


class Suggestion(_Event):
    """A value that the run found for a knob."""

    kind: Literal["suggestion"] = "suggestion"
    knob: str
    value: float
    sentence: str


class OutOfMemory(_Event):
    """The memory of a card was full; the run goes on from its last checkpoint with smaller micro-batches."""

    kind: Literal["out_of_memory"] = "out_of_memory"
    attempt: int
    attempts: int
    per_device_train_batch_size: int
    gradient_accumulation_steps: int
    sentence: str


class Sample(_Event):
    """What the model answers to a sample prompt at this step."""

    kind: Literal["sample"] = "sample"
    step: int
    prompt: str
    text: str


class Checkpoint(_Event):
    """A complete checkpoint lies in ``folder`` (relative to the run folder)."""

    kind: Literal["checkpoint"] = "checkpoint"
    step: int
    folder: str
    size_bytes: int
    seconds: float


class Warned(_Event):
    """Something that the user should know and that does not end the run."""

    kind: Literal["warning"] = "warning"
    code: str
    sentence: str
    hint: str = ""


class ClockSet(_Event):
    """Somebody has set the machine's clock since the event before, by so many seconds: forward, or back below zero.

    The times of all events before are by the clock as it was; nothing else has happened.
    """

    kind: Literal["clock_set"] = "clock_set"
    seconds: float


class Finished(_Event):
    """Trained to the end; what was learned lies in ``adapter`` (relative to the run folder).

    That is a LoRA adapter, or a whole model where all weights were trained; None where a run keeps no model.
    """

    kind: Literal["finished"] = "finished"
    step: int
    adapter: str | None
    seconds: float
    best_step: int | None = None
    """The step whose weights were kept, where it is not the last one."""


class Paused(_Event):
    """Stopped, to go on later from ``checkpoint``; None where there is none yet."""

    kind: Literal["paused"] = "paused"
    step: int
    checkpoint: str | None = None
    code: str = ""
    """Why the trainer stopped by itself, as disk_full; empty where it was asked to."""
    sentence: str = ""
    hint: str = ""


class Cancelled(_Event):
    """Stopped on request for good; a checkpoint is kept if a step was made."""

    kind: Literal["cancelled"] = "cancelled"
    step: int
    checkpoint: str | None = None


class Failed(_Event):
    """The run cannot go on: what happened, and what to do."""

    kind: Literal["failed"] = "failed"
    code: FailureCode
    sentence: str
    hint: str
    traceback: str = ""


class ChatReady(_Event):
    """The model is loaded and waits for prompts."""

    kind: Literal["chat_ready"] = "chat_ready"
    seconds: float
    checkpoint: str | None = None


class Token(_Event):
    """A piece of an answer, as text; ``speaker`` says whose."""

    kind: Literal["token"] = "token"
    prompt_id: str
    speaker: Literal["tuned", "base"]
    text: str


class Answer(_Event):
    """An answer is complete, or was stopped."""

    kind: Literal["answer"] = "answer"
    prompt_id: str
    speaker: Literal["tuned", "base"]
    text: str
    tokens: int
    first_token_s: float
    tokens_per_s: float
    stopped: bool = False
    cut: Literal["", "length", "context"] = ""
    """Why it ends where the model would have gone on: it is as long as answers may be, or the conversation is full."""


TrainingEvent = (
    Hello
    | Placement
    | Batch
    | Phase
    | Plan
    | Step
    | Evaluation
    | Completion
    | Round
    | Suggestion
    | OutOfMemory
    | Sample
    | Checkpoint
    | Warned
    | ClockSet
    | Finished
    | Paused
    | Cancelled
    | Failed
)
ChatEvent = ChatReady | Token | Answer
Event = TrainingEvent | ChatEvent
End = Finished | Paused | Cancelled | Failed

event_reader: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


class UnknownLine(BaseModel):
    """A whole line that this side cannot read: a newer trainer's event, or damage."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["unknown"] = "unknown"
    line: str


def read_event(line: str | bytes) -> Event | UnknownLine:
    """Read one line of ``events.jsonl``; a line of an unknown kind, or a broken one, is kept as it is."""
    try:
        return event_reader.validate_json(line)
    except ValidationError:
        text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        return UnknownLine(line=text)


def write_event(event: Event) -> str:
    """Return the event as one line of JSON with its newline."""
    return event.model_dump_json() + "\n"
