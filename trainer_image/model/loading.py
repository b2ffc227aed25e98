"""Base model, tokenizer and adapter: where Unsloth meets the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer_image.arguments import adapter_arguments, chat_template, load_arguments, quantization_arguments
from trainer_image.chat_templates import give_template, untrained_marks
from trainer_image.contract import RunConfig
from trainer_image.errors import TrainerError
from trainer_image.model.damage import damage_of
from trainer_image.model.files import is_in_cache
from trainer_image.model.language_part import freeze_other_parts, is_language, language_part, only_language
from trainer_image.saving.verifying import wrong_tensors
from trainer_image.supervised import max_memory, placement


def check_model_is_there(model: str) -> None:
    """Refuse a model folder that is missing or is none, before seconds of imports are spent on it."""
    folder = Path(model)
    if model.lower().endswith(".gguf"):
        raise TrainerError(
            "model_unsupported",
            f"{folder.name} is a GGUF file, which is made for running a model, not for training it.",
            "Turn it into a model folder first, and choose that folder.",
        )
    if not folder.is_absolute():
        return
    if not folder.is_dir():
        hint = "Put the folder back, or choose another model."
        raise TrainerError("model_missing", f"There is no model folder {model}.", hint)
    if not (folder / "config.json").is_file():
        hint = "Choose the folder that has config.json, the weights and the tokenizer in it."
        raise TrainerError("model_missing", f"{model} is no model folder: it has no config.json.", hint)


def load_trainable(config: RunConfig) -> tuple[Any, Any]:
    """Load base model and tokenizer, with a fresh adapter unless all weights are trained."""
    model, tokenizer = load_base(load_arguments(config) | placement_arguments(), quantization_arguments(config))
    give_template(tokenizer, chat_template(config))
    check_template_is_known(config, model, tokenizer)
    if not config.full_finetuning:
        return add_adapter(model, adapter_arguments(config)), tokenizer
    freeze_other_parts(model)
    return model, tokenizer


def check_template_is_known(config: RunConfig, model: Any, tokenizer: Any) -> None:
    """Refuse a named template with marks that the base model has never learned, where an adapter cannot learn them."""
    template = chat_template(config)
    if template is None or config.full_finetuning:
        return
    weight = model.get_input_embeddings().weight
    added = {mark: number for mark, number in tokenizer.get_added_vocab().items() if number < len(weight)}
    unknown = untrained_marks(template, added, lambda number: weight[number].tolist())
    if unknown:
        others = [name for name in ("alpaca", "plain", "chatml") if name != config.chat_template]
        hint = f"Choose the chat template {', '.join(others[:-1])} or {others[-1]}."
        raise TrainerError("bad_config", f"This base model has never learned {', '.join(unknown)}.", hint)


def placement_arguments() -> dict[str, Any]:
    """Return where the layers go, for a model that is spread over several cards."""
    if placement() != "layers":
        return {}
    # Unsloth's own planner keeps room for logits and activations, which "balanced" would fill with weights.
    return {"device_map": "unsloth_balanced", "max_memory": max_memory()}


def load_base(arguments: dict[str, Any], quantization: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """Load the base model and its tokenizer."""
    import torch
    from transformers import BitsAndBytesConfig
    from unsloth import FastLanguageModel

    name = arguments["model_name"]
    if is_in_cache(name, arguments["revision"]):
        # What the app has fetched is what is loaded; Unsloth would look for a copy of its own.
        arguments = {**arguments, "use_exact_model_name": True}
    if quantization is not None:
        kind = torch.bfloat16 if not torch.cuda.is_available() or torch.cuda.is_bf16_supported() else torch.float16
        config = BitsAndBytesConfig(**quantization, bnb_4bit_compute_dtype=kind)
        arguments = {**arguments, "quantization_config": config}
    try:
        if not torch.cuda.is_available():
            know_as_model_for_text(name, arguments["revision"])
        model, tokenizer = FastLanguageModel.from_pretrained(**arguments)
    except Exception as error:  # safetensors and tokenizers have kinds of their own
        raise explained(error, name) or error from error
    # A processor of a model that also sees pictures: the text side is what is trained.
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def know_as_model_for_text(name: str, revision: str | None) -> None:
    """Have a model found that transformers lists with those for pictures only; on a CPU Unsloth looks nowhere else."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING, AutoConfig

    kind = type(AutoConfig.from_pretrained(name, revision=revision))
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING and kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        # AutoModelForCausalLM.register passes over the classes of transformers itself.
        MODEL_FOR_CAUSAL_LM_MAPPING._extra_content[kind] = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[kind]


def explained(error: Exception, name: str) -> TrainerError | None:
    """Return what went wrong with loading a model in words, or None where there are no better ones."""
    text, folder = str(error), Path(name)
    is_unknown = "does not recognize this architecture" in text or "Unrecognized model" in text
    if is_unknown or ("is not supported" in text and "model" in text.lower()):
        hint = "Choose a text model that transformers knows, such as Llama, Qwen, Mistral, Gemma or SmolLM."
        first = text.strip().splitlines()[0]
        return TrainerError("model_unsupported", f"{name} cannot be trained here: {first[:200]}", hint)
    if isinstance(error, PermissionError):
        hint = "Make the folder and its files readable for everyone."
        return TrainerError("model_missing", f"The files of {name} may not be read.", hint)
    if folder.is_absolute() and "out of memory" not in text and (damage := damage_in_words(folder, text)):
        return TrainerError("model_missing", damage, "Fetch the model again, all of its files.")
    if isinstance(error, OSError):
        if folder.is_absolute():
            hint = "Fetch the model again; files that your user may not read look missing, too."
            return TrainerError("model_missing", f"Files of the model folder {name} are missing.", hint)
        hint = "Check the name and the network, or fetch the model first when the run is offline."
        return TrainerError("model_missing", f"The model {name} could not be fetched from the Hub.", hint)
    return None


def damage_in_words(folder: Path, said: str) -> str | None:
    """Return what is wrong with the files of a model folder, or None where nothing is, or they cannot be looked at."""
    try:
        return damage_of(folder, said)
    except OSError:
        return None


def add_adapter(model: Any, arguments: dict[str, Any]) -> Any:
    """Put a fresh LoRA adapter on the base model, or on its language part where it has others."""
    from unsloth import FastLanguageModel

    try:
        return FastLanguageModel.get_peft_model(model, **arguments, **only_language(model))
    except ValueError as error:
        raise no_such_layers(error, model, arguments) or error from error


def no_such_layers(error: ValueError, model: Any, arguments: dict[str, Any]) -> TrainerError | None:
    """Return which layers there are, where an adapter was wanted for others."""
    if not any(words in str(error) for words in ("arget modules", "modules were excluded", "modules were targeted")):
        return None
    linear = [name for name, part in model.named_modules() if type(part).__name__.startswith("Linear")]
    if language_part(model):
        linear = [name for name in linear if is_language(name)]
    wanted = arguments["target_modules"]
    text = wanted if isinstance(wanted, str) else ", ".join(wanted)
    named = {name.rsplit(".", 1)[-1] for name in linear}
    return TrainerError(
        "bad_config",
        f"An adapter cannot be on {text} alone."
        if named.issuperset(wanted)
        else f"This model has no layers called {text}.",
        f"Set Target modules to all-linear, or to some of {', '.join(sorted(named - {'lm_head'}))}.",
    )


def unknown_layers(config: RunConfig, model: Any) -> list[str]:
    """Return the names among the target modules that no layer of a model bears; PEFT passes over them."""
    wanted = adapter_arguments(config)["target_modules"]
    if config.full_finetuning or isinstance(wanted, str):
        return []
    there = [f".{name}" for name, _ in model.named_modules()]
    return [one for one in wanted if not any(name.endswith(f".{one}") for name in there)]


def load_with_adapter(arguments: dict[str, Any], adapter: str) -> tuple[Any, Any]:
    """Load the base model with a trained adapter on top, or a model that was trained whole, ready to answer."""
    from unsloth import FastLanguageModel

    if (Path(adapter) / "config.json").is_file():
        model, tokenizer = load_base({**arguments, "model_name": adapter, "revision": None})
        return FastLanguageModel.for_inference(model), tokenizer
    if not (Path(adapter) / "adapter_config.json").is_file():
        hint = "Choose a run that has finished, or a complete checkpoint."
        raise TrainerError("no_checkpoint", f"There is no adapter in {adapter}.", hint)
    model, tokenizer = load_base(arguments)
    model = put_on(model, Path(adapter))
    saved = Path(adapter) / "chat_template.jinja"
    # The one that it learned in, which a base model may not have had.
    give_template(tokenizer, saved.read_text("utf-8") if saved.is_file() else None)
    return FastLanguageModel.for_inference(model), tokenizer


def put_on(model: Any, adapter: Path) -> Any:
    """Put a trained adapter on the model that it was trained on."""
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, str(adapter))
    except Exception as error:  # safetensors has a kind of its own
        weights = adapter / "adapter_model.safetensors"
        if weights.is_file() and (problem := wrong_tensors(weights)):
            hint = "Choose another run, or another checkpoint of that one."
            raise TrainerError("no_checkpoint", f"The {weights.name} in {adapter} {problem}.", hint) from error
        raise


def count_parameters(model: Any) -> tuple[int, int]:
    """Return how many numbers are trained, and how many there are."""
    if hasattr(model, "get_nb_trainable_parameters"):
        # PEFT knows that a 4-bit weight holds two numbers in a byte.
        trainable, total = model.get_nb_trainable_parameters()
        return int(trainable), int(total)
    sizes = [(part.numel(), part.requires_grad) for part in model.parameters()]
    return sum(size for size, is_trained in sizes if is_trained), sum(size for size, _ in sizes)
