"""What a training has made the backbone forget: its masked-LM loss on a fixed text, before and after.

``1/M sum over the M hidden tokens of -log p(token | the rest)``, in nats, with the checkpoint's own masked-LM head over
the backbone and over the adapted encoder. The hidden tokens are drawn once, so both see the same. The head, and the
output embeddings in it, stay the checkpoint's: a training for classification has no head for words.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM

from src.analysis.trained_factors import run_labels
from src.backbones.backbone import locate, quiet
from src.backbones.remote_code import NO_REMOTE_CODE
from src.data.sources.synthetic import rows
from src.models.classifier import Classifier, build_classifier, load_tensors
from src.models.description import read_description
from src.runs.layout import RunFolder
from src.runs.reading import Run
from src.tasks.kinds import spaces_in
from src.utils.errors import UserError, in_short
from src.utils.seeding import seeded

SHARE = 0.15  # of the tokens are hidden, as BERT's
TEXTS, BATCH, LONGEST = 256, 32, 128


def default_texts() -> list[str]:
    """Sentences of the synthetic suite, of templates that nano's pretraining has not seen."""
    return [str(row["text"]) for row in rows("acceptability", "test", 0, 2 * TEXTS) if row["label"] == 1][:TEXTS]


def forgetting(runs: Sequence[Run], texts: Sequence[str]) -> list[dict[str, Any]] | str:
    """Per run the loss of its backbone and of its adapted encoder; or why there is none.

    Args:
        runs: finished ones.
        texts: one passage each, of at most ``LONGEST`` tokens; what is longer is cut.
    """
    found, reasons = [], {}
    for label, run in zip(run_labels(list(runs)), runs, strict=True):
        try:
            found.append({"run": label} | _of_run(run, texts))
        except UserError as error:
            reasons[label] = str(error)
    return found or "; ".join(f"{label}: {reason}" for label, reason in reasons.items())


def _of_run(run: Run, texts: Sequence[str]) -> dict[str, Any]:
    classifier = _whole_encoder(run)
    if "forward" in vars(classifier.model):  # prompts are put around the model, not into its encoder
        raise UserError("its method changes the model's forward pass, and not its encoder alone")
    return measured(masked_lm(classifier), classifier, texts)


def _whole_encoder(run: Run) -> Classifier:
    """The run's classifier, every layer computed for every token."""
    folder = RunFolder(run.folder).adapter
    saved: Any = read_description(folder)
    backbone = saved["backbone"] | {"fast_paths": False}
    classifier = build_classifier(saved["model"], backbone, tasks=spaces_in(saved), seed=saved["seed"])
    classifier.load_state(load_tensors(folder))
    return classifier


def masked_lm(classifier: Classifier) -> Any:
    """The backbone's checkpoint under its masked-LM head.

    Raises:
        UserError: if the architecture or the checkpoint has none.
    """
    backbone: Any = classifier.description["backbone"]
    revision = {"revision": backbone["revision"]} if backbone.get("revision") else {}
    try:
        with quiet():
            model, info = AutoModelForMaskedLM.from_pretrained(
                locate(backbone), dtype=torch.float32, output_loading_info=True, weights_only=True, **revision,
                **NO_REMOTE_CODE,
            )  # fmt: skip
    except UserError:
        raise
    except Exception as error:  # whatever the library finds in another's files
        raise UserError(f"no masked-LM head: {in_short(error)}") from error
    if missing := [name for name in info["missing_keys"] if not name.startswith(f"{model.base_model_prefix}.")]:
        raise UserError(f"the checkpoint of {backbone['name']} has no masked-LM head ({missing[0]} is not in it)")
    return model.eval()


@torch.no_grad()
def measured(model: Any, classifier: Classifier, texts: Sequence[str]) -> dict[str, Any]:
    """Loss and accuracy on the hidden tokens before and after; the model's encoder is the adapted one afterwards."""
    batches = _hidden(classifier.backbone.tokenizer, texts)
    before = _scores(model, batches)
    adapted: Any = classifier.model.base_model
    setattr(model, model.base_model_prefix, adapted.eval())
    after = _scores(model, batches)
    return {
        "hidden_tokens": sum(int(labels.ge(0).sum()) for _, labels in batches),
        "loss_before": before[0],
        "loss_after": after[0],
        "forgotten": after[0] - before[0],
        "accuracy_before": before[1],
        "accuracy_after": after[1],
    }


def _hidden(tokenizer: Any, texts: Sequence[str]) -> list[tuple[dict[str, Tensor], Tensor]]:
    """Batches with some of their tokens hidden, and these tokens; -100 elsewhere."""
    if tokenizer.mask_token_id is None:
        raise UserError("its tokenizer has no mask token")
    found = []
    with seeded(0, "forgetting"):
        for start in range(0, len(texts), BATCH):
            inputs = tokenizer(list(texts[start : start + BATCH]), padding=True, truncation=True,
                               max_length=LONGEST, return_tensors="pt", return_special_tokens_mask=True)  # fmt: skip
            words = (inputs.pop("special_tokens_mask") == 0) & (inputs["attention_mask"] == 1)
            chosen = (torch.rand(words.shape) < SHARE) & words
            labels = inputs["input_ids"].masked_fill(~chosen, -100)
            inputs["input_ids"] = inputs["input_ids"].masked_fill(chosen, tokenizer.mask_token_id)
            found.append((dict(inputs), labels))
    if not any(labels.ge(0).any() for _, labels in found):
        raise UserError("the text has no token to hide")
    return found


def _scores(model: Any, batches: Sequence[tuple[dict[str, Tensor], Tensor]]) -> tuple[float, float]:
    """The mean loss of the hidden tokens in nats, and the share of them that are the likeliest."""
    total, right, number = 0.0, 0, 0
    for inputs, labels in batches:
        chosen = labels >= 0
        logits, wanted = model(**inputs).logits[chosen].double(), labels[chosen]
        total += float(nn.functional.cross_entropy(logits, wanted, reduction="sum"))
        right += int((logits.argmax(-1) == wanted).sum())
        number += len(wanted)
    return total / number, right / number
