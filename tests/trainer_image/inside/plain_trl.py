"""Preferences by plain TRL, as its documentation says: the yardstick of test_methods_preferences.py.

``python plain_trl.py SETTINGS.json`` trains by TRL's own rendering, tokenising and PEFT, and prints what TRL logs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

# This version of TRL cannot compute a loss on a CPU without Unsloth, which has to come first.
import unsloth  # noqa: F401

# isort: split
import trl
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoTokenizer, PrinterCallback
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

TRAINERS = {
    "dpo": (trl.DPOConfig, trl.DPOTrainer),
    "kto": (trl.KTOConfig, trl.KTOTrainer),
    "reward": (trl.RewardConfig, trl.RewardTrainer),
    "orpo": (ORPOConfig, ORPOTrainer),
    "cpo": (CPOConfig, CPOTrainer),
}


class Told(PrinterCallback):
    """Prints what is logged."""

    def on_log(self, args: object, state: object, control: object, logs: dict[str, float], **rest: object) -> None:
        if "loss" in logs:
            print("STEP " + json.dumps(logs), flush=True)


def main(settings: dict[str, object]) -> None:
    """Train as the settings say."""
    config_class, trainer_class = TRAINERS[str(settings["trainer"])]
    rows = [json.loads(line) for line in Path(str(settings["rows"])).read_text("utf-8").splitlines()]
    is_judge = settings["trainer"] == "reward"
    task = {"task_type": "SEQ_CLS", "modules_to_save": ["score"]} if is_judge else {"task_type": "CAUSAL_LM"}
    trainer = trainer_class(
        model=settings["model"],
        args=config_class(
            output_dir=str(settings["output"]),
            model_init_kwargs={"dtype": "bfloat16"},
            per_device_train_batch_size=2,
            logging_steps=1,
            logging_strategy="steps",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            bf16=True,
            gradient_checkpointing=False,
            seed=3407,
            data_seed=3407,
            optim="adamw_torch_fused",
            weight_decay=0.01,
            remove_unused_columns=False,
            **settings["arguments"],  # type: ignore[arg-type]
        ),
        processing_class=AutoTokenizer.from_pretrained(str(settings["model"])),
        train_dataset=Dataset.from_list(rows),
        peft_config=LoraConfig(r=4, lora_alpha=16, target_modules="all-linear", **task),
    )
    trainer.add_callback(Told())
    trainer.train()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text("utf-8")))
