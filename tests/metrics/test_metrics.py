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

from src.metrics import check_metrics, make_compute, metric_names
from src.metrics.names import FOLDER
from src.utils.errors import UserError

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
    assert set(expected) == set(metric_names(classes))  # a new metric needs a reference
    compute = make_compute(list(expected), regression=False)
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
    assert set(REGRESSION) == set(metric_names(1))
    rng = np.random.default_rng(0)
    labels = rng.integers(6, size=50).astype("float32")  # with ties
    logits = (labels + rng.normal(size=50)).astype("float32")
    got = make_compute(list(REGRESSION), regression=True)(logits.reshape(shape), labels)
    for name, reference in REGRESSION.items():
        assert got[name] == pytest.approx(reference(labels.astype(float), logits.astype(float)), abs=1e-12)
    assert got["pearson"] == pytest.approx(stats.pearsonr(logits.astype(float), labels).statistic, abs=1e-12)
    assert got["spearmanr"] == pytest.approx(stats.spearmanr(logits, labels).statistic, abs=1e-12)


def test_constant_predictions_are_no_accident():
    labels = np.array([0, 1, 1, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logits = np.tile([2.0, 1.0], (4, 1))
        classes = make_compute(list(BINARY), regression=False)(logits, labels)
        numbers = make_compute(list(REGRESSION), regression=True)(np.ones(4), labels.astype(float))
        single = make_compute(["pearson"], regression=True)(np.ones(1), np.ones(1))
    assert classes["matthews_correlation"] == classes["f1"] == classes["precision"] == 0.0
    assert classes["accuracy"] == 0.5
    assert math.isnan(numbers["pearson"]) and math.isnan(numbers["spearmanr"]) and numbers["mse"] == 0.5
    assert math.isnan(single["pearson"])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_diverged_model_scores_nan_not_the_share_of_class_0(bad):
    logits = np.full((4, 2), bad)
    assert all(map(math.isnan, make_compute(["accuracy", "f1"], regression=False)(logits, np.zeros(4, int)).values()))
    assert math.isnan(make_compute(["mse"], regression=True)(logits[:, :1], np.zeros(4))["mse"])


def test_second_call_starts_afresh():
    compute = make_compute(["accuracy"], regression=False)
    logits = np.eye(2)
    assert compute(logits, np.array([0, 1]))["accuracy"] == 1.0
    assert compute(logits, np.array([1, 0]))["accuracy"] == 0.0


def test_unequal_lengths():
    with pytest.raises(ValueError, match="2 logits for 3 labels"):
        make_compute(["accuracy"], regression=False)(np.eye(2), np.zeros(3))


def test_names():
    with pytest.raises(UserError, match="unknown metric 'f1_marco': did you mean 'f1_macro'"):
        make_compute(["f1_marco"], regression=False)
    with pytest.raises(UserError, match="metric 'mse' does not fit 2 classes"):
        make_compute(["accuracy", "mse"], regression=False)
    with pytest.raises(UserError, match="metric 'accuracy' does not fit regression"):
        make_compute(["accuracy"], regression=True)
    with pytest.raises(UserError, match="metric 'f1' does not fit 3 classes"):
        check_metrics(["f1"], num_labels=3)
    check_metrics(["f1", "pearson"])  # known; whether they fit is not asked


def test_files_are_named_as_their_results():
    files = sorted(FOLDER.glob("*/[!_]*.py"))
    assert len(files) >= 10 and all(f'"{path.stem}": ' in path.read_text() for path in files)


OFFLINE = """
import os, sys
from src.metrics import make_compute
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
        compute = make_compute(["accuracy", "matthews_correlation"], regression=False)
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
