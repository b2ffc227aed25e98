"""Models of real shapes with random weights: speed and memory are those of the real model, and nothing is fetched.

``python tests/benchmarks/gpu/shapes.py SHAPE FOLDER TOKENIZER_FOLDER``
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

SHAPES: dict[str, dict[str, Any]] = {
    # Llama-3.1-8B and Llama-3.2-1B, as their config.json say.
    "8b": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "tie_word_embeddings": False,
    },
    "1b": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "tie_word_embeddings": True,
    },
}


def make(shape: str, folder: Path, tokenizer: Path) -> Path:
    """Write the model folder, once; weights are drawn on the GPU where there is one."""
    import torch
    from safetensors.torch import save_file
    from transformers import LlamaConfig, LlamaForCausalLM

    if (folder / "model.safetensors.index.json").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    config = LlamaConfig(
        **SHAPES[shape],
        max_position_embeddings=131072,
        rope_theta=500000.0,
        rms_norm_eps=1e-5,
        bos_token_id=1,
        eos_token_id=2,
        torch_dtype="bfloat16",
        architectures=["LlamaForCausalLM"],
    )
    config.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json"):
        if (tokenizer / name).is_file():
            shutil.copy(tokenizer / name, folder / name)
    with torch.device("meta"):
        names = {name: value.shape for name, value in LlamaForCausalLM(config).state_dict().items()}
    if config.tie_word_embeddings:
        names.pop("lm_head.weight", None)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    index, shard, size, number = dict[str, str](), dict[str, Any](), 0, 1
    for name, dimensions in names.items():
        weight = torch.empty(dimensions, dtype=torch.bfloat16, device=device)
        shard[name] = (weight.fill_(1.0) if "norm" in name else weight.normal_(0, 0.02)).cpu()
        index[name] = f"model-{number:05d}.safetensors"
        size += weight.numel() * 2
        if size > 4_000_000_000:
            save_file(shard, folder / index[name], metadata={"format": "pt"})
            shard, size, number = {}, 0, number + 1
    if shard:
        save_file(shard, folder / index[next(iter(shard))], metadata={"format": "pt"})
    total = sum(dimensions.numel() * 2 for dimensions in names.values())
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": total}, "weight_map": index})
    )
    return folder


if __name__ == "__main__":
    print(make(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
