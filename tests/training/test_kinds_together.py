"""One set of adapters for tasks of different kinds: a text's class, a tag a word, any number of classes."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from src.compare.verified import contradiction
from src.config.task_records import task_records
from src.data.load import load_data
from src.models.classifier import load_classifier
from src.runs.predictions_reading import read_split
from src.runs.reading import find_runs, load_record
from src.training.run import run_job
from src.utils.errors import UserError
from src.verify.consistent import check_run
from src.verify.finding import Verdict
from tests.conftest import NANO, compose_config

TASKS = ["synth_paraphrase", "synth_tags", "synth_mentions", "synth_similarity"]
MIX = ["data=mix", f"data.tasks=[{','.join(TASKS)}]", "data.max_train_samples=60", "data.max_eval_samples=12"]


@pytest.fixture(scope="module")
def run(train):
    return train(*MIX, "model=roberta_hydralora")


def test_every_task_is_scored_by_its_own(run):
    record = load_record(run)
    assert record.status == "ok" and list(record.tasks) == TASKS
    scores = record.scores()
    own = ("synth_paraphrase/accuracy", "synth_tags/entity_f1", "synth_mentions/multilabel_f1_micro",
           "synth_similarity/pearson")  # fmt: skip
    assert record.primary_metric.value == pytest.approx(np.mean([scores[name] for name in own]))
    (found,) = find_runs([run])
    assert contradiction(found) is None
    assert {finding.what: finding.verdict for finding in check_run("run", found)}["scores"] is Verdict.EQUAL


def test_their_answers_share_a_file(run):
    kept = pq.read_table(run / "predictions.parquet")
    assert kept.num_rows == 48
    shapes = {name: read_split(run, f"{name}/validation").labels.shape for name in TASKS}
    assert shapes["synth_paraphrase"] == shapes["synth_similarity"] == (12,) and shapes["synth_mentions"] == (12, 6)
    assert shapes["synth_tags"][0] == 12 and shapes["synth_tags"][1] > 8


def test_a_batch_of_all_kinds_has_the_loss_of_its_rows(run):
    """The model's loss, against every row alone."""
    model = load_classifier(run / "adapter").model.eval()
    torch.manual_seed(0)
    ids, mask = torch.randint(5, 90, (8, 10)), torch.ones(8, 10, dtype=torch.long)
    task = torch.tensor([0, 1, 2, 3, 1, 0, 3, 2])
    labels = torch.full((8, 10), -100.0)
    for row, number in enumerate(task.tolist()):
        if number == 1:
            labels[row, 2:7] = torch.randint(0, 11, (5,)).float()
        elif number == 2:
            labels[row, :6] = torch.randint(0, 2, (6,)).float()
        else:
            labels[row, 0] = 1.0
    with torch.no_grad():
        together = model(input_ids=ids, attention_mask=mask, labels=labels, task=task)
        alone = [
            model(
                input_ids=ids[i : i + 1], attention_mask=mask[i : i + 1], labels=labels[i : i + 1], task=task[i : i + 1]
            )
            for i in range(8)
        ]
    assert together.loss == pytest.approx(np.mean([float(own.loss) for own in alone]), rel=1e-5)
    shapes = [tuple(own.logits.shape) for own in alone]
    assert shapes[0] == (1, 2) and shapes[1] == (1, 10, 11) and shapes[2] == (1, 6) and shapes[3] == (1, 1)
    tags = torch.nn.functional.cross_entropy(alone[1].logits[0], labels[1].long(), ignore_index=-100)
    torch.testing.assert_close(alone[1].loss, tags)


def test_each_task_of_a_mix_is_read_from_the_files_it_has(tmp_path):
    (tmp_path / "wnut17").mkdir()
    for name in ("train", "dev"):
        (tmp_path / "wnut17" / f"{name}.conll").write_text("Ann\tB-person\nruns\tO\n\nRome\tB-location\n\n" * 20)
    with pytest.raises(UserError, match="synth_tags can be read from synthetic"):
        task_records(["synth_tags", "wnut17"], "tsv", str(tmp_path))
    found = task_records(["mrpc", "wnut17"], "tsv", str(tmp_path))
    assert found["wnut17"]["source"] == "files" and found["mrpc"]["source"] == "tsv"
    common = {"holdout_fraction": 0.2, "holdout_max": None}
    assert len(load_data({**found["wnut17"], **common}, holdout=True).splits["train"]) == 32


@pytest.mark.slow
@pytest.mark.parametrize("model", ["lora", "full", "bitfit", "peft_lora", "peft_ia3"])
def test_methods(model, tmp_path):
    assert run_job(compose_config(*NANO, *MIX, f"model=roberta_{model}", "training.max_steps=3"), tmp_path / "r") >= -1
