"""Loading: sources, subsets, the holdout, the fingerprint; and every record in conf/data."""

import re
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from src.config.choices import choices
from src.data.load import forget, load_data
from src.data.partition import fingerprint, split_off, subset, take
from src.data.task import Task
from src.metrics import metric_names
from src.tasks import KINDS
from src.utils.errors import UserError

CONF = Path(__file__).parents[2] / "conf" / "data"
# The synthetic suite has its own tests, and so has a mix, which has no columns of its own.
RECORDS = [name for name in choices("data") if not name.startswith("synth") and name != "mix"]
PRIMARY = {"cola": "matthews_correlation", "stsb": "pearson", "wnut17": "entity_f1", "multirc": "f1"}
PRIMARY |= dict.fromkeys(("squad", "squad_v2"), "answer_f1")


@pytest.fixture
def sst2(tmp_path, data_config):
    """A config of SST-2 with 200 train rows, 30 of them positive."""
    folder = tmp_path / "SST-2"
    folder.mkdir()
    rows = "".join(f"text {n}\t{int(n < 30)}\n" for n in range(200))
    (folder / "train.tsv").write_text("sentence\tlabel\n" + rows)
    (folder / "dev.tsv").write_text("sentence\tlabel\n" + "".join(f"dev {n}\t{n % 2}\n" for n in range(20)))
    return lambda *overrides: data_config("sst2", "data.source=tsv", f"data.dir={tmp_path}", *overrides)


@pytest.mark.parametrize("record", RECORDS)
def test_record_is_consistent(record, data_config):
    cfg = OmegaConf.to_container(data_config(record), resolve=True)
    task = Task(
        record,
        tuple(cfg["text"]),
        cfg["label"],
        tuple(cfg["label_names"] or ("a", "b") * (cfg["label_names"] is None)),
        tuple(cfg["metrics"]),
        cfg["primary_metric"],
        tuple(cfg["evaluation_splits"]),
        cfg.get("kind"),
    )
    assert cfg["name"] == record
    assert cfg["source"] in cfg["sources"]
    usual = {"regression": "pearson", "similarity": "spearmanr"}.get(task.space.kind.name, "accuracy")
    assert task.primary_metric == PRIMARY.get(record, usual)
    assert {"train", *task.evaluation_splits} <= set(cfg["rows"]) or record == "custom"


def test_hydra_composes_the_same(data_config):
    with initialize_config_dir(str(CONF.parent), version_base="1.3"):
        composed = compose("config", overrides=["data=mrpc", "data.source=tsv", "data.dir=/glue"]).data
    assert composed == data_config("mrpc", "data.source=tsv", "data.dir=/glue")


def test_unknown_source_lists_the_choices(data_config):
    with pytest.raises(UserError, match=r"data.source=tvs: did you mean 'tsv'"):
        load_data(data_config("mrpc", "data.source=tvs"), holdout=False)


def test_unknown_key_of_a_source(sst2):
    with pytest.raises(UserError, match=r"data\.sources\.tsv: got an unexpected keyword argument 'fodler'"):
        load_data(sst2("data.sources.tsv.fodler=x"), holdout=False)


def test_plain_mapping_will_do(sst2):
    cfg = OmegaConf.to_container(sst2(), resolve=False)
    assert load_data(cfg, holdout=False).fingerprint == load_data(sst2(), holdout=False).fingerprint


def test_second_call_returns_the_same_object(sst2):
    first = load_data(sst2(), holdout=True)
    assert load_data(sst2("data.max_length=64"), holdout=True) is first
    assert load_data(sst2(), holdout=False) is not first


def test_holdout_is_stratified_disjoint_and_fixed(sst2):
    whole = load_data(sst2(), holdout=False).splits["train"]
    data = load_data(sst2(), holdout=True)
    train, holdout = data.splits["train"], data.splits["holdout"]

    assert len(holdout) == 20  # 10 % of 200, with 15 % positives as in train
    assert sum(holdout["label"][:]) == 3
    assert sorted(train["idx"][:] + holdout["idx"][:]) == whole["idx"][:]
    assert train["idx"][:] == sorted(train["idx"][:])
    forget()
    assert load_data(sst2(), holdout=True).splits["holdout"]["idx"][:] == holdout["idx"][:]
    assert len(load_data(sst2("data.holdout_max=7"), holdout=True).splits["holdout"]) == 7


def test_holdout_of_everything_is_refused(sst2):
    with pytest.raises(UserError, match="cannot split 1 rows off from a train split of 1"):
        load_data(sst2("data.max_train_samples=1"), holdout=True)


def test_stratified_shares_by_largest_remainder():
    # 7 of 50 rows over classes of 25, 15 and 10: shares 3.5, 2.1, 1.4, so 3, 2, 1 and one more for the first.
    from datasets import Dataset

    data = Dataset.from_dict({"label": [0] * 25 + [1] * 15 + [2] * 10})
    rest, part = split_off(data, 0.14, None, KINDS["classification"].strata)
    assert np.bincount(part["label"][:]).tolist() == [4, 2, 1]
    assert np.bincount(rest["label"][:]).tolist() == [21, 13, 9]


def test_subsets_are_fixed_and_nested(sst2):
    small = load_data(sst2("data.max_train_samples=50", "data.max_eval_samples=5"), holdout=False)
    large = load_data(sst2("data.max_train_samples=80"), holdout=False)
    assert len(small.splits["train"]) == 50
    assert len(small.splits["validation"]) == 5
    assert set(small.splits["train"]["idx"][:]) < set(large.splits["train"]["idx"][:])
    assert small.splits["train"]["idx"][:] != list(range(50))  # drawn, not the first rows
    whole = load_data(sst2("data.max_train_samples=1000"), holdout=False).splits["train"]
    assert len(whole) == 200
    assert subset(whole, None) is whole


def test_fingerprint_names_the_rows_and_their_splits(sst2, tmp_path):
    first = load_data(sst2(), holdout=True).fingerprint
    assert re.fullmatch("[0-9a-f]{64}", first)
    forget()
    assert load_data(sst2(), holdout=True).fingerprint == first
    others = {
        load_data(sst2(), holdout=False).fingerprint,
        load_data(sst2("data.max_eval_samples=5"), holdout=True).fingerprint,
    }
    dev = tmp_path / "SST-2" / "dev.tsv"
    dev.write_text(dev.read_text().replace("dev 3\t1", "dev 3\t0"))
    forget()
    others.add(load_data(sst2(), holdout=True).fingerprint)
    assert len(others | {first}) == 4


def test_fingerprint_sees_values_not_storage(sst2):
    data = load_data(sst2(), holdout=False).splits["train"]
    rows = np.arange(20, 60)
    assert fingerprint(data.select(rows)) == fingerprint(take(data, rows)) != fingerprint(data)


TASK = {
    "name": "t",
    "text": ("a",),
    "label": "l",
    "label_names": ("x", "y"),
    "metrics": ("accuracy", "f1"),
    "primary_metric": "f1",
    "evaluation_splits": ("validation",),
}


def test_task_properties():
    space = Task(**TASK).space
    assert (space.outputs, space.kind) == (2, KINDS["classification"])
    regression = Task(**TASK | {"label_names": (), "metrics": ("mse",), "primary_metric": "mse"})
    assert (regression.space.outputs, regression.space.kind) == (1, KINDS["regression"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": ("a", "b", "c")}, "data.text"),
        ({"text": ()}, "data.text"),
        ({"label_names": ("x",)}, "data.label_names"),
        ({"label_names": ("x", "x")}, "data.label_names"),
        ({"metrics": ()}, "no metric is named; choose from accuracy"),
        ({"metrics": ("acuracy",)}, "unknown metric 'acuracy': did you mean 'accuracy'"),
        ({"metrics": ("pearson",)}, "metric 'pearson' does not fit 2 classes"),
        ({"label_names": ("x", "y", "z")}, "metric 'f1' does not fit 3 classes; choose from accuracy"),
        ({"label_names": ()}, "metric 'accuracy' does not fit regression; choose from mae"),
        ({"primary_metric": "recall"}, "data.primary_metric='recall' is not one of data.metrics: accuracy, f1"),
        ({"evaluation_splits": ()}, "data.evaluation_splits"),
        ({"evaluation_splits": ("train",)}, "data.evaluation_splits"),
    ],
)
def test_task_refuses(change, message):
    with pytest.raises(UserError, match=re.escape(message)):
        Task(**TASK | change)


def test_custom_yaml_names_real_metrics():
    named = re.search(r"src/metrics: (.*), \.\.\.", (CONF / "custom.yaml").read_text())[1].split(", ")
    assert set(named) <= set(metric_names())
