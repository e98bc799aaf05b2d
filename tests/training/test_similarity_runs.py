"""Similarity from data to statistics and to other libraries' files, with every method."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from src.compare.comparison import compare_runs
from src.compare.verified import contradiction
from src.config.choices import choices
from src.data.load import load_data
from src.deploy.export import export_run, import_peft
from src.deploy.merge import merge_run
from src.deploy.trained_run import load_run
from src.runs.predictions_reading import read_split
from src.runs.reading import find_runs
from src.training.run import run_job
from src.verify.consistent import check_run
from src.verify.finding import Verdict
from tests.conftest import NANO, compose_config
from tests.training.every_method import train_with

PAIRS = ["data=synth_similarity_pairs", "training.max_steps=4"]
NO_HEAD = "roberta_head"  # trains nothing else
PROMPTS = "roberta_peft_prefix_tuning"  # has a forward of its own


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two methods, three seeds."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in range(3):
        for method in ("hydralora", "lora"):
            run_job(
                compose_config(*NANO, *PAIRS, f"model=roberta_{method}", f"seed={seed}"), folder / f"{method}{seed}"
            )
    return folder


def test_runs_are_compared_pair_by_pair(runs):
    found = find_runs([runs])
    assert [contradiction(run) for run in found] == [None] * 6
    (table,) = compare_runs(found, baseline="lora").tables
    assert table.metric == "spearmanr" and table.examples == 32
    assert all(row.interval is not None for row in table.rows)
    assert {finding.what: finding.verdict for finding in check_run("run", found[0])}["scores"] is Verdict.EQUAL
    rows = load_data(compose_config(*NANO, *PAIRS).data, holdout=False).splits["validation"].sort("idx")
    np.testing.assert_allclose(read_split(found[0].folder, "validation").labels, rows["label"][:], rtol=1e-6)


def test_it_is_merged_and_exported_as_an_encoder(runs, tmp_path):
    """Both opened by transformers and the peft library alone, pooled by hand."""
    import peft
    from transformers import AutoModel

    run = load_run(runs / "lora0")
    found = merge_run(runs / "lora0", tmp_path / "merged", rows=8)
    assert all(own.holds for own in found.values())
    export_run(runs / "lora0", tmp_path / "peft")
    base = AutoModel.from_pretrained(run.classifier.backbone.model.config._name_or_path, add_pooling_layer=False)
    opened = [
        AutoModel.from_pretrained(tmp_path / "merged", add_pooling_layer=False),
        peft.PeftModel.from_pretrained(base, tmp_path / "peft"),
    ]
    texts = ["A cat slept.", "It was asleep in the park."]
    batch = run.classifier.backbone.tokenizer(texts, padding=True, return_tensors="pt")
    expected = run.logits(texts[:1], texts[1:]).item()
    for model in opened:
        with torch.no_grad():
            states = model.eval()(**batch).last_hidden_state
        mask = batch["attention_mask"][..., None]
        first, second = (states * mask).sum(1) / mask.sum(1)
        assert F.cosine_similarity(first, second, dim=0).item() == pytest.approx(expected, abs=1e-5)
    import_peft(tmp_path / "peft", tmp_path / "back")
    back = load_run(tmp_path / "back")
    assert back.classifier.space.kind.name == "similarity"
    assert back.logits(texts[:1], texts[1:]).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("model", [model for model in choices("model") if model != NO_HEAD])
def test_every_method_embeds(model, tmp_path):
    refused = "takes one input a row" if model == PROMPTS else None
    train_with(model, PAIRS, tmp_path / "run", refused)
