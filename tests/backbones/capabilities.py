"""What goes with each architecture, tried on a tiny random checkpoint: the table of docs/encoders.md.

``python -m tests.backbones.capabilities`` tries all of them, some minutes, and writes the table into the page.
"""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import TrainingArguments
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from src.deploy.export import import_peft
from src.deploy.peft_format import write_peft
from src.models.classifier import Classifier, build_classifier, load_classifier, save_classifier
from src.models.inject import adapters, merge_all, unmerge_all
from src.tasks import label_space
from src.training.model_limits import check_limits
from src.utils.errors import UserError
from src.utils.paths import ROOT
from tests.backbones import zoo

# All but decoders, of which two stand for the rest: one with Linears, one without.
ENCODERS = {*MODEL_FOR_MASKED_LM_MAPPING_NAMES} | ({*zoo.ARCHITECTURES} - {*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES})
# Of which the walk cannot tell, and why; each stands on the page.
UNTOLD = {
    "canine": "the logits of a tiny random checkpoint are no numbers in double precision",
    "longformer": "its projections of the first token get no gradient from texts this short",
    "mistral4": "its grouped product does not compute in double precision",
    "modernvbert": "it has an encoder of images, too",
    "mra": "its attention does not compute in double precision",
    "t5gemma2": "it has an encoder of images, too",
    "ultravbert": "it has an encoder of images, too",
}
ARCHITECTURES = tuple(
    name
    for name in zoo.ARCHITECTURES
    if name not in zoo.UNBUILT and name not in UNTOLD and (name in ENCODERS or name in ("gpt2", "qwen2", "xlnet"))
)
PAGE = ROOT / "docs" / "encoders.md"
CLASSES = ("a", "b", "c")
TEXTS = [("one text", "and another"), ("two", "2"), ("a third, which is longer than the first", "yes"), ("so", "no")]
LABELS = torch.tensor([0, 1, 2, 0])
TASKS = {"two": label_space(("a", "b")), "three": label_space(CLASSES)}


def method(name: str | None, **adapter: Any) -> dict[str, Any]:
    return {"name": f"roberta_{name}", "method": name, "adapter": {"target_modules": "auto"} | adapter}


LORA = method("lora", r=2, alpha=4.0)
METHODS: dict[str, dict[str, Any]] = {
    "LoRA": LORA,
    "LSR": method("lsr", r=1, alpha=1.0, num_terms=2),
    "HydraLoRA": method("hydralora", r=2, alpha=4.0, num_experts=2),
    "BitFit": {"name": "roberta_bitfit", "train_parameters": "*.bias"},
    "head": {"name": "roberta_head"},
    "all-linear": method("lora", r=2, alpha=4.0, target_modules="all-linear"),
}
# Adapters that the head's logits do not depend on, and why.
UNREAD = {
    "longformer": (r"layer\.1\.attention\.self\.(query|value)", "the last layer's first token has its own projections"),
    "mra": ("", "transformers gives zeros for its attention without its CUDA kernel"),
}
REASONS = {  # of refusals, each with a word of its message
    "no nn.Linear": r"which is no nn.Linear",
    "no projections": r"has no query and value projections",
    "no biases": r"this encoder has no biases",
    "no plain text": r"cannot be trained on plain text",
    "tied": r"in common with",
    "none": r"has none for|no classification head behind its encoder|cannot be computed in it",
}


@dataclass(frozen=True)
class Trial:
    """An architecture's checkpoint, and a folder to write to."""

    name: str
    node: dict[str, Any]
    folder: Path

    def built(self, model: dict[str, Any], **backbone: Any) -> Classifier:
        return build_classifier(model, self.node | backbone, label_names=CLASSES, seed=0)


def batch(classifier: Classifier) -> dict[str, Tensor]:
    firsts, seconds = map(list, zip(*TEXTS, strict=True))
    found = classifier.backbone.tokenizer(firsts, seconds, padding=True, return_tensors="pt")
    return {key: found[key] for key in ("input_ids", "attention_mask")}


@torch.no_grad()
def logits(classifier: Classifier) -> Tensor:
    return classifier.model.eval()(**batch(classifier)).logits


def loss(classifier: Classifier, **more: Tensor) -> Tensor:
    torch.manual_seed(0)
    found: Tensor = classifier.model.train()(**batch(classifier), labels=LABELS, **more).loss
    return found


@torch.no_grad()
def move(classifier: Classifier) -> None:
    """Give every trained value another, as a training would."""
    torch.manual_seed(1)
    for parameter in classifier.model.parameters():
        if parameter.requires_grad:
            parameter.add_(torch.randn_like(parameter), alpha=0.1)


def moved(trial: Trial) -> Classifier:
    classifier = trial.built(LORA)
    move(classifier)
    return classifier


def trained(trial: Trial, model: dict[str, Any]) -> None:
    """Gradients where they are due and nowhere else, the base as it was, and the same logits after a reload."""
    classifier = trial.built(model)
    frozen = {name: p.clone() for name, p in classifier.model.named_parameters() if not p.requires_grad}
    loss(classifier).backward()
    for name, parameter in classifier.model.named_parameters():
        assert parameter.grad is None or parameter.requires_grad, f"{name} is frozen"
        assert parameter.grad is None or parameter.grad.isfinite().all(), name
    for name, adapter in adapters(classifier.model):
        gradients = [p.grad for p in adapter.trained_parameters().values() if p.grad is not None]
        unread = trial.name in UNREAD and re.search(UNREAD[trial.name][0], name)
        if model["adapter"]["target_modules"] == "auto":
            assert any(g.any() for g in gradients) is not bool(unread), f"{name}: a gradient"
    move(classifier)
    for name, parameter in classifier.model.named_parameters():
        assert name not in frozen or torch.equal(frozen[name], parameter), f"{name} has changed"
    save_classifier(classifier, trial.folder / "saved")
    assert torch.equal(logits(load_classifier(trial.folder / "saved")), logits(classifier)), "reloaded"


def merged(trial: Trial) -> None:
    classifier = moved(trial)
    classifier.model.double()
    before = logits(classifier)
    merge_all(classifier.model)
    torch.testing.assert_close(logits(classifier), before, rtol=1e-9, atol=1e-9)
    unmerge_all(classifier.model)
    assert torch.equal(logits(classifier), before), "unmerged"


def exported(trial: Trial) -> None:
    """To the peft library's format and back; on the way back the library's own load is compared, too."""
    classifier = moved(trial)
    write_peft(classifier, trial.folder / "peft")
    import_peft(trial.folder / "peft", trial.folder / "back", label_names=list(CLASSES))
    back = load_classifier(trial.folder / "back" / "adapter")
    torch.testing.assert_close(logits(back), logits(classifier), rtol=0, atol=1e-5)


def fast(trial: Trial) -> None:
    """Logits and gradients in float64, with and without the fast paths."""
    found = []
    for wanted in (True, False):
        classifier = trial.built(LORA, fast_paths=wanted)
        move(classifier)
        classifier.model.double().eval()
        outputs = classifier.model(**batch(classifier)).logits
        outputs.sum().backward()
        gradients = [p.grad for p in classifier.model.parameters() if p.grad is not None]
        found.append([outputs.detach(), *gradients])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def mixed(trial: Trial) -> None:
    classifier = build_classifier(LORA, trial.node, seed=0, tasks=TASKS)
    tasks = torch.tensor([0, 0, 1, 1])
    loss(classifier, task=tasks).backward()
    outputs = classifier.model.eval()(**batch(classifier), task=tasks).logits
    assert outputs.shape == (4, 3) and outputs.isfinite().all()
    assert (outputs[:2, 2] == torch.finfo(outputs.dtype).min).all(), "what a task lacks is never picked"


def checkpointed(trial: Trial) -> None:
    gradients = []
    for wanted in (False, True):
        classifier = trial.built(LORA, fast_paths=False)
        move(classifier)
        if wanted:
            check_limits(classifier.model, arguments(trial, activation_checkpointing=True))
            model: Any = classifier.model
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        loss(classifier).backward()
        gradients.append([p.grad for p in classifier.model.parameters() if p.grad is not None])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def in_bf16(trial: Trial) -> None:
    classifier = moved(trial)
    check_limits(classifier.model, arguments(trial, bf16=True))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = logits(classifier)
        loss(classifier).backward()
    assert all(p.grad.isfinite().all() for p in classifier.model.parameters() if p.grad is not None)
    expected = logits(classifier)
    torch.testing.assert_close(rounded.float(), expected, rtol=0, atol=0.1 * max(1.0, float(expected.abs().max())))


def arguments(trial: Trial, **options: bool) -> TrainingArguments:
    return TrainingArguments(str(trial.folder), use_cpu=True, report_to=[], **options)  # type: ignore[arg-type]


CAPABILITIES: dict[str, Callable[[Trial], None]] = {
    **{name: lambda trial, model=model: trained(trial, model) for name, model in METHODS.items()},  # type: ignore[misc]
    "merge": merged,
    "export": exported,
    "fast paths": fast,
    "`data=mix`": mixed,
    "checkpointing": checkpointed,
    "bf16": in_bf16,
}


def walk(name: str, folder: Path) -> dict[str, str]:
    """Each capability of an architecture: ``yes``, or a key of ``REASONS``; whatever else goes wrong is raised."""
    source = zoo.build(name, folder / "model")
    found = {}
    for number, (capability, attempt) in enumerate(CAPABILITIES.items()):
        try:
            attempt(Trial(name, {"name": name, "path": source, "attention": "sdpa"}, folder / str(number)))
        except UserError as error:
            found[capability] = next((key for key, word in REASONS.items() if re.search(word, str(error))), str(error))
        else:
            found[capability] = "yes"
    return found


def row(name: str, found: dict[str, str]) -> str:
    return f"| {name} | {' | '.join(found.values())} |"


def rows(page: str) -> dict[str, str]:
    """The page's rows by architecture."""
    lines = [line for line in page.splitlines() if line.count("|") == len(CAPABILITIES) + 2]
    return {line.split("|")[1].strip(): line for line in lines[2:]}


def write() -> None:
    table = [f"| | {' | '.join(CAPABILITIES)} |", f"|---|{'---|' * len(CAPABILITIES)}"]
    for name in ARCHITECTURES:
        with tempfile.TemporaryDirectory() as folder:
            table.append(row(name, walk(name, Path(folder))))
        print(table[-1], flush=True)
    before, heading, _ = PAGE.read_text(encoding="utf-8").partition("| | LoRA |")
    PAGE.write_text(before + "\n".join(table) + "\n", encoding="utf-8", newline="\n")
    assert heading, "the page has no table to replace"


if __name__ == "__main__":
    write()
