"""What a run needs of a card, against peaks that were measured."""

from __future__ import annotations

from typing import Any

import pytest

from trainer_image.contract import RunConfig
from trainer_image.memory import GIB, predict
from trainer_image.model_facts import ModelFacts, model_facts

LLAMA_8B = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "tie_word_embeddings": False,
}
SMOLLM2 = {
    "model_type": "llama",
    "num_hidden_layers": 30,
    "hidden_size": 576,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "intermediate_size": 1536,
    "vocab_size": 49152,
    "tie_word_embeddings": True,
}


def config(**knobs: Any) -> RunConfig:
    values = {"model": "/models/m", "dataset": "/data/rows.jsonl", "max_length": 2048, "lora_r": 16}
    return RunConfig.model_validate(values | knobs)


def facts(values: dict[str, Any]) -> ModelFacts:
    found = model_facts(values)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("model", "knobs", "placement", "cards", "measured_gib"),
    [
        (LLAMA_8B, {"per_device_train_batch_size": 2}, "one", 1, 16.7),
        (LLAMA_8B, {"per_device_train_batch_size": 8, "gradient_checkpointing": False}, "one", 1, 76.1),
        (LLAMA_8B, {"per_device_train_batch_size": 1, "load_in_4bit": True}, "one", 1, 6.8),
        (LLAMA_8B, {"per_device_train_batch_size": 2, "load_in_4bit": True}, "one", 1, 7.0),
        (LLAMA_8B, {"per_device_train_batch_size": 2}, "data_parallel", 2, 16.8),
        (LLAMA_8B, {"per_device_train_batch_size": 2, "load_in_4bit": True}, "data_parallel", 2, 7.2),
        # The example's rows: about 100 tokens each.
        (SMOLLM2, {"per_device_train_batch_size": 2, "max_length": 100}, "one", 1, 0.43),
        (SMOLLM2, {"per_device_train_batch_size": 2, "max_length": 100, "load_in_4bit": True}, "one", 1, 0.31),
    ],
)
def test_measured_peaks_are_met_within_an_eighth(
    model: dict[str, Any], knobs: dict[str, Any], placement: Any, cards: int, measured_gib: float
) -> None:
    for estimate in predict(config(**knobs), facts(model), placement, (1.0,) * cards):
        assert estimate.allocated / GIB == pytest.approx(measured_gib, rel=0.12)


def test_a_long_context_fits_a_12_gb_card_in_4_bits_and_not_in_16() -> None:
    long = {"max_length": 20_000, "per_device_train_batch_size": 1}
    (small,) = predict(config(**long, load_in_4bit=True), facts(LLAMA_8B))
    (large,) = predict(config(**long), facts(LLAMA_8B))
    assert small.allocated < 11.3 * GIB < large.allocated


@pytest.mark.parametrize(
    ("values", "parameters"),
    [
        (LLAMA_8B, 8_030_261_248),
        (SMOLLM2, 134_515_008),
        # As their authors count them.
        (
            {
                "model_type": "mistral",
                "num_hidden_layers": 32,
                "hidden_size": 4096,
                "num_attention_heads": 32,
                "num_key_value_heads": 8,
                "intermediate_size": 14336,
                "vocab_size": 32000,
                "tie_word_embeddings": False,
            },
            7_241_732_096,
        ),
        (
            {
                "model_type": "qwen3_moe",
                "num_hidden_layers": 48,
                "hidden_size": 2048,
                "num_attention_heads": 32,
                "num_key_value_heads": 4,
                "head_dim": 128,
                "intermediate_size": 6144,
                "moe_intermediate_size": 768,
                "num_experts": 128,
                "num_experts_per_tok": 8,
                "vocab_size": 151936,
                "tie_word_embeddings": False,
            },
            30_532_122_624,
        ),
        (
            {
                "model_type": "gemma3",
                "text_config": {
                    "model_type": "gemma3_text",
                    "num_hidden_layers": 34,
                    "hidden_size": 2560,
                    "num_attention_heads": 8,
                    "num_key_value_heads": 4,
                    "head_dim": 256,
                    "intermediate_size": 10240,
                    "vocab_size": 262208,
                },
            },
            3_880_000_000,
        ),
        (
            {
                "model_type": "phi3",
                "num_hidden_layers": 32,
                "hidden_size": 3072,
                "num_attention_heads": 32,
                "num_key_value_heads": 32,
                "intermediate_size": 8192,
                "vocab_size": 32064,
                "tie_word_embeddings": False,
            },
            3_821_079_552,
        ),
    ],
)
def test_parameters_are_counted_as_the_model_has_them(values: dict[str, Any], parameters: int) -> None:
    assert facts(values).parameters == pytest.approx(parameters, rel=0.002)


def test_what_is_no_language_model_has_no_facts() -> None:
    assert model_facts({"model_type": "mamba", "hidden_size": 768}) is None


def test_lora_over_named_matrices_is_smaller() -> None:
    model = facts(SMOLLM2)
    assert model.adapter_parameters(16, "all-linear") == 4_884_480
    assert model.adapter_parameters(16, "q_proj, v_proj") == 30 * 16 * (576 + 576 + 576 + 192)


@pytest.mark.parametrize(
    ("change", "is_more"),
    [
        ({"load_in_4bit": True}, False),
        ({"load_in_4bit": True, "bnb_4bit_use_double_quant": False}, False),
        ({"gradient_checkpointing": False}, True),
        ({"per_device_train_batch_size": 4}, True),
        ({"per_device_train_batch_size": 1}, False),
        ({"max_length": 4096}, True),
        ({"lora_r": 64}, True),
        ({"optim": "adamw_8bit"}, False),
        ({"optim": "paged_adamw_8bit"}, False),
        ({"target_modules": "q_proj"}, False),
        ({"full_finetuning": True}, True),
        ({"method": "dpo"}, True),
        ({"method": "orpo"}, True),
        ({"method": "reward"}, True),
        ({"method": "grpo"}, True),
    ],
)
def test_a_knob_moves_the_prediction_the_right_way(change: dict[str, Any], is_more: bool) -> None:
    (before,) = predict(config(), facts(LLAMA_8B))
    (after,) = predict(config(**change), facts(LLAMA_8B))
    assert (after.total > before.total) is is_more
    assert after.total != before.total


def test_a_reference_is_a_copy_only_where_all_weights_are_trained() -> None:
    model = facts(LLAMA_8B)

    def weights(**knobs: Any) -> int:
        return predict(config(**knobs), model)[0].weights

    assert weights(method="dpo") == weights()
    assert weights(method="dpo", full_finetuning=True) == 2 * weights()
    assert weights(method="dpo", loss_type="simpo", full_finetuning=True) == weights()
    assert weights(method="grpo", rewards=("model",), reward_model="/judge") == 2 * weights()


def test_splitting_shares_the_weights_out() -> None:
    model = facts(LLAMA_8B)
    (whole,) = predict(config(), model)
    sharded = predict(config(), model, "sharded", (1, 1))
    assert len(sharded) == 2
    assert whole.weights / 2 < sharded[0].weights < whole.weights * 0.62
    first, last = predict(config(), model, "layers", (1, 1))
    assert first.weights + last.weights == pytest.approx(whole.weights, rel=0.001)
    assert (first.logits, last.logits) == (0, whole.logits)
    small, large = predict(config(), model, "layers", (1, 3))
    assert small.weights < first.weights < large.weights


def test_the_head_stays_with_the_embeddings_where_they_are_one() -> None:
    first, last = predict(config(), facts(SMOLLM2), "layers", (1, 1))
    assert first.logits > 0
    assert last.logits == 0
    assert first.weights - last.weights == pytest.approx(2 * 49152 * 576, rel=0.01)
