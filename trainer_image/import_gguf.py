"""Turn one GGUF file into a model folder that the trainer can load: ``python -m trainer_image.import_gguf``."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from trainer_image.saving.folders import make_readable, publish_folder

END_OF_TURN = "<|im_end|>"


def is_whole(folder: Path) -> bool:
    """Say whether ``folder`` holds a model, its config and its tokenizer."""
    has_weights = any(folder.glob("*.safetensors"))
    return has_weights and all((folder / name).is_file() for name in ("config.json", "tokenizer_config.json"))


def import_gguf(source: Path, folder: Path) -> None:
    """Write the weights of ``source`` as bf16 safetensors, with config and tokenizer, into ``folder``."""
    # Importing torch and transformers takes seconds: only once it is clear that there is something to do.
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    aside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        print("Reading the tokenizer ...", flush=True)
        tokenizer = AutoTokenizer.from_pretrained(str(source.parent), gguf_file=source.name)
        tokenizer.save_pretrained(str(aside))
        _end_turns_rightly(aside / "tokenizer_config.json", tokenizer)
        print("Reading the weights ...", flush=True)
        model: Any = AutoModelForCausalLM.from_pretrained(str(source.parent), gguf_file=source.name)
        _forget_quantisation(model)
        end = tokenizer.convert_tokens_to_ids(END_OF_TURN)
        if END_OF_TURN in tokenizer.get_vocab():
            for settings in (model.config, model.generation_config):
                settings.eos_token_id = settings.pad_token_id = end
        print("Writing the model folder ...", flush=True)
        model.to(torch.bfloat16).save_pretrained(str(aside))
        make_readable(aside)
        publish_folder(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _forget_quantisation(model: Any) -> None:
    # transformers has unpacked the weights already but refuses to save what once was a GGUF.
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config


def _end_turns_rightly(settings_file: Path, tokenizer: Any) -> None:
    # transformers 5.17 takes <|im_start|> for the end and leaves padding out: such a model never stops.
    if END_OF_TURN not in tokenizer.get_vocab():
        return
    settings = json.loads(settings_file.read_text("utf-8"))
    settings["eos_token"] = settings["pad_token"] = END_OF_TURN
    # It was made for another kind of tokenizer and takes spaces away here.
    settings["clean_up_tokenization_spaces"] = False
    settings_file.write_text(json.dumps(settings, indent=2, ensure_ascii=False), "utf-8")


def main(words: list[str]) -> int:
    """Import the file, or say in one sentence why not."""
    if len(words) != 2:
        print("Usage: python -m trainer_image.import_gguf FILE.gguf FOLDER", file=sys.stderr)
        return 2
    source, folder = Path(words[0]).absolute(), Path(words[1]).absolute()
    if is_whole(folder):
        print(f"{folder} is a whole model folder already.")
        return 0
    if not source.is_file():
        print(f"There is no file {source}.", file=sys.stderr)
        return 1
    with source.open("rb") as file:
        if file.read(4) != b"GGUF":
            print(f"{source} is no GGUF file: its first four letters are not GGUF.", file=sys.stderr)
            return 1
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import_gguf(source, folder)
    except OSError as error:
        print(f"The model folder could not be written: {error}.", file=sys.stderr)
        return 1
    except (ValueError, KeyError, NotImplementedError) as error:
        print(f"transformers cannot read this kind of GGUF: {error}", file=sys.stderr)
        return 1
    print(f"Done: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
