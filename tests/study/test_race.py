"""A race drops what is clearly behind on held-out rows, and never the baseline."""

import math
from types import SimpleNamespace

import pytest

from src.study.race import judge
from tests.study.test_question import parsed


def arms(*methods, metric="accuracy"):
    config = SimpleNamespace(data=SimpleNamespace(primary_metric=metric))
    return [SimpleNamespace(method=method, name=f"t_{method}", task="t", config=config) for method in methods]


def dropped(scores, metric="accuracy", rows=200, most=2):
    question = parsed(race={"share": 0.3, "most": most})
    own = arms(*scores, metric=metric)
    laps = judge(question, own, {arm.name: (scores[arm.method], rows) for arm in own})
    return {name.removeprefix("t_") for name, lap in laps.items() if lap.dropped}


def test_by_the_definition():
    """0.9 on 200 rows: two standard errors of a difference are 2 sqrt(2 x 0.9 x 0.1 / 200) = 0.06."""
    assert dropped({"full": 0.9, "a": 0.841, "b": 0.839}) == {"b"}
    assert dropped({"full": 0.9, "a": 0.841, "b": 0.839}, rows=20) == set()


def test_the_baseline_goes_on_whatever_it_shows():
    assert dropped({"full": 0.5, "a": 0.9, "b": 0.9}) == set()


def test_of_many_that_are_alike_the_first_go_on():
    assert dropped({"full": 0.9, "a": 0.88, "b": 0.89, "c": 0.87}) == {"c"}


@pytest.mark.parametrize("score", [None, math.nan])
def test_one_without_a_score(score):
    assert dropped({"full": 0.9, "a": score, "b": 0.9}) == {"a"}


def test_of_an_error_less_is_better():
    assert dropped({"full": 1.0, "a": 1.4, "b": 1.6}, metric="mse") == {"b"}
