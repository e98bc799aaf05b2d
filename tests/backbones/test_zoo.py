"""Every architecture that transformers classifies text with is trained and evaluated, or refused in a few words."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import DataCollatorWithPadding, TrainingArguments

from src.models.classifier import Classifier, build_classifier
from src.models.meta_model import adapter_size, load_meta_model
from src.training.checkpoint import Checkpoints
from src.training.evaluation import Evaluation
from src.training.trainer import VerdictTrainer
from src.utils.errors import UserError
from tests.backbones import zoo
from tests.conftest import Stateless

LORA = {"_target_": "src.models.lora.LoRALinear", "r": 2, "alpha": 4.0, "target_modules": "all-linear"}
METHODS: dict[str, dict[str, Any]] = {
    "lora": {"name": "roberta_lora", "adapter": LORA},
    "bitfit": {"name": "roberta_bitfit", "train_parameters": "*.bias"},
    "head": {"name": "roberta_head"},
}
CLASSES = ("a", "b", "c")
TEXTS = [("one text", "and another"), ("two", "2"), ("a third, which is longer than the first", "yes"), ("so", "no")]
QUICK = (
    "bert",
    "roberta",
    "deberta-v2",
    "mpnet",
    "xlnet",
    "longformer",
    "big_bird",
    "squeezebert",
    "bart",
    "t5",
    "gpt2",
    "llama",
    "modernbert",
)
REFUSED = {  # by design: what is expected of each architecture that not every method goes with
    ("gpt2", "lora"): "are Conv1D here, which is no nn.Linear",
    ("t5", "bitfit"): "this encoder has no biases",
    ("llama", "bitfit"): "this encoder has no biases",
    ("modernbert", "bitfit"): "this encoder has no biases",
}


def evaluate(classifier: Classifier, folder: Path) -> np.ndarray:
    """A training batch's loss and gradients, then the logits that the trainer's evaluation hands on."""
    tokenizer = classifier.backbone.tokenizer
    rows = Dataset.from_list(
        [dict(tokenizer(*texts)) | {"labels": i % 3, "length": 4} for i, texts in enumerate(TEXTS)]
    )
    found: list[Evaluation] = []
    trainer = VerdictTrainer(
        model=classifier.model,
        args=TrainingArguments(str(folder), use_cpu=True, data_seed=0, report_to=[], per_device_eval_batch_size=2),
        head=classifier.backbone.head,
        head_learning_rate=None,
        adaptation=classifier.adaptation,
        on_evaluation=found.append,
        on_log=lambda line: None,
        checkpoints=Checkpoints(folder, "never", {}, Stateless()),
        train_dataset=rows,
        eval_dataset={"validation": rows},
        data_collator=DataCollatorWithPadding(tokenizer),
        compute={"validation": lambda logits, labels: {"rows": float(len(labels))}},
    )
    loss = trainer.compute_loss(classifier.model.train(), next(iter(trainer.get_train_dataloader())))
    loss.backward()
    assert math.isfinite(float(loss))
    assert all(torch.isfinite(p.grad).all() for p in classifier.model.parameters() if p.grad is not None)
    trainer.evaluate()
    return found[0].logits["validation"]


def check(name: str, method: str, source: Path, work: Path) -> str:
    """How it went: ``trained``, or the refusal, which has to be short and without transformers' own advice."""
    node = {"name": name, "path": str(source), "attention": "sdpa"}
    try:
        classifier = build_classifier(METHODS[method], node, label_names=CLASSES, seed=0)
        meta = load_meta_model(node)
        assert meta.head == classifier.backbone.head
        assert adapter_size(METHODS[method], meta) == classifier.counts["adapter"]
        logits = evaluate(classifier, work)
    except UserError as error:
        text = str(error)
        assert len(text) < 600, text
        assert "attn_implementation" not in text and "issue" not in text, text
        return text
    assert logits.shape == (len(TEXTS), len(CLASSES)) and np.isfinite(logits).all()
    return "trained"


@pytest.mark.parametrize("name", QUICK)
def test_a_family_of_encoders(name, tmp_path):
    zoo.build(name, tmp_path / "model")
    for method in METHODS:
        outcome = check(name, method, tmp_path / "model", tmp_path)
        assert REFUSED.get((name, method), "trained") in outcome


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*zoo.ARCHITECTURES} - {*QUICK}))
def test_the_whole_zoo(name, tmp_path):
    if reason := zoo.UNBUILT.get(name):
        pytest.skip(reason)
    zoo.build(name, tmp_path / "model")
    for method in METHODS:
        print(f"{name}, {method}: {check(name, method, tmp_path / 'model', tmp_path)}")


def test_the_zoo_is_large():
    assert len({*zoo.ARCHITECTURES} - zoo.UNBUILT.keys()) >= 45
