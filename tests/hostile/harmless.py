"""The run that attacks are made of."""

import json
from pathlib import Path

import yaml

from tests.hostile.crafted import LORA, NANO


def harmless_run(folder: Path) -> Path:
    """A finished run's folder with all that the commands read; its adapter is untrained."""
    from src.models.classifier import build_classifier, save_classifier

    task = {
        "name": "rte", "text": ["text", "text_pair"], "label": "label", "label_names": ["no", "yes"],
        "metrics": ["accuracy"], "primary_metric": "accuracy", "evaluation_splits": ["validation"], "rows": {},
        "source": "synthetic", "dir": None, "max_length": 64, "max_train_samples": None, "max_eval_samples": None,
        "holdout_fraction": 0.1, "holdout_max": 100,
        "sources": {"synthetic": {"_target_": "src.data.sources.synthetic.load_synthetic", "task": "paraphrase",
                                  "seed": 0, "train": 16, "validation": 8, "test": 8}},
    }  # fmt: skip
    model = {"name": "roberta_lora", "adapter": LORA, "train_parameters": [], "head": {"train": True}}
    backbone = {"name": "nano", "path": str(NANO), "attention": "sdpa", "fast_paths": False}
    classifier = build_classifier(model, backbone, label_names=("no", "yes"), seed=0)
    save_classifier(classifier, folder / "adapter")
    scores = {"accuracy": 0.5}
    record = {
        "schema_version": 1, "status": "ok", "error": None, "method": "lora", "backbone": "nano", "data": "rte",
        "seed": 0,
        "training": {"precision": "fp32", "learning_rate": 1e-3}, "max_length": 64, "text": task["text"],
        "params": classifier.counts, "adapter_config": LORA, "metrics": {"selected": scores, "last": scores},
        "primary_metric": {"name": "accuracy", "value": 0.5, "split": "validation"}, "time": {"train_s": 1.0},
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(record))
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "config.yaml").write_text(yaml.safe_dump({"data": task, "training": {"hub_token": "secret"}}))
    return folder
