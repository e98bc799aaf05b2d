"""A kind of one's own costs one file: with its row in the table it is trained, scored, compared, reloaded and asked."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from src.compare.predictions import read_predictions
from src.config.key_rules import RULES
from src.deploy.trained_run import load_run
from src.runs.reading import find_runs
from src.tasks import KINDS, LabelSpace
from src.tasks.kinds import space_of
from src.training.run import run_job
from src.utils.errors import UserError
from tests.conftest import NANO, compose_config
from tests.tasks.class_sets import ClassSets

NAMES = ("hot", "wet", "dark")


@pytest.fixture
def kind(monkeypatch) -> ClassSets:
    found = ClassSets()
    monkeypatch.setitem(KINDS, found.name, found)
    monkeypatch.setitem(RULES["data"], "kind", " | ".join([*KINDS, "null"]))
    return found


def test_it_is_trained_scored_and_asked(kind, tmp_path, monkeypatch):
    texts = [[n for i, n in enumerate(NAMES) if row >> i & 1] for row in range(8)] * 6
    rows = [{"text": f"it is {' and '.join(own) or 'nothing'}", "label": own} for own in texts]
    for split, own in (("train", rows[:40]), ("validation", rows[40:])):
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in own))
    files = [f"data.files.{split}={tmp_path}/{split}.jsonl" for split in ("train", "validation")]
    run = tmp_path / "run"
    config = compose_config(
        *NANO, "data=custom", *files, "data.kind=class_sets", f"data.label_names=[{','.join(NAMES)}]",
        "training.max_steps=30", "training.learning_rate=5e-3",
    )  # fmt: skip
    score = run_job(config, run)
    assert json.loads((run / "adapter" / "adapter.json").read_text())["kind"] == "class_sets"
    kept = pq.read_table(run / "predictions.parquet").to_pydict()
    assert kept["label"] == list(range(8)) and len(kept["logits"][0]) == 3
    expected = [sum(2**i for i in range(3) if row[i] > 0) for row in kept["logits"]]
    assert kept["prediction"] == expected and score == np.mean(np.equal(expected, range(8)))
    found = read_predictions(find_runs([tmp_path])[0], "validation", "accuracy")
    assert found.predictions.tolist() == expected

    with monkeypatch.context() as patch, pytest.raises(UserError, match="kind=class_sets: there is no such kind"):
        patch.delitem(KINDS, "class_sets")
        load_run(run)
    loaded = load_run(run)
    logits = loaded.logits([row["text"] for row in rows[40:]])
    np.testing.assert_allclose(logits.numpy(), kept["logits"], atol=1e-5)
    answers = loaded.answers(logits)
    assert space_of(loaded.classifier.model.config) == LabelSpace(kind, NAMES), "no head for one of the classes"
    assert all(set(answer.label.split()) == {n for n, p in answer.scores.items() if p > 0.5} for answer in answers)
