"""What one writes without this framework: LoRA on MRPC with peft and transformers.Trainer.

The yardstick of ``end_to_end.py``. It imports nothing of the project.

    python benchmarks/peft_script.py --backbone FOLDER --glue FOLDER --seed 0            # the Trainer's defaults
    python benchmarks/peft_script.py --backbone FOLDER --glue FOLDER --seed 0 --options  # and all that we use
"""

import argparse
import csv
import json
import tempfile
from pathlib import Path

import numpy as np
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)


def read(path: Path) -> Dataset:
    with path.open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return Dataset.from_list([
        {"a": row["#1 String"], "b": row["#2 String"], "labels": int(row["Quality"])} for row in rows
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--glue", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--options", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    options = parser.parse_args()

    tokenizer = AutoTokenizer.from_pretrained(options.backbone)

    def tokenise(rows):
        return tokenizer(rows["a"], rows["b"], truncation=True, max_length=128)

    splits = {
        name: read(options.glue / "MRPC" / file).map(tokenise, batched=True, remove_columns=["a", "b"])
        for name, file in (("train", "train.tsv"), ("dev", "dev.tsv"))
    }
    model = AutoModelForSequenceClassification.from_pretrained(options.backbone, num_labels=2)
    config = LoraConfig(task_type="SEQ_CLS", r=8, lora_alpha=8, target_modules=["query", "value"])
    model = get_peft_model(model, config)
    ours = {
        "per_device_train_batch_size": 16, "per_device_eval_batch_size": 128, "warmup_steps": 0.06,
        "weight_decay": 0.01, "train_sampling_strategy": "group_by_length", "bf16": options.bf16, "save_strategy": "no",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=folder, num_train_epochs=3, learning_rate=options.learning_rate, seed=options.seed,
                eval_strategy="epoch", report_to="none", use_cpu=options.bf16, **(ours if options.options else {}),
            ),
            train_dataset=splits["train"],
            eval_dataset=splits["dev"],
            data_collator=DataCollatorWithPadding(tokenizer),
            compute_metrics=lambda p: {"accuracy": float((np.argmax(p.predictions, -1) == p.label_ids).mean())},
        )  # fmt: skip
        trainer.train()
    scores = [line["eval_accuracy"] for line in trainer.state.log_history if "eval_accuracy" in line]
    print(json.dumps({"accuracy": scores[-1]}))


if __name__ == "__main__":
    main()
