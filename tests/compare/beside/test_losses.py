"""Calibration from logits against scikit-learn and spelled-out definitions."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from src.compare.beside.losses import BINS, LOSSES, brier, ece, nll


def example(classes=3, size=400, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, size)
    return rng.normal(0, 2, (size, classes)) + 1.5 * np.eye(classes)[labels], labels


def test_the_likelihood_is_scikit_learns():
    logits, labels = example()
    assert nll(logits, labels).values.mean() == pytest.approx(log_loss(labels, softmax(logits, axis=1)))


@pytest.mark.parametrize("classes", [2, 4])
def test_briers_score_by_its_definition(classes):
    logits, labels = example(classes)
    chances = softmax(logits, axis=1)
    expected = np.mean(
        [sum((p - (c == y)) ** 2 for c, p in enumerate(row)) for row, y in zip(chances, labels, strict=True)]
    )
    assert brier(logits, labels).values.mean() == pytest.approx(expected)
    if classes == 2:
        assert expected == pytest.approx(2 * np.mean((chances[:, 1] - labels) ** 2))


def test_the_calibration_error_by_its_definition():
    """Bins of equal mass in the order of confidence; no two confidences are equal here."""
    logits, labels = example(size=450)
    confidence, right = softmax(logits, axis=1).max(1), logits.argmax(1) == labels
    order = np.argsort(confidence)
    expected = sum(
        len(own) / 450 * abs(confidence[own].mean() - right[own].mean()) for own in np.array_split(order, BINS)
    )
    found = ece(logits, labels)
    assert found.values.mean() == pytest.approx(expected)
    assert np.bincount(found.bins).tolist() == [30] * BINS


def test_equal_confidences_share_a_bin():
    logits = np.zeros((100, 2))
    logits[:, 0] = 2.0
    labels = (np.arange(100) % 4 == 0).astype(np.int64)  # right in 75 %
    found = ece(logits, labels)
    assert len(np.unique(found.bins)) == 1
    assert found.values.mean() == pytest.approx(abs(1 / (1 + np.exp(-2)) - 0.75))


def test_a_calibrated_classifier_has_next_to_none_on_many_examples():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (60_000, 2))
    labels = (rng.random(60_000) < softmax(logits, axis=1)[:, 1]).astype(np.int64)
    assert ece(logits, labels).values.mean() < 0.008
    assert ece(2 * logits, labels).values.mean() > 0.05  # and twice as sure of itself it is not


@pytest.mark.parametrize("name", LOSSES)
def test_a_resample_is_the_loss_of_the_drawn_examples(name):
    """With the bins as they are: of each the drawn gaps are summed before the sign is taken away."""
    logits, labels = example(2, 200)
    found = LOSSES[name](logits, labels)
    counts = np.random.default_rng(2).multinomial(200, np.full(200, 1 / 200), size=3)
    for resampled, own in zip(found.resampled(counts.astype(np.float32)), counts, strict=True):
        values = np.repeat(found.values, own)
        if found.bins is None:
            expected = values.mean()
        else:
            bins = np.repeat(found.bins, own)
            expected = sum(abs(values[bins == b].sum()) for b in np.unique(bins)) / 200
        assert resampled == pytest.approx(expected, rel=1e-5)


def test_extreme_logits_are_no_numbers_that_overflow():
    found = nll(np.array([[1e4, -1e4], [1e4, -1e4]]), np.array([0, 1]))
    assert found.values.tolist() == [0.0, 2e4]
