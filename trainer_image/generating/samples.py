"""Let a model answer while it is being trained, without a trace in the training."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

from trainer_image.data.encoding import prompt_ids

SAMPLE_TOKENS = 64


class Randomness:
    """The state of every random generator at this moment, to be put back."""

    def __init__(self) -> None:
        self._python = random.getstate()
        self._numpy = np.random.get_state()
        self._torch = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []

    def restore(self) -> None:
        """Put every generator back to where it was."""
        random.setstate(self._python)
        np.random.set_state(self._numpy)
        torch.set_rng_state(self._torch)
        if self._cuda:
            torch.cuda.set_rng_state_all(self._cuda)


def answer_sample(prompt: str, model: Any, tokenizer: Any, checkpointing: bool) -> str:
    """Return the likeliest answer to one prompt, and leave the model as it was: ready to train."""
    from unsloth import FastLanguageModel

    ids = prompt_ids([{"role": "user", "content": prompt}], tokenizer)
    FastLanguageModel.for_inference(model)
    try:
        with torch.inference_mode():
            inputs = torch.tensor([ids], device=model.device)
            out = model.generate(
                input_ids=inputs,
                attention_mask=torch.ones_like(inputs),
                max_new_tokens=SAMPLE_TOKENS,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
            )
    finally:
        FastLanguageModel.for_training(model, use_gradient_checkpointing="unsloth" if checkpointing else False)
    return str(tokenizer.decode(out[0][len(ids) :], skip_special_tokens=True))
