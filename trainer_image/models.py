"""Base model, tokenizer and adapter: where Unsloth meets the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer_image.errors import TrainerError


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


def load_base(arguments: dict[str, Any]) -> tuple[Any, Any]:
    """Load the base model and its tokenizer."""
    from unsloth import FastLanguageModel

    name = arguments["model_name"]
    try:
        model, tokenizer = FastLanguageModel.from_pretrained(**arguments)
    except (OSError, ValueError, KeyError, NotImplementedError, RuntimeError) as error:
        raise _explained(error, name) or error from error
    # A processor of a model that also sees pictures: the text side is what is trained.
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def _explained(error: Exception, name: str) -> TrainerError | None:
    text = str(error)
    is_unknown = "does not recognize this architecture" in text or "Unrecognized model" in text
    if is_unknown or ("is not supported" in text and "model" in text.lower()):
        hint = "Choose a text model that transformers knows, such as Llama, Qwen, Mistral, Gemma or SmolLM."
        first = text.strip().splitlines()[0]
        return TrainerError("model_unsupported", f"{name} cannot be trained here: {first[:200]}", hint)
    if isinstance(error, PermissionError):
        hint = "Make the folder and its files readable for everyone."
        return TrainerError("model_missing", f"The files of {name} may not be read.", hint)
    if isinstance(error, OSError):
        if Path(name).is_absolute():
            hint = "Fetch the model again; files that your user may not read look missing, too."
            return TrainerError("model_missing", f"Files of the model folder {name} are missing.", hint)
        hint = "Check the name and the network, or fetch the model first when the run is offline."
        return TrainerError("model_missing", f"The model {name} could not be fetched from the Hub.", hint)
    return None


def add_adapter(model: Any, arguments: dict[str, Any]) -> Any:
    """Put a fresh LoRA adapter on the base model."""
    from unsloth import FastLanguageModel

    try:
        return FastLanguageModel.get_peft_model(model, **arguments)
    except ValueError as error:
        if "arget modules" not in str(error):
            raise
        named = sorted({name.rsplit(".", 1)[-1] for name, part in model.named_modules() if _is_linear(part)})
        raise TrainerError(
            "bad_config",
            f"This model has no layers called {arguments['target_modules']}.",
            f"Set Target modules to all-linear, or to some of {', '.join(named)}.",
        ) from error


def _is_linear(part: Any) -> bool:
    return type(part).__name__.startswith("Linear")


def load_with_adapter(arguments: dict[str, Any], adapter: str) -> tuple[Any, Any]:
    """Load the base model with a trained adapter on top, ready to answer."""
    from peft import PeftModel
    from unsloth import FastLanguageModel

    if not (Path(adapter) / "adapter_config.json").is_file():
        hint = "Choose a run that has finished, or a complete checkpoint."
        raise TrainerError("no_checkpoint", f"There is no adapter in {adapter}.", hint)
    model, tokenizer = load_base(arguments)
    model = PeftModel.from_pretrained(model, adapter)
    return FastLanguageModel.for_inference(model), tokenizer


def count_parameters(model: Any) -> tuple[int, int]:
    """Return how many numbers are trained, and how many there are."""
    # PEFT knows that a 4-bit weight holds two numbers in a byte.
    trainable, total = model.get_nb_trainable_parameters()
    return int(trainable), int(total)
