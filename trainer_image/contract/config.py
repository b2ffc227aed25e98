"""Every knob of a run, declared once: type, bounds, default, unit, help, group and the methods that use it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from trainer_image.formats.told import read_columns, read_told

Method = Literal["sft", "pretrain", "dpo", "orpo", "kto", "reward", "rlhf", "rloo", "grpo", "star", "prm"]
METHODS: tuple[Method, ...] = get_args(Method)

# Which methods a knob belongs to; it is refused for the others, so that no control is dead.
CUTS: tuple[Method, ...] = ("sft", "pretrain")
PAIRS: tuple[Method, ...] = ("dpo", "orpo", "kto")
LEAST_ROWS: Mapping[Method, int] = {"kto": 2}
"""Rows at once that a method cannot do with fewer of: KTO compares an answer with its neighbour's."""
CHAINS: tuple[Method, ...] = ("rlhf",)
"""What the app starts as several runs, one after the other; the trainer knows the single ones only."""
REINFORCED: tuple[Method, ...] = ("grpo", "rloo", "rlhf")
GENERATING: tuple[Method, ...] = (*REINFORCED, "star")
CHECKED: tuple[Method, ...] = ("grpo", "rloo", "star")
"""Answers are judged by rewards that the user chooses."""
SCORED: tuple[Method, ...] = ("grpo", "rloo")
"""Answers are compared with each other; a score without a top, as a reward model gives, is enough for that."""
SPEAKING: tuple[Method, ...] = ("sft", "pretrain", *PAIRS, *GENERATING)
"""What comes out can answer a prompt; a reward model only judges."""
EVALUATED: tuple[Method, ...] = tuple(method for method in METHODS if method != "star")
"""Evaluated between steps; STaR is before its rounds and after the last one."""

LEARNING_RATES: Mapping[Method, float] = {
    "sft": 2e-4,
    "pretrain": 5e-5,
    "dpo": 5e-6,
    "orpo": 8e-6,
    "kto": 5e-6,
    "reward": 1e-4,
    "rlhf": 5e-6,
    "rloo": 5e-6,
    "grpo": 5e-6,
    "star": 1e-4,
    "prm": 1e-4,
}
"""What suits LoRA by each method, where a config names none; a full fine-tune takes a tenth of it."""
FULL_SHARE = 0.1

RewardName = Literal[
    "exact_answer", "number", "regex", "format", "length", "json_schema", "code", "custom", "model", "process"
]
REWARD_NAMES: tuple[RewardName, ...] = get_args(RewardName)

Level = Literal["beginner", "expert"]
Group = Literal[
    "What",
    "Training",
    "Data",
    "Preferences",
    "Generation",
    "Rewards",
    "LoRA",
    "Memory",
    "Evaluation",
    "Checkpoints",
    "Machine",
]


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


RETIRED = ("epsilon",)
"""Knobs of earlier contracts that had no effect: the clipping of a policy that is updated once for each answer."""


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
        help=(
            "How the model learns. sft imitates answers, pretrain reads raw text, dpo, orpo and kto follow "
            "preferences, reward and prm learn to judge, rlhf trains a reward model and then the model against it "
            "(by RLOO: PPO is not offered, its trainer has left TRL), grpo and rloo try and are rewarded, star learns "
            "from its own right answers."
        ),
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
    learning_rate: float | None = _knob(
        None,
        label="Learning rate",
        help=(
            "How far one step moves the weights; lower it if the loss jumps about. Empty takes what suits the method: "
            "2e-4 for SFT with LoRA, 5e-6 for preferences and rewards, a tenth of it for all weights."
        ),
        group="Training",
        level="beginner",
        optional_hint="suits the method",
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
        "cosine_with_min_lr",
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
    min_lr_rate: float = _knob(
        0.1,
        label="Lowest learning rate",
        help="Where the schedule cosine_with_min_lr ends, as a share of the learning rate.",
        group="Training",
        unit="share",
        ge=0,
        lt=1,
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
    optim: Literal[
        "adamw_torch_fused",
        "adamw_torch",
        "adamw_8bit",
        "paged_adamw_8bit",
        "paged_adamw_32bit",
        "lion_8bit",
        "sgd",
        "adafactor",
    ] = _knob(
        "adamw_torch_fused",
        label="Optimizer",
        help=(
            "The rule that turns gradients into steps. The 8-bit ones hold their state in a quarter of the memory, the "
            "paged ones move it to the computer's memory when the card is full."
        ),
        group="Training",
    )
    neftune_noise_alpha: float | None = _knob(
        None,
        label="NEFTune noise",
        help="Noise on the embeddings while training, which makes answers less literal; 5 is usual.",
        group="Training",
        methods=("sft",),
        optional_hint="none",
        gt=0,
        le=100,
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
        methods=("sft",),
    )
    chat_template: Literal["own", "chatml", "llama3", "gemma", "mistral", "alpaca", "plain"] = _knob(
        "own",
        label="Chat template",
        help=(
            "How a conversation is written out for the model. own takes the one that came with it; a base model "
            "without one learns the named one, and answers in it afterwards."
        ),
        group="Data",
        methods=tuple(method for method in METHODS if method != "pretrain"),
    )
    packing: bool = _knob(
        False,
        label="Packing",
        help=(
            "Put several short rows into one sequence of the longest length, without letting them see each other: much "
            "faster on short rows. A step then sees more rows."
        ),
        group="Data",
        methods=("sft",),
    )
    bad_rows: Literal["stop", "leave_out"] = _knob(
        "stop",
        label="Bad rows",
        help="What to do with rows that cannot be read: stop before training, or leave them out and say how many.",
        group="Data",
    )
    columns: tuple[str, ...] = _knob(
        (),
        label="Columns",
        help=(
            "Which column of the file is which, one a line, ours=theirs: prompt=question. Empty goes by their names."
        ),
        group="Data",
        max_length=64,
    )
    read_as: tuple[str, ...] = _knob(
        (),
        label="Read the file as",
        help=(
            "What the file does not say of itself, one a line: delimiter=; header=no encoding=cp1252 array=rows "
            "text_by=line shape=messages. Empty finds it out."
        ),
        group="Data",
        max_length=8,
    )

    # Preferences
    loss_type: Literal["sigmoid", "ipo", "hinge", "robust", "simpo", "cpo"] = _knob(
        "sigmoid",
        label="Preference loss",
        help=(
            "How a pair is judged: sigmoid is plain DPO, ipo and hinge hold back sooner, robust bears wrong labels, "
            "simpo and cpo need no reference model."
        ),
        group="Preferences",
        methods=("dpo",),
    )
    beta: float | None = _knob(
        None,
        label="Beta",
        help=(
            "How strongly the model is held to what it was. Empty takes what suits the method: 0.1 for pairs and "
            "labels (2 for simpo), 0 for grpo, 0.05 for rloo."
        ),
        group="Preferences",
        methods=("dpo", "orpo", "kto", *REINFORCED),
        optional_hint="suits the method",
        ge=0,
        le=100,
    )
    label_smoothing: float = _knob(
        0.0,
        label="Wrong labels",
        help="The share of pairs that may be the wrong way round; the loss robust needs it above 0.",
        group="Preferences",
        methods=("dpo",),
        unit="share",
        ge=0,
        lt=0.5,
    )
    simpo_gamma: float = _knob(
        0.5,
        label="SimPO margin",
        help="How far the chosen answer has to be ahead of the rejected one, for the loss simpo.",
        group="Preferences",
        methods=("dpo",),
        ge=0,
        le=100,
    )
    cpo_alpha: float = _knob(
        1.0,
        label="CPO weight of imitation",
        help="How much the losses cpo and simpo also imitate the chosen answer.",
        group="Preferences",
        methods=("dpo",),
        ge=0,
        le=100,
    )
    desirable_weight: float = _knob(
        1.0,
        label="Weight of good answers",
        help="Raise it when good answers are rarer than bad ones.",
        group="Preferences",
        methods=("kto",),
        gt=0,
        le=1000,
    )
    undesirable_weight: float = _knob(
        1.0,
        label="Weight of bad answers",
        help="Raise it when bad answers are rarer than good ones.",
        group="Preferences",
        methods=("kto",),
        gt=0,
        le=1000,
    )
    center_rewards_coefficient: float | None = _knob(
        None,
        label="Centre rewards",
        help="Pulls the reward model's scores towards a mean of 0; 0.01 is usual.",
        group="Preferences",
        methods=("reward", "rlhf"),
        optional_hint="no",
        gt=0,
        le=1,
    )

    # Generation
    num_generations: int = _knob(
        8,
        label="Tries for each prompt",
        help="Answers that the model tries for one prompt; they are compared with each other.",
        group="Generation",
        methods=GENERATING,
        level="beginner",
        unit="answers",
        ge=1,
        le=256,
    )
    max_completion_length: int = _knob(
        256,
        label="Longest answer",
        help="An answer is cut after this many tokens. Reasoning needs room.",
        group="Generation",
        methods=GENERATING,
        level="beginner",
        unit="tokens",
        ge=1,
        le=1_048_576,
    )
    temperature: float = _knob(
        1.0,
        label="Temperature",
        help="How freely the model tries: near 0 all tries are alike, and nothing can be learned from comparing them.",
        group="Generation",
        methods=GENERATING,
        gt=0,
        le=5,
    )
    top_p: float = _knob(
        1.0,
        label="Top p",
        help="Only the likeliest tokens that make up this share are tried.",
        group="Generation",
        methods=GENERATING,
        gt=0,
        le=1,
    )
    grpo_loss: Literal["dapo", "grpo", "bnpo", "dr_grpo"] = _knob(
        "dapo",
        label="GRPO loss",
        help="How long and short answers are weighed against each other; dapo is what TRL advises.",
        group="Generation",
        methods=("grpo",),
    )
    star_rounds: int = _knob(
        3,
        label="Rounds",
        help="How often the model solves the problems, learns from its right solutions and starts anew.",
        group="Generation",
        methods=("star",),
        level="beginner",
        ge=1,
        le=100,
    )
    star_hints: bool = _knob(
        True,
        label="Hint after failure",
        help="Tell the model the answer to a problem it failed, and keep the reasoning that then leads there.",
        group="Generation",
        methods=("star",),
    )

    # Rewards
    rewards: tuple[RewardName, ...] = _knob(
        ("exact_answer",),
        label="Rewards",
        help=(
            "What makes an answer good, one a line: exact_answer, number, regex, format, length, json_schema, code, "
            "custom (your own Python file), model (a reward model), process (a process reward model)."
        ),
        group="Rewards",
        methods=CHECKED,
        level="beginner",
        min_length=1,
        max_length=16,
    )
    reward_weights: tuple[float, ...] = _knob(
        (),
        label="Weights of the rewards",
        help="One number for each reward, in their order. Empty weighs them alike.",
        group="Rewards",
        methods=CHECKED,
        max_length=16,
    )
    reward_regex: str | None = _knob(
        None,
        label="Pattern",
        help="The regular expression that the reward regex looks for in an answer.",
        group="Rewards",
        methods=CHECKED,
        optional_hint="none",
    )
    reward_format: str = _knob(
        "<think>...</think><answer>...</answer>",
        label="Format",
        help="The tags, in their order, that the reward format wants, with three dots where text goes.",
        group="Rewards",
        methods=CHECKED,
        min_length=1,
    )
    reward_length: int = _knob(
        1000,
        label="Length without loss",
        help="Answers up to so many characters get the whole reward length, twice as long ones none of it.",
        group="Rewards",
        methods=CHECKED,
        unit="characters",
        ge=1,
        le=10_000_000,
    )
    reward_json_schema: str | None = _knob(
        None,
        label="JSON schema",
        help="The schema that the reward json_schema checks against. Empty takes the column schema of each row.",
        group="Rewards",
        methods=CHECKED,
        optional_hint="from the row",
    )
    reward_file: str | None = _knob(
        None,
        label="Your Python file",
        help="A file with reward(completion, prompt, answer, row), for the reward custom. It runs in the trainer only.",
        group="Rewards",
        methods=CHECKED,
        optional_hint="none",
    )
    reward_model: str | None = _knob(
        None,
        label="Reward model",
        help="The adapter folder of a finished run of the method reward, or a model folder, for the reward model.",
        group="Rewards",
        methods=SCORED,
        optional_hint="none",
    )
    process_reward_model: str | None = _knob(
        None,
        label="Process reward model",
        help="The adapter folder of a finished run of the method prm, or a model folder, for the reward process.",
        group="Rewards",
        methods=CHECKED,
        optional_hint="none",
    )
    code_time_limit: float = _knob(
        5.0,
        label="Time for code",
        help="Seconds that code from an answer may take on its tests before it counts as failed.",
        group="Rewards",
        methods=CHECKED,
        unit="seconds",
        gt=0,
        le=600,
    )

    # LoRA
    full_finetuning: bool = _knob(
        False,
        label="Train all weights",
        help="No adapter: every weight learns. It takes many times the memory and writes a whole model.",
        group="LoRA",
    )
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
    use_dora: bool = _knob(
        False,
        label="DoRA",
        help="Learn direction and size of the weights apart: a little better at low ranks, slower.",
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
    bnb_4bit_quant_type: Literal["nf4", "fp4"] = _knob(
        "nf4",
        label="4-bit numbers",
        help="How 4 bits stand for a weight; nf4 fits the spread of a model's weights.",
        group="Memory",
    )
    bnb_4bit_use_double_quant: bool = _knob(
        True,
        label="Double quantization",
        help="Also hold the scales of the 4-bit weights in fewer bits: saves a twentieth of the base.",
        group="Memory",
    )
    gradient_checkpointing: bool = _knob(
        True,
        label="Gradient checkpointing",
        help="Compute activations twice to hold fewer of them: much less memory, about a quarter slower.",
        group="Memory",
    )

    auto_batch: bool = _knob(
        False,
        label="Fill the card",
        help=(
            "Choose rows at once and accumulation for speed, with the same batch for each step, and gradient "
            "checkpointing only where the memory needs it. On a CPU nothing changes."
        ),
        group="Memory",
        methods=("sft", "pretrain"),
    )
    oom_retries: int = _knob(
        3,
        label="Tries after full memory",
        help="When a card's memory is full, go on from the last checkpoint with half the rows at once, so many times.",
        group="Memory",
        unit="times",
        ge=0,
        le=10,
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
        methods=EVALUATED,
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
        methods=tuple(method for method in SPEAKING if method in EVALUATED),
        max_length=16,
    )
    early_stopping_patience: int | None = _knob(
        None,
        label="Stop early after",
        help="End when so many evaluations in a row were no better than the best one.",
        group="Evaluation",
        methods=EVALUATED,
        unit="evaluations",
        optional_hint="never",
        ge=1,
        le=1000,
    )
    load_best_model_at_end: bool = _knob(
        False,
        label="Keep the best",
        help="End with the checkpoint of the best evaluation instead of the last step.",
        group="Evaluation",
        methods=EVALUATED,
    )
    find_learning_rate: bool = _knob(
        False,
        label="Find the learning rate",
        help="A short run that raises the learning rate from low to very high and suggests one. It keeps no model.",
        group="Evaluation",
        methods=("sft", "pretrain", "dpo", "orpo", "kto", "reward", "prm"),
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
    on_trouble: Literal["tell", "pause", "stop"] = _knob(
        "tell",
        label="When it diverges",
        help="What happens when the loss explodes or is no number any more: a warning, a pause at the last good "
        "checkpoint, or the end of the run.",
        group="Checkpoints",
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
    placement: Literal["auto", "one", "data_parallel", "split"] = _knob(
        "auto",
        label="Use of the cards",
        help=(
            "Left to choose (auto), it says what it chose and why. One card (one) trains on the first and leaves the "
            "others free. A copy on every card (data_parallel) is the fastest where the model fits on each. One model "
            "over the cards (split) is for a model that fits on none of them alone."
        ),
        group="Machine",
    )
    offline: bool = _knob(
        False,
        label="Offline",
        help="The run gets no network at all. The model has to be on this machine already.",
        group="Machine",
        level="beginner",
    )

    @model_validator(mode="before")
    @classmethod
    def _retired_knobs_are_left_out(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and any(name in values for name in RETIRED):
            return {name: value for name, value in values.items() if name not in RETIRED}
        return values

    @field_validator("gpus")
    @classmethod
    def _cards_are_named_once(cls, gpus: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if gpus is not None and (len(set(gpus)) != len(gpus) or any(card < 0 for card in gpus)):
            raise ValueError("name each card once, by its number: 0, 1, ...")
        return gpus

    @field_validator("reward_weights")
    @classmethod
    def _weights_are_finite(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if not all(math.isfinite(weight) for weight in weights):
            raise ValueError("a weight has to be a number")
        return weights

    @field_validator("columns")
    @classmethod
    def _columns_are_pairs(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        read_columns(columns)
        return columns

    @field_validator("read_as")
    @classmethod
    def _reading_is_known(cls, read_as: tuple[str, ...]) -> tuple[str, ...]:
        read_told((), read_as)
        return read_as

    @field_validator("model", "dataset", "target_modules")
    @classmethod
    def _not_blank(cls, text: str) -> str:
        # A list of names that is nothing but commas names none either.
        if not text.replace(",", " ").strip():
            raise ValueError("it is empty")
        return text.strip()

    @property
    def resolved_learning_rate(self) -> float:
        """The learning rate of this run: the one that is set, or what suits the method."""
        if self.learning_rate is not None:
            return self.learning_rate
        return LEARNING_RATES[self.method] * (FULL_SHARE if self.full_finetuning else 1.0)
