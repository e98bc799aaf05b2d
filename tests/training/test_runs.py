"""End to end on the embedded backbone: every model config trains, and its record tells the truth."""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from omegaconf import OmegaConf
from safetensors import safe_open

from src.backbones.backbone import load_backbone
from src.data.encode import encode
from src.data.load import load_data
from src.models.classifier import build_classifier, load_classifier
from src.models.inject import adapters
from src.models.method import PerLayer, make_method
from src.tasks import KINDS
from src.training.run import run_job
from src.utils.errors import UserError
from tests.config.test_config import own_methods
from tests.conftest import NANO, compose_config

MODELS = own_methods()
each_model = pytest.mark.parametrize("model", MODELS)

FIELDS = {
    "schema_version": int,
    "status": str,
    "method": str,
    "backbone": str,
    "data": str,
    "seed": int,
    "config_hash": str,
    "adapted_modules": list,
    "adapter_bytes": int,
    "data_fingerprint": str,
    "backbone_fingerprint": str,
    "flags": list,
}
NESTED = {
    "metrics": {"last", "best", "selected", "holdout"},
    "primary_metric": {"name", "value", "split"},
    "params": {"adapter", "router", "head", "trainable", "total"},
    "time": {"train_s", "eval_s", "total_s", "train_samples_per_s", "train_tokens_per_s", "step_ms_median"},
    "memory": {"peak_rss_mb", "peak_device_mb"},
    "git": {"commit", "dirty"},
    "epochs": {"last", "best", "selected"},
}


def record(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


def history(folder: Path, event: str) -> list[dict]:
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == event]


def predictions(folder: Path):
    return pq.read_table(folder / "predictions.parquet").to_pandas()


@each_model
def test_the_record_is_complete(train, model):
    folder = train(f"model={model}")
    result = record(folder)
    assert result["status"] == "ok" and result["error"] is None
    assert all(isinstance(result[name], kind) for name, kind in FIELDS.items())
    assert all(set(result[name]) == keys for name, keys in NESTED.items())
    assert f"roberta_{result['method']}" == model
    assert {"versions", "hardware", "training", "rows"} <= set(result)
    times = result["time"]
    assert 0 < times["train_s"] <= times["total_s"] and times["eval_s"] > 0 and times["step_ms_median"] > 0
    assert result["memory"]["peak_rss_mb"] > 100
    assert [line["epoch"] for line in history(folder, "eval") if line["split"] == "holdout"] == [1, 2]
    assert all({"loss", "accuracy", "f1"} <= set(line) for line in history(folder, "eval"))
    assert all({"loss", "learning_rate", "grad_norm", "step"} <= set(line) for line in history(folder, "train"))


@each_model
def test_scores_follow_from_the_predictions(train, model):
    folder = train(f"model={model}")
    table, result = predictions(folder), record(folder)
    assert list(table["index"]) == sorted(table["index"]) and len(table) == 32
    logits = np.stack(table["logits"])
    assert (logits.argmax(1) == table["prediction"]).all()
    computed = KINDS["classification"].compute(["accuracy", "f1"])(logits, table["label"].to_numpy())
    selected = result["metrics"]["selected"]
    assert computed == pytest.approx({name: selected[name] for name in computed})
    assert result["primary_metric"] == {"name": "accuracy", "value": selected["accuracy"], "split": "validation"}


@each_model
def test_the_saved_adapter_gives_the_predictions_again(train, model):
    folder = train(f"model={model}")
    assert record(folder)["reload_max_difference"] <= 1e-6
    classifier = load_classifier(folder / "adapter")
    data = load_data(compose_config(*NANO).data, holdout=True)
    rows = encode(data, classifier.backbone.tokenizer, 64, ["validation"])["validation"]
    table = predictions(folder).set_index("index")
    for row in rows.select(range(10)):
        with torch.no_grad():
            logits = classifier.model(input_ids=torch.tensor([row["input_ids"]])).logits[0]
        assert torch.allclose(logits, torch.tensor(table.loc[row["idx"], "logits"]), atol=1e-4)
    assert (folder / "adapter" / "adapter.safetensors").stat().st_size >= record(folder)["adapter_bytes"]


@each_model
def test_counts_are_those_of_the_definition(train, model):
    cfg = compose_config(*NANO, f"model={model}")
    params = record(train(f"model={model}"))["params"]
    assert params["head"] == 128 * 128 + 128 + 2 * 128 + 2
    assert params["trainable"] == params["adapter"] + params["router"] + params["head"]
    if cfg.model.adapter and type(method := make_method(cfg.model)) is PerLayer:  # else tests/models/test_shared
        options = {k: v for k, v in cfg.model.adapter.items() if k not in ("_target_", "_partial_", "target_modules")}
        per_layer = method.cls.expected_parameters(128, 128, **options)
        layers = load_backbone(cfg.backbone, label_names=("a", "b"), seed=0).model.config.num_hidden_layers
        assert params["adapter"] + params["router"] == layers * 2 * per_layer
    summary = (train(f"model={model}") / "model_summary.txt").read_text()
    assert f"{params['trainable']:,}" in summary and "classifier.out_proj.weight" in summary
    trained = [line.split()[2] for line in summary.splitlines() if " trained " in line]
    assert sum(int(size.replace(",", "")) for size in trained) == params["trainable"]


@each_model
def test_only_what_is_declared_moves(train, model):
    cfg = OmegaConf.to_container(compose_config(*NANO, f"model={model}"), resolve=True)
    start = build_classifier(cfg["model"], cfg["backbone"], label_names=("a", "b"), seed=0)
    end = load_classifier(train(f"model={model}") / "adapter")
    moved = {name for name, p in end.model.named_parameters() if not torch.equal(p, start.model.get_parameter(name))}
    trained = {name for name, p in start.model.named_parameters() if p.requires_grad}
    assert moved <= trained
    # Rows of an embedding that no example uses, and positions, may stay; everything else of the trained must move.
    assert {name for name in trained - moved if "embeddings" not in name} == set()


@pytest.mark.parametrize("model", ["roberta_lora", "roberta_hydralora", "roberta_full"])
def test_one_seed_twice_is_one_result(train, model):
    first, second = train(f"model={model}"), train(f"model={model}", again=True)
    assert record(first)["metrics"] == record(second)["metrics"]
    assert predictions(first).equals(predictions(second))
    assert record(first)["config_hash"] == record(second)["config_hash"]


def test_another_seed_is_another_result(train):
    first, second = train("model=roberta_lora"), train("model=roberta_lora", "seed=1")
    assert record(first)["batches_fingerprint"] != record(second)["batches_fingerprint"]
    assert record(first)["config_hash"] != record(second)["config_hash"]
    assert record(first)["data_fingerprint"] == record(second)["data_fingerprint"]
    assert not predictions(first)["logits"].equals(predictions(second)["logits"])


def test_methods_with_one_seed_see_the_same_batches(train):
    seen = {record(train(f"model={model}"))["batches_fingerprint"] for model in MODELS}
    assert len(seen) == 1


def test_methods_with_one_seed_start_from_the_same_head():
    heads = []
    for model in MODELS:
        cfg = OmegaConf.to_container(compose_config(*NANO, f"model={model}"), resolve=True)
        built = build_classifier(cfg["model"], cfg["backbone"], label_names=("a", "b"), seed=3)
        heads.append({name: built.model.get_parameter(name) for name in sorted(built.backbone.head)})
    assert len(heads[0]) == 4
    assert all(torch.equal(head[name], heads[0][name]) for head in heads for name in heads[0])
    other = load_backbone(compose_config(*NANO).backbone, label_names=("a", "b"), seed=4).model
    assert not torch.equal(other.classifier.dense.weight, heads[0]["classifier.dense.weight"])


@pytest.mark.parametrize(
    "options",
    [
        ["training.gradient_checkpointing=true"],
        ["training.gradient_accumulation_steps=2", "training.per_device_train_batch_size=8"],
    ],
    ids=["checkpointing", "accumulation"],
)
@pytest.mark.parametrize(
    "model",
    [
        "roberta_lsr",
        *(pytest.param(f"roberta_{n}", marks=pytest.mark.slow) for n in ("lora", "svd_lorafa", "hydralora")),
    ],
)
def test_memory_savers_train_to_the_same_weights(train, model, options):
    """One step of plain gradient descent: the same gradient, computed with less memory."""
    one_step = [f"model={model}", "training.max_steps=1", "training.optim=sgd", "training.learning_rate=0.1"]
    fixed = ["training.train_sampling_strategy=sequential", "training.selection=last", "training.warmup_steps=0"]
    plain = load_classifier(train(*one_step, *fixed) / "adapter").state()
    saver = load_classifier(train(*one_step, *fixed, *options) / "adapter").state()
    start = build_start(model)
    assert any(not torch.equal(plain[name], start[name]) for name in plain)
    assert all(torch.allclose(plain[name], saver[name], atol=1e-6) for name in plain)


def build_start(model: str) -> dict[str, torch.Tensor]:
    cfg = OmegaConf.to_container(compose_config(*NANO, f"model={model}"), resolve=True)
    return build_classifier(cfg["model"], cfg["backbone"], label_names=("a", "b"), seed=0).state()


@pytest.mark.slow
def test_torch_compile_trains(train):
    compiled = record(train("model=roberta_lora", "training.max_steps=3", "training.torch_compile=true"))
    plain = record(train("model=roberta_lora", "training.max_steps=3"))
    assert compiled["status"] == "ok"
    assert compiled["metrics"]["last"]["loss"] == pytest.approx(plain["metrics"]["last"]["loss"], abs=1e-2)


def test_regression_reports_correlations(train):
    result = record(train("data=synth_similarity", "training.num_train_epochs=1"))
    assert {"pearson", "spearmanr", "loss"} <= set(result["metrics"]["selected"])
    table = predictions(train("data=synth_similarity", "training.num_train_epochs=1"))
    assert table["label"].nunique() > 2 and (table["prediction"] == [x[0] for x in table["logits"]]).all()


@pytest.mark.parametrize("data", ["synth_entailment", "synth_acceptability"])
def test_other_tasks_train(train, data):
    folder = train(f"data={data}", "training.num_train_epochs=1")
    assert record(folder)["status"] == "ok"
    assert len(predictions(folder)["logits"][0]) == {"synth_entailment": 3, "synth_acceptability": 2}[data]


def test_the_head_has_a_learning_rate_of_its_own(train):
    still = load_classifier(train("model.head.learning_rate=1e-12", "training.num_train_epochs=1") / "adapter")
    start = build_start("roberta_lora")
    for name in still.backbone.head:
        assert torch.allclose(still.state()[name], start[name], atol=1e-6)
    assert any(not torch.equal(adapter.B, torch.zeros_like(adapter.B)) for _, adapter in adapters(still.model))


def test_auto_experts_come_from_the_training_text(train):
    result = record(train("model=roberta_hydralora", "model.hydralora.num_experts=auto", "training.max_steps=2"))
    n = result["adapter_config"]["num_experts"]
    assert isinstance(n, int) and 2 <= n <= 8
    assert result["params"]["router"] == len(result["adapted_modules"]) * n * 128


def test_router_diagnostics_are_logged(train):
    lines = history(train("model=roberta_hydralora"), "diagnostics")
    assert len(lines) == 2 and all(0 < line["router_entropy"] <= 1 for line in lines)
    assert sum(value for key, value in lines[0].items() if key.startswith("load_")) == pytest.approx(1, abs=1e-5)
    assert history(train("model=roberta_lora"), "diagnostics") == []


def test_selection_decides_which_epoch_is_kept(train):
    for selection in ("holdout", "best", "last"):
        folder = train("training.num_train_epochs=3", f"training.selection={selection}")
        result = record(folder)
        scores = {
            split: [line["accuracy"] for line in history(folder, "eval") if line["split"] == split]
            for split in ("validation", "holdout")
        }
        expected = {
            "last": 3,
            "best": 1 + int(np.argmax(scores["validation"])),
            "holdout": 1 + int(np.argmax(scores["holdout"] or [0])),
        }[selection]
        assert result["epochs"]["selected"] == expected
        assert result["primary_metric"]["value"] == scores["validation"][expected - 1]
        assert result["epochs"]["last"] == 3
        assert ("holdout" in result["rows"]) == (selection == "holdout")


def test_a_diverged_training_fails_with_its_reason(tmp_path):
    with pytest.raises(UserError, match="training diverged"):
        run_job(compose_config(*NANO, "training.learning_rate=1e30", "training.max_grad_norm=0"), tmp_path)
    result = record(tmp_path)
    assert result["status"] == "failed" and "diverged" in result["error"]["message"]
    assert "Traceback" in result["error"]["traceback"] and "primary_metric" not in result


def test_a_changed_backbone_is_refused(train, tmp_path):
    folder = train("model=roberta_lora")
    description = json.loads((folder / "adapter" / "adapter.json").read_text())
    description["backbone_fingerprint"] = "0" * 16
    (tmp_path / "adapter.json").write_text(json.dumps(description))
    (tmp_path / "adapter.safetensors").write_bytes((folder / "adapter" / "adapter.safetensors").read_bytes())
    with pytest.raises(UserError, match="its weights have changed"):
        load_classifier(tmp_path)


def test_the_adapter_file_holds_no_frozen_weight_of_the_backbone(train):
    with safe_open(train("model=roberta_lora") / "adapter" / "adapter.safetensors", "pt") as file:
        names = set(file.keys())
    assert names and not [name for name in names if "base." in name or "embeddings" in name]


def test_the_primary_metric_is_returned(tmp_path):
    value = run_job(compose_config(*NANO, "training.max_steps=1"), tmp_path)
    assert value == record(tmp_path)["primary_metric"]["value"] and math.isfinite(value)


def test_mnli_reports_matched_and_mismatched(train, tmp_path_factory):
    """From GLUE's own layout, in small: the first evaluation split by name, the second behind a slash."""
    glue = tmp_path_factory.mktemp("glue")
    (glue / "MNLI").mkdir()
    header = "index promptID pairID genre sentence1_binary_parse sentence2_binary_parse sentence1_parse sentence2_parse"
    labels = ("entailment", "neutral", "contradiction")

    def write(name: str, rows: int, *, annotators: int) -> None:
        columns = [
            *header.split(),
            "sentence1",
            "sentence2",
            *(f"label{i + 1}" for i in range(annotators)),
            "gold_label",
        ]
        lines = ["\t".join(columns)]
        for i in range(rows):
            label = labels[i % 3]
            texts = [f"The {i} men walk .", f"Some {label} walk ."]
            lines.append(
                "\t".join([str(i), "p", "q", "fiction", "(", "(", "(", "(", *texts, *[label] * (annotators + 1)])
            )
        (glue / "MNLI" / name).write_text("\n".join(lines) + "\n")

    write("train.tsv", 90, annotators=1)
    write("dev_matched.tsv", 12, annotators=5)
    write("dev_mismatched.tsv", 15, annotators=5)
    write("test_matched.tsv", 3, annotators=1)
    write("test_mismatched.tsv", 3, annotators=1)
    folder = train("data=mnli", "data.source=tsv", f"data.dir={glue}", "training.num_train_epochs=1")
    result = record(folder)
    assert {"accuracy", "loss", "accuracy/validation_mismatched"} <= set(result["metrics"]["selected"])
    assert result["primary_metric"]["split"] == "validation_matched"
    assert predictions(folder).groupby("split").size().to_dict() == {
        "validation_matched": 12,
        "validation_mismatched": 15,
    }
