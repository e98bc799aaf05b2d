"""Question answering from data to predictions, files and statistics, with every method."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from src.choose.guess_columns import guess_columns
from src.choose.table_study import task_overrides
from src.compare.comparison import compare_runs
from src.compare.report import write_report
from src.compare.verified import contradiction
from src.config.choices import choices
from src.data.load import load_data
from src.deploy.export import export_run
from src.deploy.many import load_many
from src.deploy.merge import merge_run
from src.deploy.predict import predict_file
from src.deploy.trained_run import load_run
from src.models.classifier import build_classifier
from src.runs.predictions_reading import read_split
from src.runs.reading import find_runs, load_record
from src.training.run import run_job
from src.utils.errors import UserError
from src.verify.consistent import check_run
from src.verify.finding import Verdict
from tests.conftest import NANO, compose_config
from tests.packed.test_pack import TINY, assert_same, start
from tests.tasks.test_question_answering import official
from tests.training.every_method import train_with

ASKED = ["data=synth_questions", "data.max_length=16"]  # most are read in windows


PROMPTS = ["model.peft._target_=peft.PromptTuningConfig", "~model.peft.target_modules",
           "+model.peft.num_virtual_tokens=8"]  # fmt: skip


@pytest.fixture(scope="module")
def run(train):
    return train(*ASKED, "training.learning_rate=1e-2", "training.num_train_epochs=4", "data.max_train_samples=300")


def questions():
    return load_data(compose_config(*NANO, *ASKED).data, holdout=False).splits["validation"].sort("idx")


def test_it_learns_and_its_scores_are_the_official_ones(run):
    record, rows, loaded = load_record(run), questions(), load_run(run)
    given = [answer.label for answer in loaded.predict(rows["text"][:], rows["text_pair"][:], batch_size=5)]
    right = [[text for _, text in json.loads(label)] for label in rows["label"][:]]
    exact, f1 = np.mean([official(own, answer) for own, answer in zip(right, given, strict=True)], axis=0)
    assert record.primary_metric.name == "answer_f1" and record.primary_metric.value == pytest.approx(f1) and f1 > 0.3
    assert record.scores()["exact_match"] == pytest.approx(exact)
    assert record.rows["validation"] == 32 and record.flags == []
    known = read_split(run, "validation")
    logits = loaded.logits(rows["text"][:], rows["text_pair"][:], batch_size=7)
    predictions = loaded.classifier.space.kind.predictions(logits.numpy())
    assert np.array_equal(predictions, known.predictions[:, : predictions.shape[1]])
    assert loaded.predict([], []) == []
    together = load_many({"a": run, "b": run}).logits(rows["text"][:4], rows["text_pair"][:4], adapters=[*"abab"])
    for row, own in enumerate(together):
        np.testing.assert_allclose(own, logits[row], rtol=0, atol=1e-3)


def test_the_record_is_verified_by_its_predictions(run):
    (found,) = find_runs([run])
    assert contradiction(found) is None
    verdicts = {finding.what: finding.verdict for finding in check_run("run", found)}
    assert verdicts["scores"] is Verdict.EQUAL


def test_it_is_merged_exported_and_asked(run, tmp_path):
    found = merge_run(run, tmp_path / "merged", rows=16)
    assert all(own.holds and own.largest_logit < 1e3 for own in found.values())
    backbone = {"name": "merged", "path": str(tmp_path / "merged")}
    again = build_classifier({"name": "head"}, backbone, kind="question_answering", seed=1)
    assert again.backbone.head_init.how == "checkpoint"
    other = build_classifier({"name": "head"}, backbone, label_names=("a", "b"), kind="token_classification", seed=1)
    assert other.backbone.head_init.how == "new"
    export_run(run, tmp_path / "peft")
    assert json.loads((tmp_path / "peft" / "adapter_config.json").read_text())["task_type"] == "TOKEN_CLS"
    (tmp_path / "t.csv").write_text("text,text_pair\nWho does it?,The doctor helped the lawyer in the park .\n")
    predict_file(run, tmp_path / "t.csv", None, tmp_path / "out.tsv", 2)
    header, row = (tmp_path / "out.tsv").read_text().splitlines()
    assert header.split("\t") == ["index", "text", "text_pair", "prediction", "start", "end", "score", "best"]
    answer = dict(zip(header.split("\t"), row.split("\t"), strict=True))
    text = "The doctor helped the lawyer in the park ."
    assert text[int(answer["start"]) : int(answer["end"])] == answer["prediction"] != ""
    best = json.loads(answer["best"])
    assert len(best) == 5 and all(own["text"] == text[own["start"] : own["end"]] for own in best)


def test_runs_are_compared_by_paragraph(tmp_path):
    for seed in range(3):
        for method in ("lora", "head"):
            run_job(
                compose_config(*NANO, *ASKED, "data.max_eval_samples=120", f"model=roberta_{method}", f"seed={seed}"),
                tmp_path / f"{method}{seed}",
            )
    comparison = compare_runs(find_runs([tmp_path]), baseline="head")
    (table,) = comparison.tables
    clusters = set(pq.read_table(tmp_path / "lora0" / "predictions.parquet")["cluster"].to_pylist())
    assert table.metric == "answer_f1" and table.examples == 120 and table.clusters == len(clusters) < 120
    assert all(row.interval is not None for row in table.rows)
    write_report(comparison, tmp_path / "report.html")
    assert "synth_questions" in (tmp_path / "report.html").read_text()


def test_it_is_mixed_with_other_kinds(tmp_path):
    tasks = "data.tasks=[synth_paraphrase,synth_questions,synth_tags]"
    config = compose_config(*NANO, "data=mix", tasks, "model=roberta_hydralora", "data.max_eval_samples=12")
    run_job(config, tmp_path / "run")
    record = load_record(tmp_path / "run")
    assert record.status == "ok" and "synth_questions/answer_f1" in record.scores()
    (found,) = find_runs([tmp_path])
    assert contradiction(found) is None


def write_squad(path, count: int) -> None:
    paragraphs = [
        {"context": (context := f"Person {n} lives in town {n} ."), "qas": [
            {"id": f"{n}{q}", "question": q, "answers": [{"text": a, "answer_start": context.index(a)}]}
            for q, a in (("Who?", f"Person {n}"), ("Where?", f"town {n}"))]}
        for n in range(count)
    ]  # fmt: skip
    path.write_text(json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}))


CUSTOM = ["data=custom", "data.text=[question,context]", "data.label=answers", "data.label_names=[]",
          "data.metrics=[answer_f1,exact_match]", "data.primary_metric=answer_f1", "data.cluster=context"]  # fmt: skip


@pytest.mark.parametrize("kind", ["question_answering", "question_answering_or_none"])
def test_a_file_of_ones_own(kind, tmp_path):
    write_squad(tmp_path / "train.json", 30)
    config = compose_config(*NANO, *CUSTOM, f"data.kind={kind}", f"data.files.train={tmp_path}/train.json",
                            "training.max_steps=2")  # fmt: skip
    run_job(config, tmp_path / "run")
    assert load_record(tmp_path / "run").status == "ok"
    kept = pq.read_table(tmp_path / "run" / "predictions.parquet")
    assert "lives in town" in kept["cluster"][0].as_py()


def test_a_table_of_questions_is_chosen_from(tmp_path):
    write_squad(tmp_path / "t.json", 60)
    guess = guess_columns(tmp_path / "t.json")
    assert (guess.text, guess.label, guess.kind) == (("question", "context"), "answers", "question_answering")
    assert guess.rows == 120 and "answers to 'question' in 'context'" in guess.said[0]
    config = compose_config(*NANO, *task_overrides(tmp_path / "t.json", guess))
    data = load_data(config.data, holdout=True)
    assert data.task.primary_metric == "answer_f1" and "lives in town" in next(iter(data.clusters["train"].values()))
    with pytest.raises(UserError, match="--text QUESTION CONTEXT names what they are about"):
        guess_columns(tmp_path / "t.json", text=["question"])


def test_what_it_refuses(tmp_path):
    for change, message in (
        ("training.label_smoothing_factor=0.1", "is for classes, and synth_questions is an extractive"),
        ("training.class_weights=balanced", "extractive question answering"),
        ("model=roberta_peft", "puts tokens before a text's own"),
        ("data.metrics=[accuracy]", "does not fit question_answering"),
    ):
        with pytest.raises(UserError, match=message):
            more = PROMPTS if change.startswith("model") else []
            config = compose_config(*NANO, *ASKED, change, *more, "data.primary_metric=answer_f1")
            run_job(config, tmp_path / "run")


def test_a_pack_trains_what_each_job_does_alone(tmp_path):
    jobs = {name: [f"model=roberta_{name}"] for name in ("lora", "hydralora")}
    options = [*ASKED, *TINY]
    start(tmp_path / "pack", jobs, *options)
    for name, own in jobs.items():
        run_job(compose_config(*NANO, *options, *own), tmp_path / "alone" / name)
        assert_same(tmp_path / "pack" / name, tmp_path / "alone" / name, 1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("model", choices("model"))
def test_every_method_answers(model, tmp_path):
    train_with(model, [*ASKED, "training.max_steps=4"], tmp_path / "run")
