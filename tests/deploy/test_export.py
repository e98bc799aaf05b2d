"""Exchange with the real peft library, both ways."""

import dataclasses
import json
import re
import sys
import typing

import peft
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from src.__main__ import main
from src.backbones.probe import probe_logits
from src.cli import ROOT
from src.deploy import peft_format
from src.deploy.export import export_run, import_peft
from src.deploy.peft_format import NO_MATTER, READ, read_peft
from src.deploy.trained_run import load_run
from src.models.inject import disabled
from src.utils.errors import UserError
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
        (["model=roberta_c3a", "model.c3a.divisions=2", "model.c3a.target_modules=all-linear"], None),
        (["model=roberta_dora", "model.dora.r=3", "model.dora.alpha=7"], 3),
    ],
    ids=["lora", "svd_lorafa", "lsr_product", "lsr_sum", "c3a", "dora"],
)
def test_peft_gives_the_same_logits(overrides, rank, tmp_path):
    path = moved_run(tmp_path / "run", *overrides, "data=synth_entailment", head=0.1)
    export_run(path, tmp_path / "lora")
    run = load_run(path)
    base = AutoModelForSequenceClassification.from_pretrained(NANO, num_labels=3)
    model = peft.PeftModel.from_pretrained(base, tmp_path / "lora").eval()
    assert getattr(model.peft_config["default"], "r", None) == rank
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
    assert run.label_names == ("yes", "no", "maybe") and run.record.imported_from == str(tmp_path / "lora")
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


def change(folder, **fields) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_every_field_of_the_library_is_understood_of_no_matter_or_refused(tmp_path):
    """The installed version's fields, and one that no version has."""
    save_with_peft(tmp_path / "lora")
    plain = (tmp_path / "lora" / "adapter_config.json").read_text()
    fields = {field.name: field for field in dataclasses.fields(peft.LoraConfig)}
    assert {*READ, *NO_MATTER} <= fields.keys(), "a field that is gone"
    for name in [*(fields.keys() - {*READ, *NO_MATTER}), "of_a_later_version"]:
        assert not json.loads(plain).get(name), "the default is empty"
        for value in (True, {"x": 1}, [1], "x", 2):
            change(tmp_path / "lora", **{name: value})
            with pytest.raises(UserError, match=re.escape(f"{name}={value} has no counterpart here")):
                read_peft(tmp_path / "lora")
        (tmp_path / "lora" / "adapter_config.json").write_text(plain)
    assert read_peft(tmp_path / "lora").r == 3


def starts() -> list[str]:
    """The named starts of the installed version; pissa with a number of iterations is in its docs alone."""
    kinds = typing.get_type_hints(peft.LoraConfig)["init_lora_weights"]
    literals = [kind for kind in typing.get_args(kinds) if typing.get_origin(kind) is typing.Literal]
    return [name for literal in literals for name in typing.get_args(literal)] + ["pissa_niter_4"]


@pytest.mark.parametrize("start", starts())
def test_a_start_is_imported_with_the_librarys_logits_or_refused(start, tmp_path):
    """With the default rank of 3 changed to an even number, which ``orthogonal`` wants."""
    save_with_peft(tmp_path / "lora", r=4, num_labels=2)
    change(tmp_path / "lora", init_lora_weights=start)
    base = AutoModelForSequenceClassification.from_pretrained(NANO, num_labels=2)
    if start in ("gaussian", "orthogonal", "eva"):
        import_peft(tmp_path / "lora", tmp_path / "run")
        theirs = probe_logits(peft.PeftModel.from_pretrained(base, tmp_path / "lora"))
        ours = probe_logits(load_run(tmp_path / "run").classifier.model)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
        return
    with pytest.raises(UserError, match=re.escape(f"init_lora_weights={start} may change the weights of")):
        import_peft(tmp_path / "lora", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("start", ["pissa", "olora"])
def test_what_was_not_understood_shows_in_the_logits_and_nothing_is_written(start, tmp_path, monkeypatch):
    save_with_peft(tmp_path / "lora", init_lora_weights=start, num_labels=2)
    monkeypatch.setattr(peft_format, "PLAIN_INITS", (start,))
    with pytest.raises(UserError, match="is not imported: its logits differ by"):
        import_peft(tmp_path / "lora", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_tensors_say_which_layers_are_adapted(tmp_path):
    settings = {"target_modules": ["query", "value"], "layers_to_transform": [1, 3], "layers_pattern": "layer"}
    model = save_with_peft(tmp_path / "lora", num_labels=2, **settings)
    import_peft(tmp_path / "lora", tmp_path / "run")
    run = load_run(tmp_path / "run")
    assert len(run.classifier.adapted) == 4
    torch.testing.assert_close(probe_logits(run.classifier.model), probe_logits(model), rtol=0, atol=1e-5)
    assert run.record.import_max_difference < 1e-5


def test_a_base_with_a_head_for_other_classes_is_imported_and_exported(tmp_path, capsys):
    """The base is a classifier of three; the adapter brings a head for two."""
    config = AutoConfig.from_pretrained(NANO, num_labels=3)
    AutoModelForSequenceClassification.from_pretrained(NANO, config=config).save_pretrained(tmp_path / "base")
    AutoTokenizer.from_pretrained(NANO).save_pretrained(tmp_path / "base")
    save_with_peft(tmp_path / "lora", num_labels=2)
    import_peft(tmp_path / "lora", tmp_path / "run", backbone=str(tmp_path / "base"), label_names=["no", "yes"])
    export_run(tmp_path / "run", tmp_path / "again")
    said = capsys.readouterr().out
    lines = re.findall(r"^  ((?:base|model) = .*)$", said, re.MULTILINE)
    names = {"AutoModelForSequenceClassification": AutoModelForSequenceClassification, "PeftModel": peft.PeftModel}
    exec("\n".join(lines), names)  # what the user is told to type
    ours = probe_logits(load_run(tmp_path / "run").classifier.model)
    torch.testing.assert_close(probe_logits(names["model"]), ours, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"r": "8"}, "r='8' breaks the rule: int"),
        ({"lora_alpha": None}, "cannot open it"),
        ({"base_model_name_or_path": None}, "give --backbone"),
        ({"base_model_name_or_path": NANO, "revision": "main"}, "names a version on the hub"),
        ({"r": 4}, "do not fit the model"),
    ],
)
def test_odd_fields_are_told(fields, message, tmp_path):
    save_with_peft(tmp_path / "lora", num_labels=2)
    change(tmp_path / "lora", **fields)
    with pytest.raises(UserError, match=message) as error:
        import_peft(tmp_path / "lora", tmp_path / "run")
    assert len(str(error.value)) < 600
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
