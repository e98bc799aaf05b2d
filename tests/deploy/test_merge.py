"""Merging: a plain model that a script without this project opens, and the comparison that guards it."""

import json
import subprocess
import sys

import pytest
import torch
from torch import nn

import src.deploy.merge as merge
from src.__main__ import main
from src.deploy.trained_run import load_run
from src.models.inject import adapters
from src.utils.errors import UserError
from tests.deploy.conftest import moved_run

TEXTS = ["The old man sees a dog .", "Two women sing ."]
PAIRS = ["A dog is seen by the old man .", "Nobody sings ."]
# Imports nothing of this project and runs elsewhere.
OPEN_MERGED = """
import json, sys, torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
folder, texts, pairs = sys.argv[1], *map(json.loads, sys.argv[2:])
model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
with torch.no_grad():
    logits = model(**tokenizer(texts, pairs, padding=True, return_tensors="pt")).logits
assert "src" not in sys.modules
print(json.dumps({"logits": logits.tolist(), "labels": model.config.id2label, "type": type(model).__name__}))
"""


def open_elsewhere(script: str, cwd, *arguments: str) -> dict:
    command = [sys.executable, "-c", script, *arguments, json.dumps(TEXTS), json.dumps(PAIRS)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_merged_run_is_opened_without_this_project(trained, tmp_path, monkeypatch, capsys):
    run = trained("model=roberta_lsr")
    monkeypatch.setattr(sys, "argv", ["src", "merge", str(run), "--out", str(tmp_path / "plain"), "--rows", "32"])
    assert main() == 0
    assert "0 of 32 labels flip (synth_paraphrase validation)" in capsys.readouterr().out
    report = json.loads((tmp_path / "plain" / "merge.json").read_text())
    assert set(report["comparisons"]) == {"fp32"} and report["comparisons"]["fp32"]["rows"] == 32
    assert report["comparisons"]["fp32"]["max_difference"] < 1e-5
    opened = open_elsewhere(OPEN_MERGED, tmp_path, "plain")
    expected = load_run(run).logits(TEXTS, PAIRS)
    torch.testing.assert_close(torch.tensor(opened["logits"]), expected, rtol=0, atol=1e-5)
    assert opened["labels"] == {"0": "not_paraphrase", "1": "paraphrase"}
    assert opened["type"] == "RobertaForSequenceClassification"


def test_the_update_is_in_the_merged_weights(tmp_path):
    """Far from the start, so that a merge without the update could not pass."""
    run = moved_run(tmp_path / "run", std=0.2)
    found = merge.merge_run(run, tmp_path / "plain", rows=16)["fp32"]
    assert found.holds and found.tolerance == merge.TOLERANCE["fp32"] * max(1.0, found.largest_logit)
    from transformers import AutoModelForSequenceClassification

    merged = AutoModelForSequenceClassification.from_pretrained(tmp_path / "plain")
    for name, adapter in adapters(load_run(run).classifier.model):
        weight = merged.get_parameter(f"{name}.weight")
        torch.testing.assert_close(weight, adapter.weight + adapter.delta_weight())
        assert not torch.allclose(weight, adapter.weight, atol=1e-2)


def test_the_run_s_own_precision_is_compared_too(tmp_path):
    run = moved_run(tmp_path / "run")
    record = json.loads((run / "result.json").read_text()) | {"training": {"precision": "bf16"}}
    (run / "result.json").write_text(json.dumps(record))
    found = merge.merge_run(run, tmp_path / "plain", rows=8)
    assert set(found) == {"fp32", "bf16"}
    assert found["fp32"].max_difference < found["bf16"].max_difference <= found["bf16"].tolerance


def test_a_difference_above_the_tolerance_writes_nothing(tmp_path, monkeypatch, capsys):
    run, out = moved_run(tmp_path / "run", std=0.2), tmp_path / "plain"
    # One short row: with many tokens an adapter computes with the sum of weight and update, as the merged model does.
    monkeypatch.setattr(sys, "argv", ["src", "merge", str(run), "--out", str(out), "--rows", "1", "--tolerance", "0"])
    assert main() == 2 and "differ by more than the tolerance" in capsys.readouterr().err
    real = merge.merge_all

    def lossy(model: nn.Module) -> None:
        real(model)
        with torch.no_grad():
            next(iter(adapters(model)))[1].base.weight += 0.5

    monkeypatch.setattr(merge, "merge_all", lossy)
    with pytest.raises(UserError, match="in fp32 the logits differ"):
        merge.merge_run(run, out, rows=8)
    assert not out.exists()


def test_hydralora_says_why_it_cannot_be_merged(tmp_path):
    run = moved_run(tmp_path / "run", "model=roberta_hydralora")
    with pytest.raises(UserError, match="cannot be merged: its update depends on the input"):
        merge.merge_run(run, tmp_path / "plain")
    assert not (tmp_path / "plain").exists()


def test_data_out_of_reach_is_replaced_by_embedded_text(tmp_path, capsys):
    run = moved_run(tmp_path / "run")
    (run / ".hydra" / "config.yaml").unlink()
    assert merge.merge_run(run, tmp_path / "plain", rows=8)["fp32"].rows == 8
    assert "(synth_paraphrase validation)" in capsys.readouterr().out


def test_a_folder_in_use_is_refused(tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(UserError, match="exists already"):
        merge.merge_run(tmp_path, tmp_path)
    with pytest.raises(UserError, match="exists already"):
        merge.merge_run(tmp_path, tmp_path / "file")


def test_only_merged_adapters_are_removed(tmp_path):
    with pytest.raises(RuntimeError, match="its update would be lost"):
        merge.remove_merged(load_run(moved_run(tmp_path / "run")).classifier.model)
