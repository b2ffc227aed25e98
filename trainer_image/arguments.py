"""What each knob does: pure functions from a RunConfig to what Unsloth, PEFT and TRL are given; no torch here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from trainer_image.chat_templates import OWN, TEMPLATES
from trainer_image.contract import ChatConfig, RunConfig
from trainer_image.formats import Told, read_told
from trainer_image.rewards.kinds import RewardPlan

SEARCH_STEPS = 100
"""Steps of a search for a learning rate that names none."""


@dataclass(frozen=True)
class Machine:
    """What the arguments have to know of the machine."""

    device: Literal["cpu", "cuda"]
    bf16: bool = True
    processes: int = 1

    @property
    def backend(self) -> str:
        return f"unsloth-{self.device}"


def environment(config: RunConfig) -> dict[str, str]:
    """Return the variables that have to be set before the first import."""
    variables = _variables(offline=config.offline or Path(config.model).is_absolute())
    if config.gpus == ():
        variables |= {"UNSLOTH_FORCE_CPU": "1", "CUDA_VISIBLE_DEVICES": ""}
    return variables


def _variables(*, offline: bool) -> dict[str, str]:
    variables = {
        # No download of a counter file from the Hub at every load.
        "UNSLOTH_DISABLE_STATISTICS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "true",
        # Fresh pages are slow on virtual machines: the first steps took up to 58 s each without this.
        "THP_MEM_ALLOC_ENABLE": "1",
        # Threads that spin while they wait take the cores from whatever else runs, and then from each other.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    if offline:
        # A model folder needs the Hub for nothing either, and asking it costs seconds where there is no network.
        variables |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    return variables


def load_arguments(config: RunConfig) -> dict[str, Any]:
    """Return what ``FastLanguageModel.from_pretrained`` gets."""
    return {
        "model_name": config.model,
        "revision": config.model_revision,
        "max_seq_length": config.max_length,
        # None lets Unsloth take bf16 where the machine computes in it.
        "dtype": None,
        "load_in_4bit": config.load_in_4bit,
        "use_gradient_checkpointing": "unsloth" if config.gradient_checkpointing else False,
        "full_finetuning": config.full_finetuning,
    }


def chat_template(config: RunConfig) -> str | None:
    """Return the template that the tokenizer is given in the place of its own, if one is named."""
    return None if config.chat_template == OWN else TEMPLATES[config.chat_template]


def quantization_arguments(config: RunConfig) -> dict[str, Any] | None:
    """Return what BitsAndBytesConfig gets where the 4-bit base is not Unsloth's own (nf4, double quantization)."""
    if not config.load_in_4bit or (config.bnb_4bit_quant_type == "nf4" and config.bnb_4bit_use_double_quant):
        return None
    return {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": config.bnb_4bit_quant_type,
        "bnb_4bit_use_double_quant": config.bnb_4bit_use_double_quant,
    }


def adapter_arguments(config: RunConfig) -> dict[str, Any]:
    """Return what ``FastLanguageModel.get_peft_model`` gets."""
    names = [name.strip() for name in config.target_modules.split(",") if name.strip()]
    return {
        "r": config.lora_r,
        "lora_alpha": config.lora_alpha,
        "lora_dropout": config.lora_dropout,
        "target_modules": "all-linear" if names == ["all-linear"] else names,
        "use_rslora": config.use_rslora,
        "use_dora": config.use_dora,
        "use_gradient_checkpointing": "unsloth" if config.gradient_checkpointing else False,
        "random_state": config.seed,
        "max_seq_length": config.max_length,
        "bias": "none",
    }


def training_arguments(config: RunConfig, machine: Machine, output: str) -> dict[str, Any]:
    """Return what every method's TrainingArguments get; a method's file adds its own."""
    return {
        "output_dir": output,
        "num_train_epochs": config.num_train_epochs,
        "max_steps": config.max_steps or (SEARCH_STEPS if config.find_learning_rate else -1),
        "learning_rate": config.resolved_learning_rate,
        "per_device_train_batch_size": config.per_device_train_batch_size,
        "per_device_eval_batch_size": config.per_device_train_batch_size,
        "gradient_accumulation_steps": config.gradient_accumulation_steps,
        "lr_scheduler_type": config.lr_scheduler_type,
        "lr_scheduler_kwargs": schedule_arguments(config),
        "warmup_steps": config.warmup_steps,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "optim": config.optim,
        "seed": config.seed,
        "data_seed": config.seed,
        "gradient_checkpointing": config.gradient_checkpointing,
        "bf16": machine.bf16,
        "fp16": machine.device == "cuda" and not machine.bf16,
        "use_cpu": machine.device == "cpu",
        "ddp_backend": "gloo" if machine.device == "cpu" and machine.processes > 1 else None,
        "ddp_find_unused_parameters": False,
        # Every step is an event, and a loss that is no number must be seen, not averaged away.
        "logging_steps": 1,
        "logging_strategy": "steps",
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "report_to": "none",
        # training/boundaries.py decides when to evaluate and when to save.
        "eval_strategy": "no",
        "save_strategy": "no",
        # The collator counts rows by a column that the model does not know.
        "remove_unused_columns": False,
    }


def schedule_arguments(config: RunConfig) -> dict[str, Any]:
    """Return what the learning rate's schedule gets beside its name."""
    if config.lr_scheduler_type == "cosine_with_min_lr":
        return {"min_lr_rate": config.min_lr_rate}
    # Its own end, 1e-7, would be above a learning rate that is lower than that.
    return {"lr_end": 0.0} if config.lr_scheduler_type == "polynomial" else {}


@dataclass(frozen=True)
class DataPlan:
    """How the rows are chosen, cut and split."""

    dataset: str
    max_length: int
    loss_on: Literal["answers", "last_answer", "everything"]
    stop_at_bad_rows: bool
    eval_split_size: float
    seed: int
    told: Told = field(default_factory=Told)
    """What the user has said of the file."""


def data_plan(config: RunConfig) -> DataPlan:
    """Return what the data file does with the rows."""
    return DataPlan(
        dataset=config.dataset,
        max_length=config.max_length,
        loss_on=config.loss_on,
        stop_at_bad_rows=config.bad_rows == "stop",
        eval_split_size=config.eval_split_size,
        seed=config.seed,
        told=read_told(config.columns, config.read_as),
    )


@dataclass(frozen=True)
class SequencePlan:
    """How rows of tokens become sequences."""

    packing: bool
    max_length: int


def sequence_plan(config: RunConfig) -> SequencePlan:
    """Return how rows become sequences; raw text is always packed."""
    return SequencePlan(config.packing or config.method == "pretrain", config.max_length)


@dataclass(frozen=True)
class GenerationPlan:
    """How the model tries: how often for each prompt, how freely, how long."""

    tries: int
    longest_prompt: int
    longest_answer: int
    temperature: float
    top_p: float


def generation_plan(config: RunConfig) -> GenerationPlan:
    """Return how answers are generated; prompt and answer have the longest row between them."""
    return GenerationPlan(
        tries=config.num_generations,
        longest_prompt=config.max_length - config.max_completion_length,
        longest_answer=config.max_completion_length,
        temperature=config.temperature,
        top_p=config.top_p,
    )


@dataclass(frozen=True)
class StarPlan:
    """How often STaR solves the problems anew, and whether it is told the answers of those it failed."""

    rounds: int
    hints: bool


def star_plan(config: RunConfig) -> StarPlan:
    """Return how STaR goes on."""
    return StarPlan(config.star_rounds, config.star_hints)


def reward_plan(config: RunConfig) -> RewardPlan:
    """Return which rewards judge the answers, and what each of them needs to know."""
    return RewardPlan(
        names=config.rewards,
        weights=config.reward_weights,
        regex=config.reward_regex,
        template=config.reward_format,
        length=config.reward_length,
        json_schema=config.reward_json_schema,
        file=config.reward_file,
        reward_model=config.reward_model,
        process_reward_model=config.process_reward_model,
        time_limit_s=config.code_time_limit,
    )


@dataclass(frozen=True)
class Rhythm:
    """When to evaluate, what to ask then, when to save, how many to keep, and what the best evaluation is for."""

    eval_steps: int | None
    sample_prompts: tuple[str, ...]
    save_steps: int
    save_total_limit: int
    early_stopping_patience: int | None
    keep_best: bool
    is_search: bool
    """The run looks for a learning rate: it neither evaluates nor saves."""
    ends_on_divergence: bool = False


def rhythm(config: RunConfig) -> Rhythm:
    """Return what happens at the boundaries of steps."""
    return Rhythm(
        config.eval_steps,
        config.sample_prompts,
        config.save_steps,
        config.save_total_limit,
        config.early_stopping_patience,
        config.load_best_model_at_end,
        config.find_learning_rate,
        config.on_trouble != "tell",
    )


def overridden_knobs(config: RunConfig, machine: Machine) -> dict[str, tuple[str, str]]:
    """Return the knobs that this machine cannot follow, each with a sentence and a hint."""
    found = {}
    if machine.device == "cpu" and ("8bit" in config.optim or "paged" in config.optim):
        found["optim"] = (
            f"The optimizer {config.optim} needs a GPU; the run takes adamw_torch_fused.",
            "Choose adamw_torch_fused to have the same on every machine.",
        )
    return found


def chat_environment(config: ChatConfig) -> dict[str, str]:
    """Return the variables that have to be set before a chat's first import."""
    return _variables(offline=config.offline or Path(config.model).is_absolute())


def chat_load_arguments(config: ChatConfig) -> dict[str, Any]:
    """Return what ``FastLanguageModel.from_pretrained`` gets for a chat."""
    return {
        "model_name": config.model,
        "revision": config.model_revision,
        "max_seq_length": config.max_length,
        "dtype": None,
        "load_in_4bit": config.load_in_4bit,
    }
