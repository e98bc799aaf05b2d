"""Metrics on resampled examples, against scikit-learn and scipy on the spelled-out examples."""

import re

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from src.compare.statistics.ranks import make_panel
from src.metrics import metric_names
from src.metrics.names import all_metrics

N = 60
REFERENCES = {
    "accuracy": sk.accuracy_score,
    "matthews_correlation": sk.matthews_corrcoef,
    "f1": sk.f1_score,
    "f1_macro": lambda y, p: sk.f1_score(y, p, average="macro"),
    "f1_weighted": lambda y, p: sk.f1_score(y, p, average="weighted"),
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "pearson": lambda y, p: stats.pearsonr(y, p).statistic,
    "spearmanr": lambda y, p: stats.spearmanr(y, p).statistic,
    "mse": sk.mean_squared_error,
    "mae": sk.mean_absolute_error,
    "entity_f1": lambda y, p: 2 * _entities(y, p)[0] / sum(_entities(y, p)[1:]),
    "entity_precision": lambda y, p: _entities(y, p)[0] / _entities(y, p)[1],
    "entity_recall": lambda y, p: _entities(y, p)[0] / _entities(y, p)[2],
    "token_accuracy": lambda y, p: (y == p)[y >= 0].mean(),
    "multilabel_f1_micro": lambda y, p: sk.f1_score(y, p, average="micro"),
    "multilabel_f1_macro": lambda y, p: sk.f1_score(y, p, average="macro"),
    "subset_accuracy": lambda y, p: (y == p).all(1).mean(),
    "exact_match": lambda y, p: np.mean([max(own == b for own in a) for a, b in _answers(y, p)]),
    "answer_f1": lambda y, p: np.mean([max(_overlap(own, b) for own in a) for a, b in _answers(y, p)]),
}
SETS = ("multilabel_f1_micro", "multilabel_f1_macro", "subset_accuracy")
OF_THE_ORDER = {"mean_average_precision"}  # of all examples by their scores, which no sums tell
ANSWERS = ("exact_match", "answer_f1")
TAGS = ("entity_f1", "entity_precision", "entity_recall", "token_accuracy")
BINARY = ("f1", "precision", "recall")
CASES = [(name, 2) for name in REFERENCES] + [(name, 3) for name in REFERENCES if name not in BINARY]


def _entities(labels: np.ndarray, predictions: np.ndarray) -> tuple[int, int, int]:
    """The entities that both have, those predicted and the true, from the tags' text by the definition."""
    marks = {-1: "o", 0: "o", 1: "B", 2: "I", 3: "P", 4: "J"}
    found = []
    for rows in (labels, predictions):
        texts = ["".join(marks[int(tag)] for tag in row) for row in rows]
        found.append({(i, m.span(), m[0][0]) for i, text in enumerate(texts) for m in re.finditer("BI*|PJ*", text)})
    return len(found[0] & found[1]), len(found[1]), len(found[0])


def _answers(labels: np.ndarray, predictions: np.ndarray) -> list[tuple[list[list[int]], list[int]]]:
    """The right answers of each question and the given one: two of three words and one, of words above 1."""

    def words(row):
        return [int(word) for word in row if word > 1]

    return [([words(y[:3]), words(y[4:7])], words(p[:3])) for y, p in zip(labels, predictions, strict=True)]


def _overlap(right: list[int], answer: list[int]) -> float:
    both = sum(min(right.count(word), answer.count(word)) for word in set(right))
    return 2 * both / (len(right) + len(answer)) if right and answer else float(right == answer)


def example(metric: str, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray, int | None]:
    """Labels, predictions that are right more often than not, and the number of classes (None for regression)."""
    rng = np.random.default_rng(seed)
    if metric in ("pearson", "spearmanr", "mse", "mae"):
        labels = rng.integers(0, 4 * classes, N) / 4  # ties, as in STS-B
        return labels, labels + rng.normal(size=N).round(1), None
    if metric in TAGS:
        labels = rng.integers(0, 2 * classes - 1, (N, 6))
        predictions = np.where(rng.random((N, 6)) < 0.8, labels, rng.integers(0, 2 * classes - 1, (N, 6)))
        missing = np.arange(6) >= rng.integers(1, 7, N)[:, None]
        return np.where(missing, -1, labels), np.where(missing, -1, predictions), None
    if metric in ANSWERS:
        labels = np.zeros((N, 8), dtype=int)
        labels[:, [0, 1, 2, 4, 5, 6]] = rng.integers(2, 2 + 2 * classes, (N, 6))
        given = np.where(rng.random((N, 1)) < 0.4, labels[:, :3], rng.integers(2, 2 + 2 * classes, (N, 3)))
        return labels, np.concatenate([given, np.zeros((N, 1), int), np.full((N, 4), -1)], axis=1), None
    if metric in SETS:
        labels = rng.integers(0, 2, (N, 2 * classes))
        return labels, np.where(rng.random(labels.shape) < 0.9, labels, 1 - labels), None
    labels = rng.integers(0, classes, N)
    return labels, np.where(rng.random(N) < 0.7, labels, rng.integers(0, classes, N)), classes


def test_every_metric_of_the_repository_can_be_resampled():
    assert set(REFERENCES) | OF_THE_ORDER == set(metric_names())
    without = {name for name, metric in all_metrics().items() if metric.decomposition is None}
    assert without == OF_THE_ORDER
    assert make_panel("of_my_own", np.zeros(2), np.zeros((1, 2)), 2) is None


@pytest.mark.parametrize(("metric", "classes"), CASES)
def test_the_value(metric, classes):
    labels, predictions, count = example(metric, classes, seed=0)
    panel = make_panel(metric, labels, np.stack([predictions, labels]), count)
    expected = [REFERENCES[metric](labels, predictions), REFERENCES[metric](labels, labels)]
    assert panel.values == pytest.approx(expected)


@pytest.mark.parametrize(("metric", "classes"), CASES)
def test_a_resample_is_the_metric_of_the_examples_drawn(metric, classes):
    labels, predictions, count = example(metric, classes, seed=1)
    drawn = np.random.default_rng(2).integers(0, N, (5, N))
    weights = np.stack([np.bincount(row, minlength=N) for row in drawn]).astype(np.float32)
    expected = [REFERENCES[metric](labels[row], predictions[row]) for row in drawn]
    found = make_panel(metric, labels, predictions[None], count).resampled(weights)[:, 0]
    assert found == pytest.approx(expected, abs=1e-5)
    assert np.ptp(found) > 0


@pytest.mark.parametrize(("metric", "classes"), [case for case in CASES if case[0] != "spearmanr"])
def test_pseudo_values_are_the_derivative_by_an_examples_weight(metric, classes):
    labels, predictions, count = example(metric, classes, seed=6)
    panel = make_panel(metric, labels, predictions[None], count)
    step = 1e-2
    weights = np.ones((2 * N, N)) + step * np.concatenate([np.eye(N), -np.eye(N)])
    up, down = np.split(panel.resampled(weights)[:, 0], 2)
    (pseudo_values,) = panel.influence()
    assert pseudo_values == pytest.approx(panel.values[0] + N * (up - down) / (2 * step), abs=1e-3)
    assert pseudo_values.mean() == pytest.approx(panel.values[0], abs=1e-6)


def test_pseudo_values_of_accuracy_are_hits_and_misses():
    labels, predictions, count = example("accuracy", 3, seed=7)
    (pseudo_values,) = make_panel("accuracy", labels, predictions[None], count).influence()
    assert pseudo_values == pytest.approx((labels == predictions).astype(float), abs=1e-6)


def test_predictions_of_one_class_alone_count_nothing_for_matthews():
    labels = np.array([0, 1, 1, 0])
    panel = make_panel("matthews_correlation", labels, np.ones((1, 4), int), 2)
    assert panel.values == 0 and np.isfinite(panel.influence()).all()
