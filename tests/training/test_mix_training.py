"""Heterogeneous training: every method on a regression and a three-class task at once."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from src.__main__ import main
from src.backbones.heads import TaskHeads, mean_loss
from src.cli import CONF
from src.config import validate
from src.data.mixed import load_mix
from src.models.classifier import load_classifier
from src.tasks import label_space
from src.training.sampler import QuotaSampler
from src.utils.errors import UserError
from tests.conftest import NANO, compose_config

# roberta_peft takes a config of the library, which it has no default for.
NAMES = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
# One of each way to take part: per layer, gated, a bank of all layers, no adapter, the library.
FAST = [f"roberta_{name}" for name in ("lora", "hydralora", "vblora", "full", "peft_lokr")]
MODELS = [
    pytest.param(name, marks=[] if name in FAST else pytest.mark.slow)
    for name in NAMES
    if name != "roberta_peft" and "prefix" not in name
]
MIX = (
    "data=mix",
    "data.tasks=[synth_entailment,synth_similarity]",
    "data.max_train_samples=24",
    "data.max_eval_samples=10",
    "data.holdout_fraction=0.25",
    "training.max_steps=2",
    "training.per_device_train_batch_size=8",
)


@pytest.fixture
def heads() -> TaskHeads:
    torch.manual_seed(0)
    head = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2))
    classes = {"three": ("a", "b", "c"), "number": (), "two": ("x", "y")}
    return TaskHeads(head, {name: label_space(names) for name, names in classes.items()})


def test_each_row_goes_through_its_own_head(heads):
    x, task = torch.randn(7, 6), torch.tensor([0, 1, 1, 0, 2, 0, 1])
    heads.rows = [(task == number).nonzero()[:, 0] for number in range(3)]
    logits = heads(x)
    for row, number in enumerate(task.tolist()):
        width = (3, 1, 2)[number]
        torch.testing.assert_close(logits[row, :width], heads.heads[number](x[row]))
        hidden = heads.hide(logits)[row]
        assert (hidden[width:] < -1e30).all() and hidden.isfinite().all()
        assert torch.equal(hidden[:width], logits[row, :width])
    heads.rows = [torch.arange(0), torch.arange(7), torch.arange(0)]
    assert heads(x).shape == (7, 1)


def test_the_loss_is_the_mean_over_rows_of_each_task_s_own(heads):
    x, task = torch.randn(5, 6), torch.tensor([0, 1, 2, 1, 0])
    labels = torch.tensor([2.0, 0.3, 1.0, -4.0, 0.0])
    heads.rows = [(task == number).nonzero()[:, 0] for number in range(3)]
    kinds = [label_space(names).kind for names in (("a", "b", "c"), (), ("x", "y"))]

    def loss() -> torch.Tensor:
        logits = heads(x)
        own = {n: logits[rows, : heads.widths[n]] for n, rows in enumerate(heads.rows) if len(rows)}
        return mean_loss(own, heads.rows, labels, kinds)

    found = loss()
    expected = 0.0
    for features, number, label in zip(x, task.tolist(), labels, strict=True):
        own = heads.heads[number](features)
        expected += (own[0] - label) ** 2 if number == 1 else F.cross_entropy(own, label.long())
    torch.testing.assert_close(found, expected / 5)
    heads.rows[2] = torch.arange(0)
    loss().backward()
    assert heads.heads[2][0].weight.grad is None and heads.heads[0][0].weight.grad.any()


def test_quotas_are_kept_and_every_row_has_its_turn():
    groups = [0] * 10 + [1] * 3
    sampler = QuotaSampler(groups, [6, 7], torch.Generator().manual_seed(0))
    passes = [list(sampler) for _ in range(20)]
    for drawn in passes:
        small = [row for row in drawn if row >= 10]
        assert len(drawn) == len(sampler) == 13 and len(small) == 7
        assert min(small.count(row) for row in (10, 11, 12)) == 2
        large = [row for row in drawn if row < 10]
        assert len(set(large)) == 6
    assert {row for drawn in passes for row in drawn} == set(range(13)) and passes[0] != passes[1]
    again = QuotaSampler(groups, [6, 7], torch.Generator().manual_seed(0))
    assert list(again) == passes[0]


def test_prompts_are_refused(train):
    """The library's forward for them knows of one head."""
    with pytest.raises(UserError, match=r"PrefixTuningConfig has its own forward pass, .* data=mix needs several"):
        train(*MIX, "model=roberta_peft_prefix_tuning")


@pytest.mark.parametrize("model", MODELS)
def test_every_method_trains_and_reloads_with_all_heads(train, model):
    folder = train(*MIX, f"model={model}")
    record = json.loads((folder / "result.json").read_text())
    assert record["status"] == "ok" and record["tasks"] == ["synth_entailment", "synth_similarity"]
    selected = record["metrics"]["selected"]
    parts = (selected["synth_entailment/accuracy"], selected["synth_similarity/pearson"])
    assert record["primary_metric"] == {"name": "mean", "split": "validation", "value": pytest.approx(np.mean(parts))}

    cfg = compose_config(*NANO, *MIX, f"model={model}")
    classifier = load_classifier(folder / "adapter")
    from omegaconf import OmegaConf

    data = load_mix(OmegaConf.to_container(cfg, resolve=True)["data"], holdout=True)
    rows = data.encode(classifier.backbone.tokenizer, cfg.data.max_length)
    table = pq.read_table(folder / "predictions.parquet").to_pylist()
    assert {row["split"] for row in table} == {"synth_entailment/validation", "synth_similarity/validation"}
    for split, width in (("synth_entailment/validation", 3), ("synth_similarity/validation", 1)):
        own = [row for row in table if row["split"] == split]
        names = ("input_ids", "attention_mask", "task", "labels")
        wanted = rows[split].sort("idx")
        batch = classifier.backbone.tokenizer.pad(
            [{name: row[name] for name in names} for row in wanted], return_tensors="pt"
        )
        with torch.no_grad():
            logits = classifier.model(**batch).logits
        assert logits.shape == (10, width) and wanted["idx"][:] == [row["index"] for row in own]
        torch.testing.assert_close(logits, torch.tensor([row["logits"] for row in own]), atol=1e-4, rtol=1e-4)
        expected = logits.argmax(-1) if width > 1 else logits[:, 0]
        assert [row["prediction"] for row in own] == pytest.approx(expected.tolist(), abs=1e-4)
        assert [row["label"] for row in own] == pytest.approx(wanted["labels"][:])


def test_both_heads_learn_and_sampling_changes_the_batches(train):
    first, second = train(*MIX, "model=roberta_lora"), train(*MIX, "model=roberta_lora", "data.mix.sampling=equal")
    hashes = [json.loads((run / "result.json").read_text())["batches_fingerprint"] for run in (first, second)]
    assert hashes[0] != hashes[1]
    classifier = load_classifier(first / "adapter")
    from src.models.classifier import untrained_classifier

    start = untrained_classifier(first / "adapter").model
    heads = [name for name in classifier.backbone.head if name.endswith("out_proj.weight")]
    assert len(heads) == 2
    for name in heads:
        assert not torch.equal(classifier.model.get_parameter(name), start.get_parameter(name))


def test_a_mix_is_not_deployed_as_a_single_task(train, monkeypatch, capsys):
    folder = train(*MIX, "model=roberta_lora")
    monkeypatch.setattr("sys.argv", ["src", "predict", str(folder), "--text", "x"])
    assert main() == 2
    assert "has a head for each of synth_entailment, synth_similarity" in capsys.readouterr().err


def test_a_mix_starts_from_one_task_and_one_task_from_a_mix(train):
    """The adapters are taken over, the heads, which mean other things, are not; a mix's own heads are."""
    one = train(*MIX[2:], "data=synth_entailment", "model=roberta_lora")
    mix = train(*MIX, "model=roberta_lora")
    for start, overrides, head in (
        (one, MIX, False),
        (mix, ("data=synth_entailment", *MIX[2:]), False),
        (mix, MIX, True),
    ):
        folder = train(*overrides, "model=roberta_lora", f"init_from={start}", "training.learning_rate=1e-12")
        found = json.loads((folder / "result.json").read_text())["init_from"]
        assert bool(found["left_out"]) != head and any(name.endswith(".A") for name in found["copied"])
        moved, before = load_classifier(folder / "adapter").state(), load_classifier(start / "adapter").state()
        for name in found["copied"]:
            torch.testing.assert_close(moved[name], before[name])


def test_the_shipped_mix_is_valid():
    validate(compose_config("data=mix", "data.source=tsv", "data.dir=somewhere"))
