"""``data.also``: sets that a run is evaluated on besides, under their own names and classes, and never selected by."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from src.compare.comparison import compare_runs
from src.config import validate
from src.config.also import class_groups
from src.config.choices import written
from src.data.load import load_data
from src.data.saved import read_data
from src.deploy.trained_run import load_run
from src.runs.identity import config_hash
from src.runs.reading import find_runs
from src.tasks.joined_classes import JoinedClasses
from src.training.run import run_job
from src.utils.errors import UserError
from src.verify.consistent import check_run
from src.verify.finding import Verdict
from tests.conftest import NANO, compose_config

NAMES = ("entailment", "neutral", "contradiction")
TASK = [*NANO, "data=synth_entailment", "training.max_steps=4", "data.max_eval_samples=24"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """HANS's evaluation file, and a file with the task's columns."""
    root = tmp_path_factory.mktemp("sets")
    (root / "hans").mkdir()
    lines = ["gold_label\tsentence1\tsentence2"]
    lines += [f"{'non-' * (n % 2)}entailment\tthe doctor {n} saw\tthe lawyer {n % 3} ran" for n in range(30)]
    (root / "hans" / "heuristics_evaluation_set.txt").write_text("\n".join(lines) + "\n")
    rows = [{"text": f"a {n}", "text_pair": f"b {n}", "label": NAMES[n % 3]} for n in range(9)]
    (root / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


def also(folder) -> list[str]:
    return [f"data.also=[hans,{folder}/own.jsonl]", f"data.dir={folder}"]


@pytest.fixture(scope="module")
def runs(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    run_job(compose_config(*TASK), out / "plain")
    for seed in range(2):
        config = compose_config(*TASK, *also(folder), f"seed={seed}")
        validate(config)
        run_job(config, out / f"also{seed}")
    return out


def test_it_changes_nothing_but_what_is_reported(runs):
    plain, more = (json.loads((runs / name / "result.json").read_text()) for name in ("plain", "also0"))
    for key in ("data_fingerprint", "batches_fingerprint", "primary_metric", "epochs", "max_length"):
        assert plain[key] == more[key], key
    for when in ("selected", "best", "last", "holdout"):
        own = more["metrics"][when]
        assert {name: own[name] for name in plain["metrics"][when]} == plain["metrics"][when]
    extra = more["metrics"]["selected"].keys() - plain["metrics"]["selected"].keys()
    assert extra == {"accuracy/hans", "accuracy/own", "loss/own"}
    assert more["rows"] == plain["rows"] | {"hans": 24, "own": 9}
    assert more["labels"]["own"] == dict.fromkeys(NAMES, 3) and set(more["labels"]["hans"]) == {
        "entailment",
        "non-entailment",
    }
    assert sum(more["labels"]["hans"].values()) == 24


def test_its_answers_are_the_heads_own_named_by_its_classes(runs, folder):
    kept = pq.read_table(runs / "also0" / "predictions.parquet").to_pydict()
    own = [row for row, split in enumerate(kept["split"]) if split == "hans"]
    table = [
        line.split("\t") for line in (folder / "hans" / "heuristics_evaluation_set.txt").read_text().splitlines()[1:]
    ]
    texts = [table[kept["index"][row]] for row in own]
    assert [kept["label"][row] for row in own] == [int(text[0] != "entailment") for text in texts]
    answers = load_run(runs / "also0").predict([text[1] for text in texts], [text[2] for text in texts])
    named = [int(answer.label != "entailment") for answer in answers]
    assert [kept["prediction"][row] for row in own] == named
    scores = json.loads((runs / "also0" / "result.json").read_text())["metrics"]["selected"]
    assert scores["accuracy/hans"] == np.mean([kept["label"][row] == kept["prediction"][row] for row in own])


def test_runs_are_verified_and_compared_by_it(runs):
    found = find_runs([runs])
    for run in found:
        verdicts = {finding.what: finding.verdict for finding in check_run("run", run)}
        assert verdicts["scores"] is Verdict.EQUAL
    (table,) = compare_runs(found, metric="accuracy/hans").tables
    assert table.metric == "accuracy/hans" and [len(row.seeds) for row in table.rows] == [2]


def test_the_largest_of_joined_logits_is_the_class_of_the_heads_answer():
    kind, dice = JoinedClasses([(0,), (1, 2)]), np.random.default_rng(0)
    logits, labels = dice.normal(size=(50, 3)).astype(np.float32), dice.integers(0, 3, 50)
    joined, given = kind.gather(logits, labels, {"idx": list(range(50)), "labels": labels})
    assert np.array_equal(joined.argmax(1), np.minimum(logits.argmax(1), 1))
    assert np.array_equal(given, np.minimum(labels, 1))
    assert kind.same_labels(given, {"idx": list(range(50)), "labels": labels})
    assert not kind.same_labels(1 - given, {"idx": list(range(50)), "labels": labels})


@pytest.mark.parametrize(("task", "extra"), [("mnli", "hans"), ("qqp", "paws"), ("mnli", "xnli"), ("rte", "rte")])
def test_the_classes_of_sets_are_made_of_the_tasks(task, extra):
    names, record = written("data", task)["label_names"], written("data", extra)
    groups = class_groups(names, record["label_names"], record.get("stands_for") or {}, extra)
    assert sorted(number for group in groups for number in group) == list(range(len(names)))
    config = compose_config(*NANO, f"data={task}", f"data.also=[{extra}]") if task != extra else None
    if config is not None:
        validate(config)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["data=mrpc", "data.also=[hans]"],
            r"classes of hans \(entailment, non-entailment\) are not made of the task's",
        ),
        (["data=mrpc", "data.also=[hanss]"], "data.also: there is no task hanss; did you mean hans"),
        (["data=mrpc", "data.also=[stsb]"], "it is a regression, and the task of kind classification"),
        (["data=cola", "data.also=[mrpc]"], "it has 2 texts a row, and the task 1"),
        (["data=rte", "data.also=[rte,rte]"], "a split is called rte already"),
        (["data=mrpc", "data.also=[x/validation.csv]"], "a split is called validation already"),
        (["data=mix", "data.tasks=[mrpc,rte]", "data.also=[hans]"], "a mix is evaluated on its tasks' own splits"),
        (["data=mrpc", "data.also=hans"], r"breaks the rule: list\[str\]"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_loaded(overrides, message):
    with pytest.raises(UserError, match=message):
        validate(compose_config(*NANO, *overrides))


def test_a_file_that_does_not_fit_is_named(folder, tmp_path):
    (tmp_path / "bad.csv").write_text("text,text_pair,label\na,b,maybe\n")
    with pytest.raises(UserError, match=r"bad.csv line 2: label 'maybe' is none of"):
        load_data(compose_config(*TASK, f"data.also=[{tmp_path}/bad.csv]").data, holdout=False)


def test_saved_data_names_no_further_sets_and_old_hashes_stay(folder, tmp_path):
    config = compose_config(*TASK, *also(folder))
    (tmp_path / ".hydra").mkdir()
    OmegaConf.save(config, tmp_path / ".hydra" / "config.yaml")
    assert read_data(tmp_path).data.also == []
    plain = OmegaConf.to_container(compose_config(*TASK), resolve=True)
    older = {**plain, "data": {key: value for key, value in plain["data"].items() if key not in ("also", "long")}}
    assert config_hash(older) == config_hash(plain) != config_hash(OmegaConf.to_container(config, resolve=True))
