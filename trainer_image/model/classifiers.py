"""Models that judge: a base model with a head that gives a score, for a whole text or for each token.

They are plain transformers and PEFT: Unsloth has no such models on a CPU, and none that judge tokens on a GPU, and what
is learned and saved should not depend on the machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trainer_image.arguments import adapter_arguments, chat_template, load_arguments, quantization_arguments
from trainer_image.chat_templates import give_template
from trainer_image.contract import RunConfig
from trainer_image.errors import TrainerError
from trainer_image.model.language_part import freeze_other_parts, only_language
from trainer_image.model.loading import check_template_is_known, explained, no_such_layers, put_on
from trainer_image.supervised import max_memory

Judges = Literal["reward", "process"]


@dataclass(frozen=True)
class Head:
    """What transformers and PEFT call a judging model."""

    model_class: str
    task_type: Literal["SEQ_CLS", "TOKEN_CLS"]
    labels: Mapping[int, str]
    words: str

    @property
    def suffix(self) -> str:
        """Return how the architectures of such models end."""
        return self.model_class.removeprefix("AutoModel")


HEADS: Mapping[Judges, Head] = {
    "reward": Head("AutoModelForSequenceClassification", "SEQ_CLS", {0: "reward"}, "reward model"),
    "process": Head("AutoModelForTokenClassification", "TOKEN_CLS", {0: "wrong", 1: "right"}, "process reward model"),
}
SCORE = "score"
"""The layer that transformers puts on top; it is trained and saved whole, beside the adapter."""


def load_trainable(config: RunConfig, judges: Judges) -> tuple[Any, Any]:
    """Load a base model with a fresh head and its tokenizer, with a fresh adapter unless all weights are trained."""
    arguments = load_arguments(config)
    name, revision = arguments["model_name"], arguments["revision"]
    quantization = quantization_arguments(config) or four_bits(arguments["load_in_4bit"])
    # All weights at once learn in full precision; what an adapter stands on is only read.
    model = load_model(name, revision, judges, quantization, in_full=arguments["full_finetuning"])
    tokenizer = load_tokenizer(name, revision)
    give_template(tokenizer, chat_template(config))
    check_template_is_known(config, model, tokenizer)
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    if arguments["full_finetuning"]:
        model.requires_grad_(True)
        freeze_other_parts(model)
        return model, tokenizer
    return add_adapter(model, adapter_arguments(config), judges), tokenizer


def four_bits(wanted: bool) -> dict[str, Any] | None:
    """Return Unsloth's own way of holding a base model in 4 bits, which the other methods have."""
    if not wanted:
        return None
    return {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}


def load_model(
    name: str, revision: str | None, judges: Judges, quantization: dict[str, Any] | None = None, in_full: bool = False
) -> Any:
    """Load a model with the head of a judge; a base model gets a fresh one."""
    import torch
    import transformers
    from unsloth import is_bfloat16_supported

    on_gpu = torch.cuda.is_available() and os.environ.get("UNSLOTH_FORCE_CPU") != "1"
    half = torch.bfloat16 if is_bfloat16_supported() else torch.float16 if on_gpu else torch.float32
    places = max_memory()
    card = int(os.environ.get("LOCAL_RANK", "0"))
    arguments: dict[str, Any] = {
        "revision": revision,
        "dtype": torch.float32 if in_full else half,
        "device_map": ("auto" if places else {"": card}) if on_gpu else {"": "cpu"},
        "max_memory": places,
        "num_labels": len(HEADS[judges].labels),
    }
    if len(HEADS[judges].labels) > 1:
        labels = dict(HEADS[judges].labels)
        arguments |= {"id2label": labels, "label2id": {word: number for number, word in labels.items()}}
    if quantization:
        arguments["quantization_config"] = transformers.BitsAndBytesConfig(
            **quantization, bnb_4bit_compute_dtype=half, llm_int8_skip_modules=[SCORE, "lm_head"]
        )
    try:
        model = getattr(transformers, HEADS[judges].model_class).from_pretrained(name, **arguments)
    except Exception as error:  # safetensors has a kind of its own
        raise explained(error, name) or error from error
    if not on_gpu:
        for part in model.modules():
            if hasattr(part, "support_avx512bf16_for_cpu"):
                # bitsandbytes would repack 4-bit weights at the first evaluation, and gradients be wrong after it.
                part.support_avx512bf16_for_cpu = False
    # Small steps of the head would be lost in 16 bits.
    getattr(model, SCORE).float()
    if hasattr(model, "dropout"):
        # transformers switches off a tenth of what a head for tokens sees, unasked.
        model.dropout.p = 0.0
    return model


def load_tokenizer(name: str, revision: str | None) -> Any:
    """Load the tokenizer of a judge."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision, padding_side="right")
    except Exception as error:
        raise explained(error, name) or error from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def add_adapter(model: Any, arguments: dict[str, Any], judges: Judges) -> Any:
    """Put a fresh LoRA adapter on a base model with a head, which is trained whole."""
    from peft import LoraConfig, get_peft_model

    wanted = {name: value for name, value in arguments.items() if name in LoraConfig.__dataclass_fields__}
    wanted = {"exclude_modules": [SCORE]} | wanted | only_language(model)
    adapter = LoraConfig(**wanted, task_type=HEADS[judges].task_type, modules_to_save=[SCORE])
    try:
        return get_peft_model(model, adapter)
    except ValueError as error:
        raise no_such_layers(error, model, arguments) or error from error


def load_trained(folder: Path, judges: Judges, load_in_4bit: bool = False) -> tuple[Any, Any]:
    """Load a judge that was trained before: an adapter with its head on its base model, or a whole model."""
    head, quantization = HEADS[judges], four_bits(load_in_4bit)
    said = _description(folder, head)
    if "base_model_name_or_path" not in said:
        architectures = said.get("architectures") or []
        if not any(str(name).endswith(head.suffix) for name in architectures):
            raise _other_kind(folder, head)
        model = load_model(str(folder), None, judges, quantization)
    else:
        if said.get("task_type") != head.task_type:
            raise _other_kind(folder, head)
        base = load_model(said["base_model_name_or_path"], said.get("revision"), judges, quantization)
        model = put_on(base, folder)
    tokenizer = load_tokenizer(str(folder), None)
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    return model.requires_grad_(False).eval(), tokenizer


def _description(folder: Path, head: Head) -> dict[str, Any]:
    for name in ("adapter_config.json", "config.json"):
        try:
            return dict(json.loads((folder / name).read_text("utf-8")))
        except FileNotFoundError:
            continue
    sentence = f"There is no {head.words} in {folder}."
    raise TrainerError("model_missing", sentence, "Choose the adapter folder of a finished run, or a model folder.")


def _other_kind(folder: Path, head: Head) -> TrainerError:
    method = "reward" if head.task_type == "SEQ_CLS" else "prm"
    sentence = f"{folder} holds a model, but no {head.words}."
    return TrainerError("model_unsupported", sentence, f"Choose what a run of the method {method} has made.")
