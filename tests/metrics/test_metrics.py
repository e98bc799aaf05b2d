"""Every metric against scikit-learn, scipy or its definition; no network; processes side by side."""

import math
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from src.compare.statistics.ranks import make_panel
from src.metrics import check_metrics, definitions, metric_names
from src.metrics.compute import MODULE
from src.metrics.metric import Reads
from src.metrics.names import all_metrics, greater_is_better
from src.tasks import KINDS
from src.utils.errors import UserError

CLASSES, VALUES = KINDS["classification"], KINDS["regression"]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def fresh_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PEFT_VERDICT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def naive_matthews(labels, predictions):
    """From the four counts: (TP TN - FP FN) / sqrt((TP+FP)(TP+FN)(TN+FP)(TN+FN))."""
    tp, tn = int(sum(labels & predictions)), int(sum((1 - labels) & (1 - predictions)))
    fp, fn = int(sum((1 - labels) & predictions)), int(sum(labels & (1 - predictions)))
    return (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))


BINARY = {
    "accuracy": lambda y, p: float(np.mean(y == p)),
    "f1": sk.f1_score,
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "matthews_correlation": naive_matthews,
    "f1_macro": lambda y, p: (sk.f1_score(y, p) + sk.f1_score(1 - y, 1 - p)) / 2,
    "f1_weighted": lambda y, p: sk.f1_score(y, p) * y.mean() + sk.f1_score(1 - y, 1 - p) * (1 - y.mean()),
}
MULTICLASS = {
    "accuracy": sk.accuracy_score,
    "matthews_correlation": sk.matthews_corrcoef,
    "f1_macro": lambda y, p: sk.f1_score(y, p, average="macro"),
    "f1_weighted": lambda y, p: sk.f1_score(y, p, average="weighted"),
}
REGRESSION = {
    "pearson": lambda y, p: np.corrcoef(y, p)[0, 1],
    "spearmanr": lambda y, p: np.corrcoef(stats.rankdata(y), stats.rankdata(p))[0, 1],
    "mse": lambda y, p: np.mean((y - p) ** 2),
    "mae": lambda y, p: np.mean(np.abs(y - p)),
}


@pytest.mark.parametrize(("classes", "expected"), [(2, BINARY), (3, MULTICLASS)])
def test_classification(classes, expected):
    assert set(expected) == set(metric_names(CLASSES.reads(range(classes))))  # a new metric needs a reference
    compute = CLASSES.compute(list(expected))
    for seed in range(3):
        rng = np.random.default_rng(seed)
        labels = rng.integers(classes, size=60)
        logits = rng.normal(size=(60, classes)).astype("float32") + np.eye(classes)[labels]
        got = compute(logits, labels)
        for name, reference in expected.items():
            assert got[name] == pytest.approx(reference(labels, logits.argmax(1)), abs=1e-12)
            assert isinstance(got[name], float)
    assert 0.1 < got["matthews_correlation"] < 0.99  # neither trivially right nor trivially wrong


@pytest.mark.parametrize("shape", [(50,), (50, 1)])
def test_regression(shape):
    assert set(REGRESSION) == set(metric_names(VALUES.reads(())))
    rng = np.random.default_rng(0)
    labels = rng.integers(6, size=50).astype("float32")  # with ties
    logits = (labels + rng.normal(size=50)).astype("float32")
    got = VALUES.compute(list(REGRESSION))(logits.reshape(shape), labels)
    for name, reference in REGRESSION.items():
        assert got[name] == pytest.approx(reference(labels.astype(float), logits.astype(float)), abs=1e-12)
    assert got["pearson"] == pytest.approx(stats.pearsonr(logits.astype(float), labels).statistic, abs=1e-12)
    assert got["spearmanr"] == pytest.approx(stats.spearmanr(logits, labels).statistic, abs=1e-12)


def test_constant_predictions_are_no_accident():
    labels = np.array([0, 1, 1, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logits = np.tile([2.0, 1.0], (4, 1))
        classes = CLASSES.compute(list(BINARY))(logits, labels)
        numbers = VALUES.compute(list(REGRESSION))(np.ones(4), labels.astype(float))
        single = VALUES.compute(["pearson"])(np.ones(1), np.ones(1))
    assert classes["matthews_correlation"] == classes["f1"] == classes["precision"] == 0.0
    assert classes["accuracy"] == 0.5
    assert math.isnan(numbers["pearson"]) and math.isnan(numbers["spearmanr"]) and numbers["mse"] == 0.5
    assert math.isnan(single["pearson"])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_diverged_model_scores_nan_not_the_share_of_class_0(bad):
    logits = np.full((4, 2), bad)
    assert all(map(math.isnan, CLASSES.compute(["accuracy", "f1"])(logits, np.zeros(4, int)).values()))
    assert math.isnan(VALUES.compute(["mse"])(logits[:, :1], np.zeros(4))["mse"])


def test_second_call_starts_afresh():
    compute = CLASSES.compute(["accuracy"])
    logits = np.eye(2)
    assert compute(logits, np.array([0, 1]))["accuracy"] == 1.0
    assert compute(logits, np.array([1, 0]))["accuracy"] == 0.0


def test_unequal_lengths():
    with pytest.raises(ValueError, match="2 logits for 3 labels"):
        CLASSES.compute(["accuracy"])(np.eye(2), np.zeros(3))


def test_names():
    with pytest.raises(UserError, match="unknown metric 'f1_marco': did you mean 'f1_macro'"):
        CLASSES.compute(["f1_marco"])
    with pytest.raises(UserError, match="metric 'mse' does not fit classification"):
        CLASSES.compute(["accuracy", "mse"])
    with pytest.raises(UserError, match="metric 'accuracy' does not fit regression"):
        VALUES.compute(["accuracy"])
    with pytest.raises(UserError, match="metric 'f1' does not fit 3 classes"):
        CLASSES.check_metrics(["f1"], "abc")
    check_metrics(["f1", "pearson"])  # known; whether they fit is not asked


def test_files_are_named_as_their_metrics():
    files = sorted(Path(definitions.__path__[0]).glob("[!_]*.py"))
    assert len(files) >= 11 and [path.stem for path in files] == list(all_metrics())
    assert all(path.read_text().startswith('"""') for path in files)


def test_the_library_loads_each_by_its_name():
    import evaluate

    for name, metric in all_metrics().items():
        module = evaluate.load(str(MODULE), name, keep_in_memory=True)
        labels, predictions = (
            ([0.0, 1.0, 3.0], [0.5, 1.0, 2.0]) if metric.reads is Reads.VALUES else ([0, 1, 1], [1, 1, 0])
        )
        if metric.reads.several_classes:
            labels, predictions = [[1, 2, 0], [1, -1, -1]], [[1, 0, 0], [1, -1, -1]]
        if metric.reads in (Reads.SETS, Reads.CHANCES):
            labels, predictions = [[1, 1, 0], [1, 0, 0]], [[1, 0, 0], [1, 0, 1]]
        assert module.compute(predictions=predictions, references=labels) == {name: metric.compute(labels, predictions)}


def test_which_are_errors():
    assert [name for name in metric_names() if not greater_is_better(name)] == ["mae", "mse"]
    assert greater_is_better("of_somebody_else")


@pytest.mark.parametrize("classes", [2, 3])
def test_decompositions_give_the_metric(classes):
    """Every metric of the repository is the function of its examples that the comparison takes it for."""
    for seed, metric in enumerate(all_metrics().values()):
        if metric.reads not in CLASSES.reads(range(classes)) | VALUES.reads(()):
            continue
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, classes, 80)
        predictions = np.where(rng.random(80) < 0.6, labels, rng.integers(0, classes, 80))
        if metric.reads is Reads.VALUES:
            labels, predictions = labels / 2, predictions + rng.normal(size=80).round(1)
        assert metric.decomposition.whole(labels, predictions) == pytest.approx(metric.compute(labels, predictions))


BRIER = '''"""Brier score of two classes: the mean squared distance of the probabilities from the label."""
import numpy as np
from src.metrics.metric import Metric, Reads


def compute(labels, scores):
    return float(((np.asarray(scores)[:, 1] - np.asarray(labels)) ** 2).mean())


METRIC = Metric("brier", Reads.SCORES, greater_is_better=False, compute=compute)
'''


def test_a_new_metric_is_one_file(tmp_path, monkeypatch):
    """It is known, fits, is computed from what it reads, is an error to be minimised; the statistics do without it."""
    (tmp_path / "brier.py").write_text(BRIER)
    monkeypatch.setattr(definitions, "__path__", [*definitions.__path__, str(tmp_path)])
    all_metrics.cache_clear()
    try:
        assert all("brier" in metric_names(CLASSES.reads(names)) for names in ("ab", "abc"))
        assert "brier" not in metric_names(VALUES.reads(()))
        assert not greater_is_better("brier")
        found = CLASSES.compute(["accuracy", "brier"])(np.log([[0.2, 0.8], [0.6, 0.4]]), np.array([1, 1]))
        assert found == {"accuracy": 0.5, "brier": pytest.approx((0.2**2 + 0.6**2) / 2)}
        assert make_panel("brier", np.zeros(2), np.zeros((1, 2)), 2) is None
    finally:
        all_metrics.cache_clear()
        sys.modules.pop(f"{definitions.__name__}.brier", None)


OFFLINE = """
import os, sys
from src.tasks import KINDS
assert not {"evaluate", "sklearn", "scipy", "datasets", "pandas"} & set(sys.modules), "importing is not cheap"
import socket
def refuse(*_, **__): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
import numpy as np
sys.modules["transformers"] = None  # evaluate can do without, and starts faster
import evaluate
del sys.modules["transformers"]
children = []
for _ in range(3):
    if not (child := os.fork()):
        compute = KINDS["classification"].compute(["accuracy", "matthews_correlation"])
        for _ in range(20): result = compute(np.eye(2), np.array([0, 1]))
        os._exit(0 if result == {"accuracy": 1.0, "matthews_correlation": 1.0} else 3)
    children.append(child)
print([os.waitpid(child, 0)[1] for child in children])
"""


def test_processes_side_by_side_without_network(tmp_path):
    env = os.environ | {"HF_HOME": str(tmp_path)}  # nothing prepared: all of them copy the modules at once
    command = [sys.executable, "-c", OFFLINE]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=99)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[0, 0, 0]", "")
