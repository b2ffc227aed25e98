"""Models that also see pictures: only their part for text is trained, and what was trained answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from trainer_image.contract import ChatMessage, PromptRequest, StopRequest

TEXT = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}
EYES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "patch_size": 14}


@pytest.fixture
def seeing_model(tokenizer: Any, tmp_path: Path) -> Callable[[str], Path]:
    """Make a small model of a kind that sees pictures, with random weights."""
    import torch
    import transformers

    def make(kind: str) -> Path:
        text = TEXT | {"intermediate_size": 128, "vocab_size": len(tokenizer), "max_position_embeddings": 512}
        text |= {"pad_token_id": 2, "bos_token_id": 1, "eos_token_id": 2}
        torch.manual_seed(0)
        if kind == "gemma3":
            config = transformers.Gemma3Config(
                text_config=text | {"sliding_window": 64},
                vision_config=EYES | {"image_size": 28},
                mm_tokens_per_image=4,
                image_token_index=5,
                boi_token_index=6,
                eoi_token_index=7,
            )
            model: Any = transformers.Gemma3ForConditionalGeneration(config)
        else:
            config = transformers.Mistral3Config(
                text_config=text | {"model_type": "ministral3"},
                vision_config=EYES | {"model_type": "pixtral", "image_size": 56, "head_dim": 16},
                image_token_index=5,
                tie_word_embeddings=False,
            )
            model = transformers.Mistral3ForConditionalGeneration(config)
        folder = tmp_path / kind
        model.to(torch.bfloat16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.mark.parametrize(("kind", "packing"), [("gemma3", True), ("mistral3", False)])
def test_an_adapter_leaves_the_eyes_as_they_are_and_answers(
    kind: str, packing: bool, seeing_model: Callable[[str], Path], new_run: Any
) -> None:
    folder = seeing_model(kind)
    run = new_run(model=str(folder), packing=packing, max_steps=3, learning_rate=1e-3).train()
    assert len(run.losses()) == 3
    names = load_file(run.folder.adapter / "adapter_model.safetensors")
    assert len(names) == 2 * 2 * 7, "two small matrices beside each of seven, in two layers"
    assert all(".language_model." in name for name in names)

    chat = new_run("chat")
    asked = {"model": str(folder), "adapter": str(run.folder.adapter), "offline": True}
    chat.folder.chat.write_text(json.dumps(asked))
    chat.start(module="trainer_image.chat")
    words = [ChatMessage(role="user", content="What is 2 plus 3?")]
    chat.ask(PromptRequest(prompt_id="a", messages=words, speakers=["tuned", "base"], max_new_tokens=4))
    chat.wait_for(lambda events: sum(event.kind == "answer" for event in events) == 2)
    chat.ask(StopRequest())
    assert chat.wait() == 0


def test_with_all_weights_the_eyes_stay_as_they_were(seeing_model: Callable[[str], Path], new_run: Any) -> None:
    folder = seeing_model("gemma3")
    run = new_run(model=str(folder), full_finetuning=True, lora_r=16, max_steps=2, learning_rate=1e-2).train()
    plan = run.events("plan")[0]
    assert plan.trainable_parameters < plan.total_parameters
    before, after = load_file(folder / "model.safetensors"), load_file(run.folder.adapter / "model.safetensors")
    assert set(after) == set(before)
    changed = {name for name in before if not before[name].equal(after[name])}
    assert changed
    assert all("language_model" in name for name in changed)


def test_layers_that_only_the_eyes_have_are_refused(seeing_model: Callable[[str], Path], new_run: Any) -> None:
    run = new_run(model=str(seeing_model("gemma3")), target_modules="fc1")
    assert run.start().wait() != 0
    failed = run.events("failed")[0]
    assert failed.code == "bad_config"
    assert "no layers called fc1" in failed.sentence
    assert "q_proj" in failed.hint
    assert "fc1" not in failed.hint
