"""Many examples and many classes: taken together, kept sparse, cut into blocks, and still the same distribution."""

import numpy as np
import pytest

from src.compare.statistics import features, ranks, resampling
from src.compare.statistics.panel import kinds
from src.compare.statistics.ranks import make_panel
from src.compare.statistics.resampling import CHUNK, blocks, random_groups, resample_examples
from src.metrics import metric_names
from src.metrics.metric import Reads
from src.metrics.names import get_metric

CLASSES = {"pearson": None, "mse": None, "mae": None}


def panels(metric: str, n: int, k: int = 2, seed: int = 0):
    """Two methods' runs, whose examples are of few kinds."""
    rng = np.random.default_rng(seed)
    classes = CLASSES.get(metric, 2)
    labels = rng.integers(0, 2, n)
    right = [np.where(rng.random((k, n)) < share, labels, 1 - labels) for share in (0.8, 0.75)]
    return [
        make_panel(metric, labels if classes else labels / 2, rows if classes else rows / 2, classes) for rows in right
    ]


@pytest.mark.parametrize(
    "metric",  # answers are words of a text each, and hardly two examples are alike
    [
        name
        for name in metric_names()
        if name not in ("spearmanr", "mean_average_precision", "answer_f1", "exact_match")
    ],
)
def test_examples_of_a_kind_are_drawn_together_with_the_same_distribution(metric, monkeypatch):
    """Against drawing each example on its own: mean, spread and tails, within what 20,000 draws leave open."""
    ours, _ = panels(metric, 400)
    one_by_one = resample_examples(ours, 20_000)[:, 0]
    monkeypatch.setattr(resampling, "MANY", 100)
    together = resample_examples(ours, 20_000, seed=1)[:, 0]
    spread = one_by_one.std()
    assert abs(one_by_one.mean() - together.mean()) < 5 * spread * np.sqrt(2 / 20_000)
    assert together.std() == pytest.approx(spread, rel=0.04)
    assert np.abs(np.sort(one_by_one) - np.sort(together)).mean() < 0.04 * spread, "all quantiles"


def test_kinds_are_counted_as_by_hand():
    labels, ours, theirs = (
        np.array([0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
        np.zeros((1, 12), int),
        np.zeros((1, 12), int),
    )
    theirs[0, 4] = 1
    examples, counts = kinds([make_panel("accuracy", labels, rows, 2) for rows in (ours, theirs)])
    found = {(labels[i], ours[0, i], theirs[0, i]): count for i, count in zip(examples, counts, strict=True)}
    assert found == {(0, 0, 0): 9, (1, 0, 0): 2, (1, 0, 1): 1}
    values = np.random.default_rng(0).normal(size=(1, 12))
    assert kinds([make_panel("pearson", labels, values, None)]) is None, "hardly two are alike"


@pytest.mark.parametrize("metric", ["f1_macro", "f1_weighted", "matthews_correlation"])
def test_sparse_counts_are_the_dense_ones(metric, monkeypatch):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 9, 200)
    predictions = np.where(rng.random((3, 200)) < 0.6, labels, rng.integers(0, 9, (3, 200)))
    weights = rng.integers(0, 4, (7, 200)).astype(np.float32)
    found = []
    for few in (12, 3):
        monkeypatch.setattr(features, "FEW", few)
        panel = make_panel(metric, labels, predictions, 9)
        other = panel.of([1, 2, 0])
        found.append([panel.values, panel.resampled(weights), other.values, panel.influence(),
                      panel.at(np.arange(50), np.ones(50)).resampled(weights[:, :50])])  # fmt: skip
    assert isinstance(panel.features, features.Sparse)
    for dense, sparse in zip(*found, strict=True):
        np.testing.assert_allclose(sparse, dense, rtol=1e-7, atol=1e-8)


def test_blocks_are_bounded_by_bytes_and_leave_small_comparisons_as_they_were():
    assert list(blocks(1200, 1000)) == [CHUNK, CHUNK, 200]
    for size in (100_000, 1_000_000, 10**9):
        rows = list(blocks(50, size))
        assert sum(rows) == 50 and max(rows) * size * resampling.PER_WEIGHT <= max(
            resampling.BLOCK, size * resampling.PER_WEIGHT
        )


RESAMPLED = [name for name in metric_names() if get_metric(name).decomposition is not None]


def noisy(metric: str, n: int, k: int = 2):
    """Runs of one method on examples that are hardly ever alike, or of classes."""
    rng = np.random.default_rng(3)
    reads = get_metric(metric).reads
    if reads is Reads.VALUES:
        labels = rng.normal(size=n)
        return make_panel(metric, labels, labels + rng.normal(size=(k, n)), None)
    labels = rng.integers(0, 2 if reads is Reads.POSITIVE_CLASS else 20, n)
    wrong = (labels + 1) % (labels.max() + 1)
    return make_panel(metric, labels, np.where(rng.random((k, n)) < 0.8, labels, wrong), int(labels.max()) + 1)


@pytest.mark.parametrize(("metric", "cluster"), [*((name, 1) for name in RESAMPLED), ("accuracy", 3)])
def test_groups_of_very_many_examples_leave_mean_and_error(metric, cluster, monkeypatch):
    """Against drawing each by itself: 800 groups know the error to 2.5 %, 1,500 draws to 1.8 %."""
    panel, clusters = noisy(metric, 3_000), None if cluster == 1 else np.arange(3_000) // cluster
    monkeypatch.setattr(ranks, "MANY", 1_000)  # Spearman's ranks are given numbers in both
    exact = resample_examples(panel, 1_500, clusters=clusters)[:, 0]
    monkeypatch.setattr(resampling, "VERY_MANY", 900)
    monkeypatch.setattr(resampling, "GROUPS", 800)
    monkeypatch.setattr(resampling, "MANY", 3_000)  # no kinds
    grouped = resample_examples(panel, 1_500, clusters=clusters)[:, 0]
    assert grouped.mean() == pytest.approx(exact.mean(), abs=0.15 * exact.std())
    assert grouped.std() == pytest.approx(exact.std(), rel=0.12)
    assert not np.array_equal(grouped, exact)


def test_a_group_of_each_example_is_the_exact_path(monkeypatch):
    """The same draws of things that happen to be single examples: the same metrics."""
    for few in (12, 30):  # sparse and dense
        monkeypatch.setattr(features, "FEW", few)
        panel = noisy("f1_macro", 300)
        weights = np.random.default_rng(0).integers(0, 4, (9, 300)).astype(np.float32)
        gathered = panel.gathered(np.arange(300), 300)
        np.testing.assert_allclose(gathered.resampled(weights), panel.resampled(weights), rtol=1e-6)
        pairs = panel.gathered(np.arange(300) // 2, 150).resampled(weights[:, :150])
        np.testing.assert_allclose(pairs, panel.resampled(np.repeat(weights[:, :150], 2, axis=1)), rtol=1e-6)
        monkeypatch.setattr(features, "LARGEST", 0)
        np.testing.assert_allclose(panel.gathered(np.arange(300) // 2, 150).resampled(weights[:, :150]), pairs)
        monkeypatch.undo()


def test_groups_are_of_one_size_and_always_the_same():
    groups = random_groups(123_457)
    counts = np.bincount(groups, minlength=resampling.GROUPS)
    assert len(counts) == resampling.GROUPS and set(counts) == {6, 7}
    assert np.array_equal(groups, random_groups(123_457)) and abs(np.corrcoef(groups[1:], groups[:-1])[0, 1]) < 0.02
    assert resampling.GROUPS < resampling.VERY_MANY, "no group is empty"
