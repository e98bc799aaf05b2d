"""A run on what another run was merged into: the published MNLI-to-RTE recipe, and a task with the classes turned."""

import json
from pathlib import Path

import pytest
import torch

from src.deploy.export import export_run
from src.deploy.merge import merge_run
from src.deploy.trained_run import load_run
from tests.deploy.conftest import SHORT
from tests.deploy.test_merge import PAIRS, TEXTS

STILL = ("training.learning_rate=1e-12", "training.selection=last")


def result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


@pytest.fixture(scope="module")
def merged(trained, tmp_path_factory) -> Path:
    """A run on three classes as a plain model."""
    folder = tmp_path_factory.mktemp("merged") / "model"
    merge_run(trained("model=roberta_lora", "data=synth_entailment"), folder, rows=8)
    return folder


def test_three_classes_are_a_start_for_two(merged, trained, tmp_path):
    overrides = ("model=roberta_lora", "data=synth_paraphrase", f"backbone.path={merged}")
    run = trained(*overrides)
    record = result(run)
    assert record["status"] == "ok" and record["head_start"] == "new"
    loaded = load_run(run)
    assert loaded.logits(TEXTS, PAIRS).shape == (len(TEXTS), 2)
    compared = merge_run(run, tmp_path / "again", rows=8)
    assert all(found.holds for found in compared.values())
    export_run(run, tmp_path / "lora")


def test_adapters_of_three_classes_are_a_start_for_two(trained, train):
    first = trained("model=roberta_lora", "data=synth_entailment")
    record = result(train(*SHORT, "model=roberta_lora", "data=synth_paraphrase", f"init_from={first}"))
    assert record["status"] == "ok" and record["head_start"] == "new"
    assert record["init_from"]["copied"] and record["init_from"]["left_out"]


def test_the_same_classes_in_another_order_give_the_same_answers(merged, trained, train, tmp_path):
    """Every class keeps its logit."""
    first = load_run(trained("model=roberta_lora", "data=synth_entailment"))
    expected = first.logits(TEXTS, PAIRS)
    rows = [
        f"{text}\t{pair}\t{name}" for text, pair in zip(TEXTS, PAIRS, strict=True) for name in first.label_names
    ] * 8
    (tmp_path / "train.tsv").write_text("\n".join(["text\ttext_pair\tlabel", *rows]) + "\n")
    files = (
        "data=custom",
        f"data.files.train={tmp_path}/train.tsv",
        "data.text=[text,text_pair]",
        "data.max_length=64",
    )
    for names, how in {first.label_names: "checkpoint", first.label_names[::-1]: "checkpoint, reordered"}.items():
        overrides = (*files, f"data.label_names=[{','.join(names)}]", f"backbone.path={merged}")
        run = train(*SHORT, *STILL, "model=roberta_head", *overrides)
        assert result(run)["head_start"] == how
        order = [first.label_names.index(name) for name in names]
        torch.testing.assert_close(load_run(run).logits(TEXTS, PAIRS), expected[:, order], rtol=0, atol=1e-4)
