"""The agreement between the app and the trainer: knobs, events, requests and the names in a run folder.

Both sides import this file and nothing else of each other (``formats`` aside). It needs pydantic only, and runs on
the app's Python and on the image's. ``CONTRACT`` goes up whenever an older side could misread a newer one.
"""

from __future__ import annotations

import difflib
import json
import math
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

CONTRACT = 1
"""The number that the app and the image compare before a run."""

Method = Literal["sft"]
METHODS: tuple[Method, ...] = get_args(Method)

Level = Literal["beginner", "expert"]
Group = Literal["What", "Training", "Data", "LoRA", "Memory", "Evaluation", "Checkpoints", "Machine"]


def _knob(
    default: Any = ...,
    *,
    label: str,
    help: str,
    group: Group,
    level: Level = "expert",
    unit: str = "",
    methods: Iterable[Method] = METHODS,
    optional_hint: str = "",
    **bounds: Any,
) -> Any:
    """Declare one knob: everything that the form, the checks, the command line and the docs say of it."""
    return Field(
        default,
        title=label,
        description=help,
        json_schema_extra={
            "group": group,
            "level": level,
            "unit": unit,
            "methods": list(methods),
            "optional_hint": optional_hint,
        },
        **bounds,
    )


class RunConfig(BaseModel):
    """What to train, on what, and how: every knob of a run, declared once.

    Names are those of TRL, PEFT and transformers where they have one. Secrets are never part of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    # What
    model: str = _knob(
        label="Model",
        help="The base model to tune: a folder on this machine, or the name of a model on the Hugging Face Hub.",
        group="What",
        level="beginner",
        min_length=1,
    )
    model_revision: str | None = _knob(
        None,
        label="Model revision",
        help="The branch, tag or commit of a Hub model. Empty takes the newest; a folder has none.",
        group="What",
        optional_hint="newest",
    )
    dataset: str = _knob(
        label="Dataset",
        help="The file with the training rows: JSONL, JSON, CSV, TSV, Parquet or text.",
        group="What",
        level="beginner",
        min_length=1,
    )
    method: Method = _knob(
        "sft",
        label="Method",
        help="How the model learns. SFT (supervised fine-tuning) imitates the answers in the dataset.",
        group="What",
        level="beginner",
    )

    # Training
    num_train_epochs: float = _knob(
        3.0,
        label="Epochs",
        help="How many times the model reads the whole dataset. More learns the rows by heart sooner or later.",
        group="Training",
        level="beginner",
        gt=0,
        le=1000,
    )
    max_steps: int | None = _knob(
        None,
        label="Stop after steps",
        help="End after this many steps, whatever the epochs say. Empty leaves it to the epochs.",
        group="Training",
        unit="steps",
        optional_hint="as the epochs say",
        ge=1,
        le=100_000_000,
    )
    learning_rate: float = _knob(
        2e-4,
        label="Learning rate",
        help="How far one step moves the weights. 1e-4 to 2e-4 suits LoRA; lower it if the loss jumps about.",
        group="Training",
        level="beginner",
        gt=0,
        le=1,
    )
    per_device_train_batch_size: int = _knob(
        2,
        label="Rows at once",
        help="Rows that each card reads together (the micro-batch). More is faster until the memory is full.",
        group="Training",
        level="beginner",
        unit="rows",
        ge=1,
        le=4096,
    )
    gradient_accumulation_steps: int = _knob(
        4,
        label="Gradient accumulation",
        help="Micro-batches added up before one step. Rows at once x this x cards is the batch that the step sees.",
        group="Training",
        unit="batches",
        ge=1,
        le=4096,
    )
    lr_scheduler_type: Literal[
        "linear",
        "cosine",
        "constant",
        "constant_with_warmup",
        "cosine_with_restarts",
        "polynomial",
        "inverse_sqrt",
    ] = _knob(
        "linear",
        label="Learning rate schedule",
        help="How the learning rate falls from its highest value to the end of the run.",
        group="Training",
    )
    warmup_steps: float = _knob(
        0.03,
        label="Warm-up",
        help="Steps over which the learning rate rises from zero. Below 1 it is a share of the whole run.",
        group="Training",
        unit="steps or share",
        ge=0,
        le=1_000_000,
    )
    weight_decay: float = _knob(
        0.01,
        label="Weight decay",
        help="Pulls weights towards zero at every step, against learning by heart.",
        group="Training",
        ge=0,
        le=1,
    )
    max_grad_norm: float = _knob(
        1.0,
        label="Gradient clipping",
        help="Gradients longer than this are shortened to it. 0 switches clipping off.",
        group="Training",
        ge=0,
        le=1000,
    )
    optim: Literal["adamw_torch_fused", "adamw_torch", "adamw_8bit", "paged_adamw_8bit", "sgd", "adafactor"] = _knob(
        "adamw_torch_fused",
        label="Optimizer",
        help="The rule that turns gradients into steps. The 8-bit ones hold their state in a quarter of the memory.",
        group="Training",
    )
    seed: int = _knob(
        3407,
        label="Seed",
        help="The start of every random choice. The same seed, data and machine give the same run.",
        group="Training",
        ge=0,
        le=2**32 - 1,
    )

    # Data
    max_length: int = _knob(
        1024,
        label="Longest row",
        help="Rows of more tokens are cut at the end. Memory grows with it.",
        group="Data",
        level="beginner",
        unit="tokens",
        ge=8,
        le=1_048_576,
    )
    loss_on: Literal["answers", "last_answer", "everything"] = _knob(
        "answers",
        label="Learn from",
        help="Which tokens the model learns: all answers, the last answer only, or the questions too.",
        group="Data",
    )
    bad_rows: Literal["stop", "leave_out"] = _knob(
        "stop",
        label="Bad rows",
        help="What to do with rows that cannot be read: stop before training, or leave them out and say how many.",
        group="Data",
    )

    # LoRA
    lora_r: int = _knob(
        16,
        label="LoRA rank",
        help="The size of the adapter. 8 to 32 teaches a manner; more can hold more facts and costs more memory.",
        group="LoRA",
        level="beginner",
        ge=1,
        le=1024,
    )
    lora_alpha: int = _knob(
        16,
        label="LoRA alpha",
        help="How strongly the adapter speaks: its output is scaled by alpha / rank.",
        group="LoRA",
        ge=1,
        le=8192,
    )
    lora_dropout: float = _knob(
        0.0,
        label="LoRA dropout",
        help="The share of adapter inputs switched off at random at each step. 0 is fastest.",
        group="LoRA",
        ge=0,
        lt=1,
    )
    target_modules: str = _knob(
        "all-linear",
        label="Target modules",
        help="The layers that get an adapter: all-linear, or names with commas between, such as q_proj,v_proj.",
        group="LoRA",
        min_length=1,
    )
    use_rslora: bool = _knob(
        False,
        label="Rank-stabilised LoRA",
        help="Scale by alpha / sqrt(rank), which keeps high ranks stable.",
        group="LoRA",
    )

    # Memory
    load_in_4bit: bool = _knob(
        False,
        label="4-bit base (QLoRA)",
        help="Hold the base model in 4 bits: about a third of the memory, a little slower, almost the same result.",
        group="Memory",
        level="beginner",
    )
    gradient_checkpointing: bool = _knob(
        True,
        label="Gradient checkpointing",
        help="Compute activations twice to hold fewer of them: much less memory, about a quarter slower.",
        group="Memory",
    )

    # Evaluation
    eval_split_size: float = _knob(
        0.05,
        label="Rows held back",
        help="The share of rows that the model never trains on and is tested with. 0 switches evaluation off.",
        group="Evaluation",
        level="beginner",
        unit="share",
        ge=0,
        lt=1,
    )
    eval_steps: int | None = _knob(
        None,
        label="Evaluate every",
        help="Steps between two evaluations. Empty evaluates after every epoch. The end is always evaluated.",
        group="Evaluation",
        unit="steps",
        optional_hint="every epoch",
        ge=1,
        le=100_000_000,
    )
    sample_prompts: tuple[str, ...] = _knob(
        (),
        label="Sample prompts",
        help="Prompts, one a line, that the model answers at every evaluation, so that you can read it change.",
        group="Evaluation",
        max_length=16,
    )

    # Checkpoints
    save_steps: int = _knob(
        100,
        label="Checkpoint every",
        help="Steps between two checkpoints. A run that is interrupted goes on from the last one.",
        group="Checkpoints",
        unit="steps",
        ge=1,
        le=100_000_000,
    )
    save_total_limit: int = _knob(
        3,
        label="Checkpoints kept",
        help="Older checkpoints than this many are deleted.",
        group="Checkpoints",
        ge=1,
        le=10_000,
    )

    # Machine
    gpus: tuple[int, ...] | None = _knob(
        None,
        label="GPUs",
        help="The numbers of the cards to use, with commas between. Empty uses every card; none at all uses the CPU.",
        group="Machine",
        optional_hint="every card",
        max_length=64,
    )
    offline: bool = _knob(
        False,
        label="Offline",
        help="The run gets no network at all. The model has to be on this machine already.",
        group="Machine",
        level="beginner",
    )

    @field_validator("gpus")
    @classmethod
    def _cards_are_named_once(cls, gpus: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if gpus is not None and (len(set(gpus)) != len(gpus) or any(card < 0 for card in gpus)):
            raise ValueError("name each card once, by its number: 0, 1, ...")
        return gpus

    @field_validator("model", "dataset", "target_modules")
    @classmethod
    def _not_blank(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("it is empty")
        return text.strip()


@dataclass(frozen=True)
class Knob:
    """One field of RunConfig as a form, a command line or a page of help needs it."""

    name: str
    label: str
    help: str
    group: Group
    level: Level
    unit: str
    methods: tuple[Method, ...]
    kind: type
    """bool, int, float, str or tuple (a list of ``item_kind``)."""
    item_kind: type
    optional: bool
    """True when None is a value: ``optional_hint`` says what it then means."""
    optional_hint: str
    choices: tuple[str, ...]
    required: bool
    default: Any
    minimum: float | None
    maximum: float | None
    exclusive_minimum: bool
    exclusive_maximum: bool


def knobs(method: Method | None = None) -> tuple[Knob, ...]:
    """Return every knob of RunConfig in reading order, or only those that ``method`` uses."""
    every = (_read_knob(name) for name in RunConfig.model_fields)
    return tuple(knob for knob in every if method is None or method in knob.methods)


def _read_knob(name: str) -> Knob:
    field = RunConfig.model_fields[name]
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    declared: Any = dict(extra)
    annotation: Any = field.annotation
    optional = get_origin(annotation) in (Union, types.UnionType)
    if optional:
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    choices: tuple[str, ...] = ()
    item_kind: type = str
    if get_origin(annotation) is Literal:
        choices, annotation = get_args(annotation), str
    elif get_origin(annotation) is tuple:
        item_kind, annotation = get_args(annotation)[0], tuple
    bounds = {key: value for mark in field.metadata for key, value in _bounds_of(mark).items()}
    return Knob(
        name=name,
        label=field.title or name,
        help=field.description or "",
        group=declared["group"],
        level=declared["level"],
        unit=declared["unit"],
        methods=tuple(declared["methods"]),
        kind=annotation,
        item_kind=item_kind,
        optional=optional,
        optional_hint=declared["optional_hint"],
        choices=choices,
        required=field.is_required(),
        default=None if field.is_required() else field.default,
        minimum=bounds.get("ge", bounds.get("gt")),
        maximum=bounds.get("le", bounds.get("lt")),
        exclusive_minimum="gt" in bounds,
        exclusive_maximum="lt" in bounds,
    )


def _bounds_of(mark: object) -> dict[str, Any]:
    """Return the bounds that one piece of pydantic metadata (annotated_types.Ge and its kin) carries."""
    return {key: getattr(mark, key) for key in ("ge", "gt", "le", "lt") if hasattr(mark, key)}


@dataclass(frozen=True)
class Problem:
    """What is wrong with a config: the knob, and one sentence that says what to do."""

    knob: str
    sentence: str


def check_config(values: Mapping[str, Any]) -> tuple[RunConfig | None, list[Problem]]:
    """Read ``values`` as a RunConfig; return it, or None and every problem at once."""
    try:
        config = RunConfig.model_validate(dict(values))
    except ValidationError as error:
        return None, [_as_problem(detail) for detail in error.errors()]
    problems = list(_crossed_problems(config))
    return (None, problems) if problems else (config, [])


def _crossed_problems(config: RunConfig) -> Iterable[Problem]:
    for knob in knobs():
        if config.method not in knob.methods and getattr(config, knob.name) != knob.default:
            yield Problem(knob.name, f"{knob.label} is not used by {config.method}. Take it out.")
    if config.eval_split_size == 0 and config.eval_steps is not None:
        yield Problem("eval_steps", "Evaluate every needs rows to evaluate: set Rows held back above 0.")
    if config.eval_split_size == 0 and config.sample_prompts:
        yield Problem("sample_prompts", "Samples are made at evaluations: set Rows held back above 0.")


def _as_problem(detail: Any) -> Problem:
    name = str(detail["loc"][0]) if detail["loc"] else ""
    known = RunConfig.model_fields.get(name)
    label = (known.title if known else None) or name
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return Problem(name, f"There is no knob called {name}.{_nearest_knob(name)}")
    if kind in ("missing", "string_too_short"):
        return Problem(name, f"{label} is missing. {known.description if known else ''}".strip())
    if kind == "literal_error":
        return Problem(name, f"{label} has to be one of {context['expected'].replace(chr(39), '')}.")
    limits = {
        "greater_than": "has to be more than {gt}",
        "greater_than_equal": "has to be {ge} or more",
        "less_than": "has to be less than {lt}",
        "less_than_equal": "has to be {le} or less",
        "too_long": "takes at most {max_length} entries",
    }
    if kind in limits:
        return Problem(name, f"{label} {limits[kind].format(**context)}.")
    if kind == "value_error":
        return Problem(name, f"{label}: {context['error']}.")
    wanted = {"int": "a whole number", "float": "a number", "bool": "true or false", "tuple": "a list"}
    word = next((words for start, words in wanted.items() if kind.startswith(start)), "text")
    return Problem(name, f"{label} has to be {word}, not {str(detail['input'])[:40]!r}.")


def _nearest_knob(name: str) -> str:
    near = difflib.get_close_matches(name, RunConfig.model_fields, n=1)
    return f" Did you mean {near[0]}?" if near else ""


# Events: what the trainer says, one JSON object a line in ``events.jsonl``, only ever appended.

PhaseName = Literal["import", "load", "data", "compile", "train", "evaluate", "save"]
FailureCode = Literal[
    "bad_config",
    "bad_data",
    "data_changed",
    "model_missing",
    "model_unsupported",
    "no_checkpoint",
    "gpu_missing",
    "out_of_memory",
    "disk_full",
    "diverged",
    "not_started",
    "crashed",
]


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


class Phase(_Event):
    """A part of the run begins (``seconds`` is None) or has ended after so many seconds."""

    kind: Literal["phase"] = "phase"
    name: PhaseName
    seconds: float | None = None


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


class Step(_Event):
    """One optimizer step; ``tokens`` counts from the start of the run, padding left out."""

    kind: Literal["step"] = "step"
    step: int
    epoch: float
    loss: float | None
    learning_rate: float
    grad_norm: float | None
    tokens: int
    tokens_per_s: float
    step_s: float
    gpu_peak_bytes: list[int] = []

    @field_validator("loss", "grad_norm", mode="before")
    @classmethod
    def _finite_or_none(cls, value: object) -> object:
        return None if isinstance(value, float) and not math.isfinite(value) else value


class Evaluation(_Event):
    """The loss on the rows held back."""

    kind: Literal["evaluation"] = "evaluation"
    step: int
    loss: float | None
    metrics: dict[str, float | None] = {}
    seconds: float

    @field_validator("loss", mode="before")
    @classmethod
    def _finite_or_none(cls, value: object) -> object:
        return None if isinstance(value, float) and not math.isfinite(value) else value


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


class Finished(_Event):
    """Trained to the end; the adapter lies in ``adapter`` (relative to the run folder)."""

    kind: Literal["finished"] = "finished"
    step: int
    adapter: str
    seconds: float


class Paused(_Event):
    """Stopped on request, to go on later from ``checkpoint``."""

    kind: Literal["paused"] = "paused"
    step: int
    checkpoint: str


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


TrainingEvent = (
    Hello | Phase | Plan | Step | Evaluation | Sample | Checkpoint | Warned | Finished | Paused | Cancelled | Failed
)
ChatEvent = ChatReady | Token | Answer
Event = TrainingEvent | ChatEvent
End = Finished | Paused | Cancelled | Failed

_event_reader: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


class UnknownLine(BaseModel):
    """A whole line that this side cannot read: a newer trainer's event, or damage."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["unknown"] = "unknown"
    line: str


def read_event(line: str | bytes) -> Event | UnknownLine:
    """Read one line of ``events.jsonl``; a line of an unknown kind, or a broken one, is kept as it is."""
    try:
        return _event_reader.validate_json(line)
    except ValidationError:
        text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        return UnknownLine(line=text)


def write_event(event: Event) -> str:
    """Return the event as one line of JSON with its newline."""
    return event.model_dump_json() + "\n"


# Requests: what the app asks of the trainer, one JSON object a line in ``requests.jsonl``, only ever appended.


class _Request(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    time: datetime = Field(default_factory=lambda: datetime.now(UTC))


class StopRequest(_Request):
    """End at the next step boundary with a checkpoint, for good. In a chat: go away."""

    kind: Literal["stop"] = "stop"


class PauseRequest(_Request):
    """End at the next step boundary with a checkpoint, to go on later."""

    kind: Literal["pause"] = "pause"


class CheckpointRequest(_Request):
    """Save a checkpoint at the next step boundary and go on."""

    kind: Literal["checkpoint"] = "checkpoint"


class ChatMessage(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(frozen=True)

    role: Literal["system", "user", "assistant"]
    content: str


class PromptRequest(_Request):
    """Answer this conversation, by the tuned model, the base or both; temperature 0 takes the likeliest token."""

    kind: Literal["prompt"] = "prompt"
    prompt_id: str
    messages: list[ChatMessage]
    speakers: list[Literal["tuned", "base"]] = ["tuned"]
    max_new_tokens: int = Field(512, ge=1, le=32768)
    temperature: float = Field(0.0, ge=0, le=5)
    top_p: float = Field(1.0, gt=0, le=1)
    seed: int = 0


class StopAnswerRequest(_Request):
    """Stop the answers to this prompt within a token."""

    kind: Literal["stop_answer"] = "stop_answer"
    prompt_id: str


Request = StopRequest | PauseRequest | CheckpointRequest | PromptRequest | StopAnswerRequest
_request_reader: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])


def read_request(line: str | bytes) -> Request | None:
    """Read one line of ``requests.jsonl``, or return None where it is none that this side knows."""
    try:
        return _request_reader.validate_json(line)
    except ValidationError:
        return None


def write_request(request: Request) -> str:
    """Return the request as one line of JSON with its newline."""
    return request.model_dump_json() + "\n"


# The run folder: the truth about a run.


@dataclass(frozen=True)
class RunFolder:
    """The names inside a run folder; a chat folder has the same and no checkpoints."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def requests(self) -> Path:
        return self.path / "requests.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "train.log"

    @property
    def launch(self) -> Path:
        """What the app started: engine, image, devices; written before every start."""
        return self.path / "launch.json"

    @property
    def chat(self) -> Path:
        """What a chat loads: a ChatConfig."""
        return self.path / "chat.json"

    @property
    def adapter(self) -> Path:
        return self.path / "adapter"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"checkpoint-{step}"

    def complete_checkpoints(self) -> list[tuple[int, Path]]:
        """Return step and folder of every complete checkpoint, oldest first; half-written ones are not there."""
        found = []
        for marker in self.checkpoints.glob(f"checkpoint-*/{COMPLETE}"):
            number = marker.parent.name.removeprefix("checkpoint-")
            if number.isdigit():
                found.append((int(number), marker.parent))
        return sorted(found)


COMPLETE = "COMPLETE"
"""The file that is written last into a checkpoint; without it the checkpoint does not count."""


class Launch(BaseModel):
    """What the app writes into a run folder before every start of a trainer.

    What was said before it belongs to an earlier try: events up to ``after_seq``, requests before ``requests_offset``.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    contract: int = CONTRACT
    engine: str
    gpus: list[int] = []
    name: str = ""
    created: datetime
    started: datetime
    after_seq: int = -1
    requests_offset: int = 0
    """Bytes of ``requests.jsonl`` that are old."""


class ChatConfig(BaseModel):
    """What a chat loads: the run's model, and the adapter or checkpoint on top of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    model_revision: str | None = None
    adapter: str
    """An absolute folder: a run's adapter, or a complete checkpoint of it."""
    load_in_4bit: bool = False
    max_length: int = 2048
    offline: bool = False
    idle_seconds: float = Field(1800.0, gt=0)
    """A chat that nobody asks anything for so long goes away by itself."""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of configs, events and requests, as ``tunedeck schema`` prints it."""
    return {
        "contract": CONTRACT,
        "config": RunConfig.model_json_schema(),
        "event": _event_reader.json_schema(),
        "request": _request_reader.json_schema(),
    }


def main() -> None:
    """Print the schema: ``python -m trainer_image.contract``."""
    print(json.dumps(json_schema(), indent=2, sort_keys=True))


if __name__ == "__main__":
    main()
