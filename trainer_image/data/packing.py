"""Which models may have rows laid end to end in one sequence; the trainer and the app ask the same."""

from __future__ import annotations

# Models whose attention is told apart by positions alone; a state that runs on (Mamba, linear attention) would leak.
FLAT_MODELS = frozenset(
    {"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "gemma3_text", "phi3", "smollm3"}
    | {"granite", "cohere", "cohere2", "olmo2"}
)


def can_lie_flat(model_type: str) -> bool:
    """Say whether rows of this kind of model keep to themselves in one sequence, packed or not."""
    return model_type in FLAT_MODELS
