"""The baselines: the same fine-tune as TRL's and PEFT's docs write it, and as Unsloth's do.

``python plain.py '{"library": "trl", "model": ..., "rows": ..., ...}'`` prints one JSON object as its last line.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

began = time.time()
asked: dict[str, Any] = json.loads(sys.argv[1])
if asked["library"] == "unsloth":
    import unsloth  # noqa: F401
import torch  # noqa: E402
from datasets import load_dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, TrainerCallback  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402

imported = time.time()
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
rank = int(__import__("os").environ.get("LOCAL_RANK", "0"))
torch.cuda.set_device(rank)
if limit := asked.get("memory_limit_bytes"):
    torch.cuda.set_per_process_memory_fraction(limit / torch.cuda.get_device_properties(rank).total_memory, rank)
length, checkpointing = asked["length"], asked.get("checkpointing", True)
adapter = None
if asked["library"] == "unsloth":
    from unsloth import FastLanguageModel

    kind = "unsloth" if checkpointing else False
    model, tokenizer = FastLanguageModel.from_pretrained(
        asked["model"],
        max_seq_length=length,
        load_in_4bit=asked.get("four_bit", False),
        use_gradient_checkpointing=kind,
    )
    model = FastLanguageModel.get_peft_model(
        model,
        r=16,
        lora_alpha=16,
        lora_dropout=0.0,
        target_modules=LINEAR,
        use_gradient_checkpointing=kind,
        random_state=3407,
    )
else:
    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    model = AutoModelForCausalLM.from_pretrained(
        asked["model"],
        dtype=torch.bfloat16,
        attn_implementation="sdpa",
        device_map={"": rank},
        quantization_config=quantization if asked.get("four_bit") else None,
    )
    tokenizer = AutoTokenizer.from_pretrained(asked["model"])
    adapter = LoraConfig(r=16, lora_alpha=16, lora_dropout=0.0, target_modules=LINEAR, task_type="CAUSAL_LM")
if tokenizer.pad_token_id is None:
    tokenizer.pad_token = tokenizer.eos_token
loaded = time.time()


class Counting:
    """The trainer's own collator, and the tokens of each batch, padding left out."""

    def __init__(self, collate: Any) -> None:
        self.collate, self.tokens = collate, list[int]()

    def __call__(self, rows: Any) -> Any:
        batch = self.collate(rows)
        mask = batch.get("attention_mask")
        self.tokens.append(int(mask.sum()) if mask is not None else batch["input_ids"].numel())
        return batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["collate"], name)


class Clock(TrainerCallback):  # type: ignore[misc]
    def __init__(self) -> None:
        self.ends = list[float]()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        torch.cuda.synchronize()
        self.ends.append(time.time())


rows = load_dataset("json", data_files=asked["rows"], split="train")
if "question" in rows.column_names:
    chat = lambda who, text: [{"role": who, "content": text}]  # noqa: E731
    rows = rows.map(
        lambda row: {"prompt": chat("user", row["question"]), "completion": chat("assistant", row["answer"])},
        remove_columns=rows.column_names,
    )
clock = Clock()
trainer = SFTTrainer(
    model=model,
    processing_class=tokenizer,
    train_dataset=rows,
    callbacks=[clock],
    peft_config=adapter,
    args=SFTConfig(
        output_dir=asked["output"],
        max_steps=asked["steps"],
        per_device_train_batch_size=asked["batch"],
        gradient_accumulation_steps=asked.get("accumulation", 1),
        learning_rate=2e-4,
        # Unsloth's own default holds its state in 8 bits; ours does not unless asked, so the same is named for both.
        optim="adamw_torch_fused",
        max_length=length,
        completion_only_loss=None if "prompt" in rows.column_names else False,
        bf16=True,
        gradient_checkpointing=checkpointing,
        logging_steps=5,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=3407,
        ddp_find_unused_parameters=False,
    ),
)
counting = trainer.data_collator = Counting(trainer.data_collator)
prepared = time.time()
trainer.train()
skip, each = asked["warmup"], asked.get("accumulation", 1)
tokens = sum(counting.tokens[skip * each : asked["steps"] * each])
print(
    json.dumps(
        {
            "tokens_per_s": tokens / (clock.ends[-1] - clock.ends[skip - 1]),
            "peak_bytes": torch.cuda.max_memory_reserved(),
            "first_step_s": clock.ends[0] - began,
            "parts_s": {
                "imports": imported - began,
                "load": loaded - imported,
                "data": prepared - loaded,
                "first step": clock.ends[0] - prepared,
            },
        }
    )
)
