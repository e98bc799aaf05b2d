"""Rows of several inputs on every architecture: answers are those of each row by itself; gradients reach adapters."""

import pytest
import torch

from src.tasks import KINDS
from tests.backbones import zoo
from tests.backbones.kinds_on import built_on

KINDS_OF_SEVERAL = [name for name, kind in KINDS.items() if kind.several_inputs]
LORA = {"_target_": "src.models.lora.LoRALinear", "r": 2, "alpha": 4.0, "target_modules": "all-linear"}
ROWS = {
    "text": ["one text", "two", "a third, which is longer than the first"],
    "text_pair": ["and another", "2", "yes\nno\nor nothing of the kind"],
    "label": [0, 0, 1],
}
QUICK = ("roberta", "distilbert")
SINGLE = 1e-4  # of a logit
UNUSED = {("squeezebert", "similarity"): "its layers are convolutions: no Linear but the pooler's, which is not asked"}


def check(architecture: str, kind: str, folder) -> None:
    if (built := built_on(architecture, kind, folder, LORA, of_tokens=kind != "multiple_choice")) is None:
        return
    own = built.space.kind
    columns = own.encode(built.backbone.tokenizer, ROWS, 32)
    columns = {name: values for name, values in columns.items() if name not in own.note_columns}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    collate, model = own.collator(built.backbone.tokenizer), built.model
    model.train()(**collate(rows)).loss.backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert grads and all(torch.isfinite(grad).all() for grad in grads)
    with torch.no_grad():
        batch = collate(rows)
        together = model.eval()(**batch).logits
        alone = [  # padded as in the batch: some architectures see the padding
            model(
                **{
                    name: tensor[i : i + 1, : len(row["input_ids"])]
                    for name, tensor in batch.items()
                    if tensor.ndim > 1
                }
            ).logits[0]
            for i, row in enumerate(rows)
        ]
    for row, expected in zip(together, alone, strict=True):
        torch.testing.assert_close(row[: len(expected)], expected, rtol=SINGLE, atol=SINGLE)


@pytest.mark.parametrize("kind", KINDS_OF_SEVERAL)
@pytest.mark.parametrize("architecture", QUICK)
def test_some(architecture, kind, tmp_path):
    check(architecture, kind, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS_OF_SEVERAL[:2])
@pytest.mark.parametrize("architecture", [name for name in zoo.ARCHITECTURES if name not in QUICK])
def test_every(architecture, kind, tmp_path):
    if reason := zoo.UNBUILT.get(architecture) or UNUSED.get((architecture, kind)):
        pytest.skip(reason)
    check(architecture, kind, tmp_path)
