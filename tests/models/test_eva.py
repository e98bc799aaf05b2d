"""EVA's start against a singular value decomposition of each layer's inputs."""

import pytest
import torch
from omegaconf import OmegaConf

from src.models.classifier import build_classifier, load_classifier, save_classifier
from src.models.text_batches import text_batches
from tests.conftest import NANO, compose_config

pytest.importorskip("peft", reason="the peft library is not installed: pip install -r requirements-peft.txt")

WORDS = ["the cat sees a dog", "a small house stands by the old river", "nobody knows why", "two men carry a box home"]
TEXTS = [f"{first}, and {second}" for first in WORDS for second in WORDS] * 2


def build(texts=None):
    config = OmegaConf.to_container(compose_config(*NANO, "model=roberta_peft_eva"), resolve=True)
    return build_classifier(
        config["model"], config["backbone"], label_names=("a", "b"), seed=0, training_texts=texts and (lambda: texts)
    )


def inputs_of(classifier, name: str) -> torch.Tensor:
    """Every token's input of a layer, padding left out."""
    seen = []
    layer = classifier.model.get_submodule(name)
    handle = layer.register_forward_hook(lambda module, args, output: seen.append(args[0]))
    for batch in text_batches(classifier.backbone.tokenizer, TEXTS):
        with torch.no_grad():
            classifier.model.eval()(**batch)
        mask = batch["attention_mask"].bool()
        seen[-1] = seen[-1][mask[:, : seen[-1].shape[1]]]
    handle.remove()
    return torch.cat(seen)


def test_the_start_spans_the_main_directions_of_the_inputs(tmp_path):
    started, plain = build(TEXTS), build()
    for layer in (0, 4):  # of the last one the first token alone is computed
        name = f"roberta.encoder.layer.{layer}.attention.self.query"
        a = started.model.get_submodule(name).lora_A["default"].weight
        x = inputs_of(plain, name).double()
        directions = torch.linalg.svd(x - x.mean(0), full_matrices=False).Vh[: len(a)].float()
        shared = torch.linalg.svdvals(torch.nn.functional.normalize(a) @ directions.T)
        assert shared.min() > 0.9 and a.shape[0] == 8, shared
        assert not started.model.get_submodule(name).lora_B["default"].weight.any()
    assert started.identity_at_start
    save_classifier(started, tmp_path)
    again = load_classifier(tmp_path).state()
    assert all(torch.equal(again[name], tensor) for name, tensor in started.state().items())


def test_batches_lie_evenly_over_all_rows_and_hold_no_label():
    class Tokenizer:
        def __call__(self, rows, **options):
            assert options["truncation"] and options["max_length"] == 128
            return {"rows": rows}

    batches = list(text_batches(Tokenizer(), [str(i) for i in range(3000)]))
    rows = [row for batch in batches for row in batch["rows"]]
    assert rows == [str(i) for i in range(0, 2048, 2)] and all(set(batch) == {"rows"} for batch in batches)
