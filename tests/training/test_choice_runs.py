"""Multiple choice from data to statistics and to other libraries' files, with every method."""

import numpy as np
import pytest
import torch

from src.compare.comparison import compare_runs
from src.compare.report.write import write_report
from src.compare.verified import contradiction
from src.config.choices import choices
from src.data.load import load_data
from src.deploy.export import export_run, import_peft
from src.deploy.many import load_many
from src.deploy.merge import merge_run
from src.deploy.predict import predict_file
from src.deploy.trained_run import load_run
from src.models.classifier import build_classifier
from src.runs.predictions_reading import read_split
from src.runs.reading import find_runs, load_record
from src.tasks.kind import MARK
from src.training.run import run_job
from src.utils.errors import UserError
from src.verify.consistent import check_run
from src.verify.finding import Verdict
from tests.conftest import NANO, compose_config
from tests.training.every_method import train_with

CHOICE = ["data=synth_choice", "training.max_steps=4"]
PROMPTS = "roberta_peft_prefix_tuning"  # has a forward of its own


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two methods, three seeds."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in range(3):
        for method in ("hydralora", "head"):
            config = compose_config(*NANO, *CHOICE, f"model=roberta_{method}", f"seed={seed}")
            run_job(config, folder / f"{method}{seed}")
    return folder


@pytest.mark.slow
def test_runs_are_compared_example_by_example(runs, tmp_path):
    found = find_runs([runs])
    assert [contradiction(run) for run in found] == [None] * 6
    comparison = compare_runs(found, baseline="head")
    (table,) = comparison.tables
    assert table.metric == "accuracy" and table.examples == 32
    assert all(row.interval is not None for row in table.rows)
    verdicts = {finding.what: finding.verdict for finding in check_run("run", found[0])}
    assert verdicts["scores"] is Verdict.EQUAL
    known = read_split(found[0].folder, "validation")
    rows = load_data(compose_config(*NANO, *CHOICE).data, holdout=False).splits["validation"].sort("idx")
    assert known.labels.tolist() == rows["label"][:] and known.predictions.max() <= 2
    assert load_record(found[0].folder).content["cut"]["validation"] == {"rows": 0.0, "tokens": 0.0}
    write_report(comparison, tmp_path / "report.html")
    assert "synth_choice" in (tmp_path / "report.html").read_text()


def test_it_is_merged_and_scores_candidates_as_a_plain_model(tmp_path):
    from transformers import AutoModelForSequenceClassification

    run_job(compose_config(*NANO, *CHOICE, "model=roberta_head"), tmp_path / "run")
    run = load_run(tmp_path / "run")
    found = merge_run(tmp_path / "run", tmp_path / "merged", rows=8)
    assert all(own.holds and own.largest_logit < 1e3 for own in found.values())
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged").eval()
    tokenizer = run.classifier.backbone.tokenizer
    pairs = [("A cat slept.", "It was asleep."), ("A cat slept.", "It was awake."), ("A cat slept.", "No.")]
    with torch.no_grad():
        scores = plain(**tokenizer(*map(list, zip(*pairs, strict=True)), padding=True, return_tensors="pt")).logits
    own = run.logits([pairs[0][0]], ["\n".join(second for _, second in pairs)])
    np.testing.assert_allclose(own[0], scores[:, 0], atol=1e-5)
    backbone = {"name": "merged", "path": str(tmp_path / "merged")}
    again = build_classifier({"name": "head"}, backbone, kind="multiple_choice", seed=1)
    assert again.backbone.head_init.how == "checkpoint" and type(again.model).__name__ == type(plain).__name__
    other = build_classifier({"name": "head"}, backbone, label_names=("no", "yes"), seed=1)
    assert other.backbone.head_init.how == "new" and not hasattr(other.model.config, MARK)


def test_it_is_exported_as_a_model_that_scores_a_candidate(tmp_path):
    run_job(compose_config(*NANO, *CHOICE, "model=roberta_lora"), tmp_path / "run")
    export_run(tmp_path / "run", tmp_path / "peft")
    import_peft(tmp_path / "peft", tmp_path / "back")
    run, back = load_run(tmp_path / "run"), load_run(tmp_path / "back")
    scores = back.logits(["A cat slept."] * 2, ["It was asleep.", "No."])
    np.testing.assert_allclose(run.logits(["A cat slept."], ["It was asleep.\nNo."])[0], scores[:, 0], atol=1e-5)
    table = "text,text_pair\n" + 'A cat slept.,"It was asleep.\nNo."\n' * 3
    (tmp_path / "t.csv").write_text(table)
    predict_file(tmp_path / "run", tmp_path / "t.csv", None, tmp_path / "out.tsv", 2)
    lines = (tmp_path / "out.tsv").read_text().splitlines()
    assert lines[0].split("\t") == ["index", "text", "text_pair", "prediction", "candidate", "chances"]
    assert lines[1].split("\t")[3] in ("It was asleep.", "No.") and len(lines) == 4
    with pytest.raises(UserError, match="is a multiple choice: its rows are several inputs"):
        load_many({"a": tmp_path / "run"})
    with pytest.raises(UserError, match="a multiple choice has no one class an example"):
        run_job(compose_config(*NANO, *CHOICE, "training.class_weights=balanced"), tmp_path / "weighted")


@pytest.mark.slow
@pytest.mark.parametrize("model", choices("model"))
def test_every_method_chooses(model, tmp_path):
    refused = "takes one input a row" if model == PROMPTS else None
    train_with(model, CHOICE, tmp_path / "run", refused)
