"""Kinds with a loss of their own on every architecture: it is the kind's, of the model's own scores; adapters learn."""

import pytest
import torch

from src.tasks import KINDS
from tests.backbones import zoo
from tests.backbones.kinds_on import built_on

KINDS_WITH_ONE = [name for name, kind in KINDS.items() if kind.own_loss]
LORA = {"_target_": "src.models.lora.LoRALinear", "r": 2, "alpha": 4.0, "target_modules": "all-linear"}
ROWS = {
    "text": ["who?", "where is it?"],
    "text_pair": ["one text and another", "2"],
    "label": ['[[0, "one text"]]', '[[0, "2"]]'],
}
QUICK = ("roberta", "distilbert")


def check(architecture: str, kind: str, folder) -> None:
    if (built := built_on(architecture, kind, folder, LORA, of_tokens=True)) is None:
        return
    own, model = built.space.kind, built.model
    columns = own.encode(built.backbone.tokenizer, ROWS, 32)
    inputs = {name: values for name, values in columns.items() if name not in (*own.note_columns, "origin")}
    batch = own.collator(built.backbone.tokenizer)([dict(zip(inputs, row, strict=True))
                                                    for row in zip(*inputs.values(), strict=True)])  # fmt: skip
    model.train()(**batch).loss.backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert grads and all(torch.isfinite(grad).all() for grad in grads)
    with torch.no_grad():
        found = model.eval()(**batch)
        labels = batch.pop("labels")
        assert found.logits.shape == (*batch["input_ids"].shape, 2) and "loss" not in model(**batch)
    torch.testing.assert_close(found.loss, own.loss(found.logits, labels))


@pytest.mark.parametrize("kind", KINDS_WITH_ONE)
@pytest.mark.parametrize("architecture", QUICK)
def test_some(architecture, kind, tmp_path):
    check(architecture, kind, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [name for name in zoo.ARCHITECTURES if name not in QUICK])
def test_every(architecture, tmp_path):
    if reason := zoo.UNBUILT.get(architecture):
        pytest.skip(reason)
    check(architecture, KINDS_WITH_ONE[0], tmp_path)
