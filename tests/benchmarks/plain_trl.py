"""The baseline: the same model, rows and settings in a plain script, as TRL's and Unsloth's docs write it.

Called by start_up.py inside the trainer image: ``python plain_trl.py MODEL ROWS STEPS OUTPUT``. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import time

began = time.time()
import unsloth  # noqa: E402, F401, I001
import torch  # noqa: E402
from datasets import load_dataset  # noqa: E402
from transformers import TrainerCallback, set_seed  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402
from unsloth import FastLanguageModel  # noqa: E402

imported = time.time()
model_folder, rows, steps, output = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
set_seed(3407)
model, tokenizer = FastLanguageModel.from_pretrained(
    model_folder, max_seq_length=256, load_in_4bit=False, use_gradient_checkpointing=False
)
model = FastLanguageModel.get_peft_model(
    model,
    r=16,
    lora_alpha=32,
    lora_dropout=0.0,
    target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    use_gradient_checkpointing=False,
    random_state=3407,
    max_seq_length=256,
)
loaded = time.time()


def as_prompt_and_completion(row: dict) -> dict:
    return {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]}


class Clock(TrainerCallback):
    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: object, **__: object) -> None:
        self.ends.append(time.time())


data = load_dataset("json", data_files=rows, split="train").map(as_prompt_and_completion, remove_columns=["messages"])
clock = Clock()
trainer = SFTTrainer(
    model=model,
    processing_class=tokenizer,
    train_dataset=data,
    callbacks=[clock],
    args=SFTConfig(
        output_dir=output,
        max_steps=steps,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=1,
        learning_rate=5e-4,
        lr_scheduler_type="linear",
        warmup_steps=0.03,
        weight_decay=0.01,
        max_length=256,
        seed=3407,
        data_seed=3407,
        bf16=True,
        use_cpu=not torch.cuda.is_available(),
        gradient_checkpointing=False,
        logging_steps=1000,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    ),
)
prepared = time.time()
trainer.train()
# The last line of the output; everything above it is the libraries' own talk.
print(json.dumps({"began": began, "imports": imported, "model": loaded, "data": prepared, "step_ends": clock.ends}))
