"""Token classification from data to predictions, files and statistics, with every method."""

import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest

from src.choose.guess_columns import guess_columns
from src.choose.table_study import task_overrides
from src.compare.comparison import compare_runs
from src.compare.verified import contradiction
from src.config.choices import choices
from src.data.load import load_data
from src.data.sources.conll import read_conll
from src.deploy.export import export_run, import_peft
from src.deploy.many import load_many
from src.deploy.merge import merge_run
from src.deploy.trained_run import load_run
from src.metrics.entities import NOTHING
from src.runs.predictions_reading import read_split
from src.runs.reading import find_runs, load_record
from src.tasks.tag_schemes import tags_of
from src.training.run import run_job
from src.utils.errors import UserError
from src.verify.consistent import check_run
from src.verify.finding import Verdict
from tests.conftest import NANO, compose_config
from tests.training.every_method import train_with

TAGS = ["data=synth_tags", "data.max_length=12"]  # half of the sentences are longer


@pytest.fixture(scope="module")
def run(train):
    return train(*TAGS, "training.learning_rate=1e-2", "training.num_train_epochs=4", "data.max_train_samples=300")


def entities(tags: list[int]) -> set[tuple[int, int, int]]:
    text = "".join("o" if tag == 0 else chr(64 + tag) for tag in tags)  # A begins a type, B goes on with it
    return {(ord(m[0][0]), *m.span()) for m in re.finditer("AB*|CD*|EF*|GH*|IJ*", text)}


def test_scores_are_those_of_the_sentences_kept(run):
    kept = pq.read_table(run / "predictions.parquet").to_pydict()
    assert kept["split"] == ["validation"] * 32 and kept["index"] == sorted(set(kept["index"]))
    record = load_record(run)
    config = compose_config(*NANO, *TAGS)
    rows = load_data(config.data, holdout=False).splits["validation"].sort("idx")
    assert kept["label"] == rows["label"][:] and record.rows["validation"] == 32
    assert record.content["rows"]["train"] + record.content["rows"]["holdout"] == 300, "sentences, not windows"
    for labels, predictions, logits in zip(kept["label"], kept["prediction"], kept["logits"], strict=True):
        assert np.reshape(logits, (len(labels), 11)).argmax(1).tolist() == predictions
    true, predicted = ([entities(row) for row in kept[name]] for name in ("label", "prediction"))
    hits = sum(len(a & b) for a, b in zip(true, predicted, strict=True))
    expected = 2 * hits / (sum(map(len, true)) + sum(map(len, predicted)))
    assert record.primary_metric.value == pytest.approx(expected) and expected > 0.1
    scores = record.scores()
    assert {f"f1_{name}" for name in ("agent", "patient", "recipient", "place", "time")} <= scores.keys()


def test_the_record_is_verified_by_its_predictions(run):
    (found,) = find_runs([run])
    assert contradiction(found) is None
    verdicts = {finding.what: finding.verdict for finding in check_run("run", found)}
    assert verdicts["scores"] is Verdict.EQUAL


def test_it_answers_as_it_was_evaluated(run):
    loaded = load_run(run)
    known = read_split(run, "validation")
    rows = load_data(compose_config(*NANO, *TAGS).data, holdout=False).splits["validation"].sort("idx")
    logits = loaded.logits(rows["text"][:], batch_size=5)
    predictions = loaded.classifier.space.kind.predictions(logits.numpy())
    assert np.array_equal(predictions, known.predictions)
    assert (known.labels == NOTHING).any() and np.array_equal(known.labels == NOTHING, predictions == NOTHING)
    answer = loaded.predict([rows["text"][0]])[0]
    assert len(answer.label.split()) == len(rows["text"][0].split(" "))
    for entity in answer.more["entities"]:
        assert rows["text"][0][entity["start"] : entity["end"]] == entity["text"]
    assert loaded.predict([]) == []
    together = load_many({"a": run, "b": run}).logits(rows["text"][:4], adapters=["a", "b", "a", "b"])
    for row, own in enumerate(together):
        np.testing.assert_allclose(own, logits[row][: len(own)], rtol=0, atol=1e-4)


def test_it_is_merged_exported_and_read_again(run, tmp_path):
    from transformers import AutoModelForTokenClassification

    found = merge_run(run, tmp_path / "merged", rows=16)
    assert all(own.holds and own.largest_logit < 1e3 for own in found.values())
    model = AutoModelForTokenClassification.from_pretrained(tmp_path / "merged")
    assert model.config.id2label[1] == "B-agent"
    export_run(run, tmp_path / "peft")
    assert json.loads((tmp_path / "peft" / "adapter_config.json").read_text())["task_type"] == "TOKEN_CLS"
    import_peft(tmp_path / "peft", tmp_path / "back", label_names=list(load_run(run).label_names))
    text = ["The doctor helped the lawyer in the park ."]
    np.testing.assert_allclose(load_run(tmp_path / "back").logits(text), load_run(run).logits(text), atol=1e-5)


def test_runs_are_compared_sentence_by_sentence(tmp_path):
    for seed in range(3):
        for method in ("lora", "head"):
            config = compose_config(
                *NANO, *TAGS, f"model=roberta_{method}", f"seed={seed}", "training.learning_rate=1e-2"
            )
            run_job(config, tmp_path / f"{method}{seed}")
    (table,) = compare_runs(find_runs([tmp_path]), baseline="head").tables
    assert table.metric == "entity_f1" and table.examples == 32
    assert all(row.interval is not None for row in table.rows)


def test_a_table_of_words_and_tags_is_chosen_from(tmp_path):
    lines = ["Ann S-per\nlives O\nin O\nNew B-loc\nYork E-loc\n"] * 60
    (tmp_path / "t.conll").write_text("# a comment\n" + "\n".join(lines))
    guess = guess_columns(tmp_path / "t.conll")
    assert (guess.text, guess.label, guess.kind, guess.rows) == (("tokens",), "tags", "token_classification", 60)
    config = compose_config(*NANO, *task_overrides(tmp_path / "t.conll", guess))
    data = load_data(config.data, holdout=True)
    assert data.task.label_names == tags_of(["loc", "per"]) and data.task.primary_metric == "entity_f1"
    assert data.splits["validation"]["label"][0] == [3, 0, 0, 1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no sentences"),
        ("a O\nb\n", "line 2: 'b' is no word with its tag"),
    ],
)
def test_conll_files_that_are_none(text, message):
    with pytest.raises(UserError, match=message):
        read_conll(text, "f.conll")


def test_conll_fields():
    found = read_conll("-DOCSTART- -X- O O\n\na\tNN\tB-x\n#\tNN\tO\n\n\n# said\nb c\tNN\tO\n", "f")
    assert found.values == {"tokens": [["a", "#"], ["b c"]], "tags": [["B-x", "O"], ["O"]]}
    assert read_conll("a\nb\n\nc\n", "f").values == {"tokens": [["a", "b"], ["c"]]}


@pytest.mark.slow
@pytest.mark.parametrize("model", choices("model"))
def test_every_method_tags_words(model, tmp_path):
    train_with(model, [*TAGS, "training.max_steps=4"], tmp_path / "run")
