"""Forgetting: the masked-LM loss against its definition, and nothing forgotten where nothing was changed."""

import json
import math
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForMaskedLM, AutoTokenizer, BertConfig, BertModel

from src.__main__ import main
from src.analysis import forgetting
from src.models.classifier import build_classifier
from src.runs.reading import read_run
from src.utils.errors import UserError
from src.utils.paths import ROOT
from tests.deploy.conftest import moved_run

NANO = str(ROOT / "assets" / "nano")
TEXTS = forgetting.default_texts()[:40]


def test_the_loss_is_the_mean_of_the_hidden_tokens_own():
    """Word by word, each text alone and without padding."""
    tokenizer, model = AutoTokenizer.from_pretrained(NANO), AutoModelForMaskedLM.from_pretrained(NANO).eval()
    batches = forgetting._hidden(tokenizer, TEXTS)
    losses, right = [], []
    for inputs, labels in batches:
        for tokens, mask, wanted in zip(inputs["input_ids"], inputs["attention_mask"], labels, strict=True):
            length = int(mask.sum())
            with torch.no_grad():
                chances = model(input_ids=tokens[None, :length]).logits[0].double().softmax(-1)
            for place in (wanted >= 0).nonzero()[:, 0].tolist():
                assert tokens[place] == tokenizer.mask_token_id
                losses.append(-math.log(chances[place, wanted[place]]))
                right.append(int(chances[place].argmax()) == int(wanted[place]))
    loss, accuracy = forgetting._scores(model, batches)
    assert loss == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    assert accuracy == sum(right) / len(right)
    words = sum(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in TEXTS)
    assert 0.1 < len(losses) / words < 0.2
    assert loss < 2.5, "nano reads the suite's English; by word frequencies alone it is 5.29"


@pytest.mark.parametrize("model", ["roberta_lora", "roberta_hydralora", "roberta_peft_lora", "roberta_full"])
def test_a_trained_encoder_has_forgotten_and_a_head_alone_nothing(model, tmp_path):
    run = moved_run(tmp_path / "a", f"model={model}")
    file = run / "adapter" / "adapter.safetensors"
    torch.manual_seed(0)
    save_file({name: tensor + 0.02 * torch.randn_like(tensor) for name, tensor in load_file(file).items()}, file)
    changed = forgetting.forgetting([read_run(run)], TEXTS)
    same = forgetting.forgetting([read_run(moved_run(tmp_path / "b", "model=roberta_head"))], TEXTS)
    assert not isinstance(changed, str) and not isinstance(same, str)
    assert abs(changed[0]["forgotten"]) > 1e-4
    assert same[0]["forgotten"] == 0 and same[0]["accuracy_after"] == same[0]["accuracy_before"]
    assert changed[0]["loss_before"] == same[0]["loss_before"], "the same tokens are hidden"


def test_what_has_no_masked_lm_head_is_left_out_with_the_reason(tmp_path):
    run = read_run(moved_run(tmp_path / "prefix", "model=roberta_peft_prefix_tuning"))
    reason = forgetting.forgetting([run], TEXTS)
    assert isinstance(reason, str) and "changes the model's forward pass" in reason
    sizes = {"vocab_size": 2600, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertModel(BertConfig(**sizes)).save_pretrained(tmp_path / "bert")
    AutoTokenizer.from_pretrained(NANO).save_pretrained(tmp_path / "bert")
    node = {"name": "small", "path": str(tmp_path / "bert")}
    built = build_classifier({"name": "head"}, node, label_names=("a", "b"), seed=0)
    with pytest.raises(UserError, match=r"checkpoint of small has no masked-LM head \(cls"):
        forgetting.masked_lm(built)


def test_the_command_writes_it_beside_the_rest(tmp_path, monkeypatch, capsys):
    run = moved_run(tmp_path / "run", "model=roberta_lora")
    record = json.loads((run / "result.json").read_text())
    record |= {"backbone": "nano", "params": {"adapter": 1, "router": 0, "head": 1, "trainable": 2, "total": 2}}
    record |= {"primary_metric": {"name": "accuracy", "split": "validation", "value": 0.5}}
    record |= {"time": {"train_s": 1.0, "total_s": 1.0}}
    (run / "result.json").write_text(json.dumps(record | {"metrics": {"selected": {"accuracy": 0.5}}}))
    (tmp_path / "text.txt").write_text("\n".join(TEXTS[:8]) + "\n\n")
    words = [str(run), "--out", str(tmp_path / "out"), "--forgetting", "--text", str(tmp_path / "text.txt")]
    monkeypatch.setattr(sys, "argv", ["src", "analyze", *words])
    assert main() == 0
    (row,) = json.loads((tmp_path / "out" / "analysis.json").read_text())["forgetting"]
    assert row["hidden_tokens"] > 0 and row["forgotten"] == row["loss_after"] - row["loss_before"]
    assert f"masked-LM loss {row['loss_before']:.4f} -> {row['loss_after']:.4f}" in capsys.readouterr().out
