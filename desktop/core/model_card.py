"""The card that goes to the Hub with a finished model: what it stands on, what it learned, and how that went."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from desktop.core import metrics
from desktop.core.passport import Passport
from desktop.core.run import Run
from trainer_image.contract import SPEAKING, Evaluation, Method, RunConfig

_NAMES: Mapping[Method, str] = {
    "sft": "supervised fine-tuning (SFT)",
    "pretrain": "continued pretraining",
    "dpo": "preference training (DPO)",
    "orpo": "preference training (ORPO)",
    "kto": "preference training (KTO)",
    "reward": "reward modelling",
    "prm": "process reward modelling",
    "rlhf": "reinforcement learning (RLHF)",
    "rloo": "reinforcement learning (RLOO)",
    "grpo": "reinforcement learning (GRPO)",
    "star": "self-taught reasoning (STaR)",
}
_TASKS: Mapping[Method, str] = {"reward": "text-classification", "prm": "token-classification"}
_ON_THE_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_LICENCE = (
    "No licence has been chosen yet. Add `license:` to the head of this card; the licence of the base model and that "
    "of the data hold as well."
)


def base_name(model: str) -> str:
    """Return what to call the model that a run started from: its name on the Hub, else that of its folder."""
    for part in Path(model).parts:
        if part.startswith("models--"):  # the cache of the Hub keeps it so
            return part.removeprefix("models--").replace("--", "/")
    return Path(model).name if _is_folder(model) else model


def model_card(run: Run, passport: Passport, repository: str) -> str:
    """Return the card of a run's model as Markdown with its head in YAML; nothing in it names this machine."""
    base = base_name(passport.model)
    is_known = not _is_folder(base) and _ON_THE_HUB.fullmatch(base) is not None
    lines = [
        *_head(run.config, base if is_known else ""),
        "",
        f"# {base}, fine-tuned" if run.config.full_finetuning else f"# LoRA adapter for {base}",
        "",
        _sentence(run.config, base, _dataset(passport)),
        "",
        *_table("Training", _training(run, passport, base)),
        *_table("Figures", _figures(run)),
        *_table("Software", ((name, version) for name, version in sorted(passport.packages.items()))),
        *(_use(run.config, repository) if run.config.method in SPEAKING else ()),
        "## Licence",
        "",
        _LICENCE,
    ]
    if not is_known:
        lines += ["", f"The base model was a folder called {base}: put its name on the Hub into the head, as"]
        lines[-1] += " `base_model: OWNER/NAME`"
        # Whoever loads an adapter looks for its base model there, and in no card.
        lines[-1] += "." if run.config.full_finetuning else ", and into adapter_config.json: `base_model_name_or_path`."
    return "\n".join(lines) + "\n"


def _is_folder(model: str) -> bool:
    return model.startswith(("/", "~", "."))


def _head(config: RunConfig, base: str) -> Iterator[str]:
    yield "---"
    if base:
        yield f"base_model: {base}"
    yield f"library_name: {'transformers' if config.full_finetuning else 'peft'}"
    yield f"pipeline_tag: {_TASKS.get(config.method, 'text-generation')}"
    yield "tags:"
    yield from (f"- {tag}" for tag in (*(() if config.full_finetuning else ("lora",)), config.method, "tunedeck"))
    yield "---"


def _sentence(config: RunConfig, base: str, dataset: str) -> str:
    what = "A model" if config.full_finetuning else "A LoRA adapter"
    return f"{what} trained from {base} on {dataset} by {_NAMES[config.method]}, with Tunedeck."


def _dataset(passport: Passport) -> str:
    return passport.dataset_version or Path(passport.dataset).name


def _training(run: Run, passport: Passport, base: str) -> Iterator[tuple[str, str]]:
    config, plan = run.config, run.progress.plan
    yield "Base model", f"{base} at {passport.model_revision}" if passport.model_revision else base
    digest = f" (SHA-256 {passport.dataset_sha256[:12]})" if passport.dataset_sha256 else ""
    yield "Data", _dataset(passport) + digest
    if plan is not None:
        yield "Rows", f"{plan.train_rows:,}, and {plan.eval_rows:,} held back"
        yield "Rows a step", str(plan.batch_rows)
    yield "Method", _NAMES[config.method]
    if config.full_finetuning:
        yield "Weights", "all trained"
    else:
        yield "Adapter", f"LoRA, rank {config.lora_r}, alpha {config.lora_alpha}, dropout {config.lora_dropout:g}"
        yield "Base in 4 bits", "yes" if config.load_in_4bit else "no"
    yield "Learning rate", f"{config.resolved_learning_rate:g}, {config.lr_scheduler_type}"
    yield "Optimizer", config.optim
    yield "Longest row", f"{config.max_length:,} tokens"
    yield "Seed", str(config.seed)
    if passport.gpus:
        yield "Cards", ", ".join(passport.gpus)


def _figures(run: Run) -> Iterator[tuple[str, str]]:
    progress = run.progress
    yield "Steps", f"{run.step:,}"
    if run.loss is not None:
        yield "Last training loss", f"{run.loss:.4g}"
    for name in metrics.headline(run.config.method):
        if (value := progress.metrics.get(name)) is not None:
            yield f"Last {metrics.label(name)}", f"{value:.4g}"
    # What is kept and goes up are the last weights, unless the best ones were asked for.
    tested = (progress.best if run.config.load_best_model_at_end else None) or progress.evaluation
    if tested is not None:
        yield from _tested(tested)


def _tested(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    where = f"on the rows held back, step {evaluation.step:,}"
    if evaluation.loss is not None:
        yield f"Loss {where}", f"{evaluation.loss:.4g}"
    for name, value in evaluation.metrics.items():
        if value is not None:
            yield f"{metrics.label(name).capitalize()} {where}", f"{value:.4g}"


def _table(title: str, rows: Iterator[tuple[str, str]]) -> list[str]:
    lines = [f"| {name} | {value.replace('|', '/')} |" for name, value in rows]
    return [f"## {title}", "", "| | |", "|---|---|", *lines, ""] if lines else []


def _use(config: RunConfig, repository: str) -> list[str]:
    library, loader = ("transformers", "AutoModelForCausalLM") if config.full_finetuning else ("peft", "")
    loader = loader or "AutoPeftModelForCausalLM"
    return [
        "## Use",
        "",
        "```python",
        f"from {library} import {loader}",
        "from transformers import AutoTokenizer",
        "",
        f'model = {loader}.from_pretrained("{repository}")',
        f'tokenizer = AutoTokenizer.from_pretrained("{repository}")',
        "```",
        "",
    ]
