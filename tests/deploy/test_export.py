"""Exchange with the real peft library, both ways."""

import json
import sys

import peft
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from src.__main__ import main
from src.cli import ROOT
from src.deploy.export import export_run, import_peft
from src.deploy.runs import load_run
from src.errors import UserError
from src.models.inject import disabled
from tests.deploy.conftest import moved_run
from tests.deploy.test_merge import PAIRS, TEXTS, open_elsewhere

NANO = str(ROOT / "assets" / "nano")
OPEN_EXPORTED = """
import json, sys, torch
from peft import PeftConfig, PeftModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer
folder, texts, pairs = sys.argv[1], *map(json.loads, sys.argv[2:])
base = AutoModelForSequenceClassification.from_pretrained(PeftConfig.from_pretrained(folder).base_model_name_or_path)
model = PeftModel.from_pretrained(base, folder).eval()
with torch.no_grad():
    inputs = AutoTokenizer.from_pretrained(folder)(texts, pairs, padding=True, return_tensors="pt")
    logits = model(**inputs).logits
assert "src" not in sys.modules
print(json.dumps({"logits": logits.tolist(), "rank": model.peft_config["default"].r}))
"""


def run_command(monkeypatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["src", "export", *map(str, arguments)])
    return main()


def test_a_trained_run_is_opened_by_peft_without_this_project(trained, tmp_path, monkeypatch, capsys):
    run = trained("model=roberta_lsr")
    assert run_command(monkeypatch, run, "--out", tmp_path / "lora") == 0
    assert "PeftModel.from_pretrained(base," in capsys.readouterr().out
    opened = open_elsewhere(OPEN_EXPORTED, tmp_path, "lora")
    torch.testing.assert_close(torch.tensor(opened["logits"]), load_run(run).logits(TEXTS, PAIRS), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("overrides", "rank"),
    [
        (["model=roberta_lora", "model.lora.r=3", "model.lora.alpha=7"], 3),
        (["model=roberta_svd_lorafa", "model.lorafa.target_modules=all-linear"], 16),
        (["model=roberta_lsr", "model.lsr.r=2", "model.lsr.num_terms=3"], 4),
        (["model=roberta_lsr", "model.lsr.r=2", "model.lsr.num_terms=3", "model.lsr.coupling=sum_of_products"], 12),
    ],
    ids=["lora", "svd_lorafa", "lsr_product", "lsr_sum"],
)
def test_peft_gives_the_same_logits(overrides, rank, tmp_path):
    path = moved_run(tmp_path / "run", *overrides, "data=synth_entailment", head=0.1)
    export_run(path, tmp_path / "lora")
    run = load_run(path)
    base = AutoModelForSequenceClassification.from_pretrained(NANO, num_labels=3)
    model = peft.PeftModel.from_pretrained(base, tmp_path / "lora").eval()
    assert model.peft_config["default"].r == rank
    tokenizer = run.classifier.backbone.tokenizer
    with torch.no_grad():
        theirs = model(**tokenizer(TEXTS, PAIRS, padding=True, return_tensors="pt")).logits
    ours = run.logits(TEXTS, PAIRS)
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-5)
    with disabled(run.classifier.model):
        assert not torch.allclose(ours, run.logits(TEXTS, PAIRS), atol=1e-3), "or the adapters would not matter"


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("roberta_hydralora", "its update depends on the input"),
        ("roberta_bitfit", "it trains .* parameters of the encoder itself"),
        ("roberta_full", "it trains .* parameters of the encoder itself"),
        ("roberta_head", "it has no adapter"),
    ],
)
def test_what_is_no_lora_is_refused_with_the_reason(model, reason, tmp_path, monkeypatch, capsys):
    run = moved_run(tmp_path / "run", f"model={model}")
    with pytest.raises(UserError, match=f"{model} cannot be written as a LoRA: {reason}"):
        export_run(run, tmp_path / "lora")
    assert run_command(monkeypatch, run, "--out", tmp_path / "lora") == 2
    assert not (tmp_path / "lora").exists()


def save_with_peft(folder, num_labels: int = 3, **settings):
    """A LoRA made and saved by peft, every tensor away from its start."""
    torch.manual_seed(0)
    base = AutoModelForSequenceClassification.from_pretrained(NANO, num_labels=num_labels)
    config = peft.LoraConfig(
        task_type="SEQ_CLS", **({"r": 3, "lora_alpha": 12, "target_modules": ["value"]} | settings)
    )
    model = peft.get_peft_model(base, config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("settings", [{}, {"use_rslora": True}, {"target_modules": "all-linear"}])
def test_a_lora_of_peft_becomes_a_run(settings, tmp_path, monkeypatch):
    model = save_with_peft(tmp_path / "lora", **settings)
    arguments = ("--from-peft", tmp_path / "lora", "--out", tmp_path / "run", "--label-names", "yes", "no", "maybe")
    assert run_command(monkeypatch, *arguments) == 0
    run = load_run(tmp_path / "run")
    assert run.label_names == ("yes", "no", "maybe") and run.record["imported_from"] == str(tmp_path / "lora")
    inputs = run.classifier.backbone.tokenizer(TEXTS, PAIRS, padding=True, return_tensors="pt")
    with torch.no_grad():
        theirs = model(**inputs).logits
        with model.disable_adapter():
            assert not torch.allclose(model(**inputs).logits, theirs, atol=1e-2)
    torch.testing.assert_close(run.logits(TEXTS, PAIRS), theirs, rtol=0, atol=1e-5)


def test_an_imported_run_is_used_like_any_other(tmp_path, monkeypatch, capsys):
    save_with_peft(tmp_path / "lora", num_labels=1)
    import_peft(tmp_path / "lora", tmp_path / "run")
    run = load_run(tmp_path / "run")
    assert run.label_names == () and run.logits(["one text"]).shape == (1, 1)
    export_run(tmp_path / "run", tmp_path / "again")
    names = [
        set(json.loads((tmp_path / name / "adapter_config.json").read_text())["modules_to_save"])
        for name in ("lora", "again")
    ]
    assert names[1] == {"classifier"} <= names[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"use_dora": True}, "use_dora=True has no counterpart"),
        ({"rank_pattern": {"layer.0.attention.self.value": 2}}, "rank_pattern"),
        ({"bias": "all"}, "bias=all"),
    ],
)
def test_loras_with_other_parts_are_refused(settings, message, tmp_path):
    save_with_peft(tmp_path / "lora", **settings)
    with pytest.raises(UserError, match=message):
        import_peft(tmp_path / "lora", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"adapter_config\.json is missing"):
        import_peft(tmp_path, tmp_path / "run")
    save_with_peft(tmp_path / "lora")
    with pytest.raises(UserError, match="names 2 classes, but the head has 3"):
        import_peft(tmp_path / "lora", tmp_path / "run", label_names=["a", "b"])
    with pytest.raises(UserError, match="no such folder"):
        import_peft(tmp_path / "lora", tmp_path / "run", backbone=str(tmp_path / "none"))
    path = tmp_path / "lora" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"peft_type": "LOHA"}))
    with pytest.raises(UserError, match="a LOHA adapter"):
        import_peft(tmp_path / "lora", tmp_path / "run")
