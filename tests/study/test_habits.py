"""What habits would have claimed, held against numbers worked out by hand."""

from types import SimpleNamespace

import pytest

from src.study.answer import Judged
from src.study.habits import best_epoch, interpolate, one_seed, shared_rate
from src.study.looks import Finding
from tests.study.test_question import parsed

QUESTION = parsed(methods=["roberta_full", "roberta_lora", "roberta_head"])  # margin 0.02


def entry(method, values, verdict=None, best=0.0, lower=False):
    row = SimpleNamespace(seeds=[1, 2, 3], values=values, mean=sum(values) / 3, best=sum(values) / 3 + best)
    finding = verdict and Finding("t", method, 3, verdict, "settled", 1, (0.0, 0.0, 0.0, 0.1))
    return Judged(method, SimpleNamespace(lower_is_better=lower), row, finding)  # type: ignore[arg-type]


def test_claims_of_single_seeds():
    """lora: +0.05, -0.03, 0.00 of which two are beyond 0.02, and undecided; head: three times worse, as the verdict."""
    own = [
        entry("full", [0.80, 0.80, 0.80]),
        entry("lora", [0.85, 0.77, 0.80], "undecided"),
        entry("head", [0.70, 0.70, 0.70], "worse"),
    ]
    said = one_seed(QUESTION, own)
    assert said.startswith(
        "one seed each: 5 differences to full beyond 0.02 would have been claimed, 2 of them are not"
    )
    assert said.endswith("the best with 2 of 3 seeds (full in place of lora)"), "a tie goes to the first"


def test_of_an_error_less_is_better():
    own = [entry("full", [1.0] * 3, lower=True), entry("lora", [0.9] * 3, "better", lower=True)]
    assert "3 differences to full" in one_seed(QUESTION, own) and "0 of them are not" in one_seed(QUESTION, own)


def test_without_the_baseline_nothing_is_said():
    assert one_seed(QUESTION, [entry("lora", [0.9] * 3, "better")]) is None


def test_the_best_epoch():
    own = [entry("full", [0.80] * 3, best=0.00), entry("lora", [0.79] * 3, "worse", best=0.03)]
    assert best_epoch(own) == (
        "the epoch picked on the dev set: scores change by +0.0150 on average, lora's by +0.0300; "
        "1 of 1 pairs change their order"
    )


def test_a_rate_for_all():
    """Scores linear in log(rate): full falls from 1 to 0 over two decades, lora rises; they cross in the middle."""
    trials = {"full": [(1e-4, 1.0), (1e-2, 0.0)], "lora": [(1e-2, 1.1), (1e-4, 0.0)]}
    said = shared_rate(trials, False)
    assert said.startswith("one learning rate for all, from 1.0e-04 to 1.0e-02")
    assert "lora at 52 %, full at 48 % of the rates" in said
    assert said.endswith("each at its own best rate: lora")
    assert shared_rate(trials, True).endswith("full")


@pytest.mark.parametrize(
    "trials",
    [{}, {"full": [(1e-3, 0.5), (1e-2, 0.5)]}, {"full": [(1e-4, 0.1), (1e-3, 0.1)], "lora": [(1e-2, 1.0), (1e-1, 1.0)]},
     {"full": [(1e-4, 0.1)], "lora": [(1e-2, 1.0), (1e-1, 1.0)]}],
)  # fmt: skip
def test_no_rate_for_all(trials):
    assert shared_rate(trials, False) is None


def test_between_two_rates_by_the_logarithm():
    assert interpolate([(1e-4, 0.0), (1e-2, 1.0)], 1e-3) == pytest.approx(0.5)
    assert interpolate([(1e-3, 0.25), (1e-3, 0.5)], 1e-3) == 0.25
