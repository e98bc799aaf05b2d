"""Before a study runs: its plan is written once, and its power is that of a simulation."""

import json

import numpy as np
import pytest

from src.runs.identity import code_version
from src.study.locked_plan import lock, plan_hash, read_plan
from src.study.power import detectable, needed
from src.study.study_arms import StudyArm
from src.study.study_folder import PLAN
from src.utils.errors import UserError
from tests.study.test_question import parsed

IDENTITY = {"config": "c", "data": "d", "backbone": "b", "code": "1"}


def arms(**changes) -> list[StudyArm]:
    return [StudyArm(method, "synth_paraphrase", [], None, IDENTITY | changes) for method in ("full", "lora")]  # type: ignore[arg-type]


def test_a_plan_is_locked_once_and_read_back(tmp_path):
    first = lock(tmp_path, parsed(), arms())
    assert lock(tmp_path, parsed(), arms()) == first == read_plan(tmp_path)
    assert first.question == parsed() and first.hash == plan_hash(parsed(), arms())


@pytest.mark.parametrize(
    ("change", "told"),
    [({"margin": 0.5}, "other margin"), ({"seeds": {"first": 5}}, "other seeds"), ({"settings": ["experiment=demo"]},
     "other settings")],
)  # fmt: skip
def test_another_study_does_not_take_its_place(change, told, tmp_path):
    lock(tmp_path, parsed(), arms())
    before = (tmp_path / PLAN).read_bytes()
    with pytest.raises(UserError, match=told):
        lock(tmp_path, parsed(**change), arms())
    assert (tmp_path / PLAN).read_bytes() == before


@pytest.mark.parametrize("part", ["config", "data", "backbone"])
def test_nor_other_files_behind_the_same_words(part, tmp_path):
    lock(tmp_path, parsed(), arms())
    with pytest.raises(UserError, match="behind the same words"):
        lock(tmp_path, parsed(), arms(**{part: "another"}))


def test_other_code_and_packages_are_told(tmp_path):
    lock(tmp_path, parsed(), arms())
    fields = json.loads((tmp_path / PLAN).read_text())
    fields["environment"]["versions"]["torch"] = "1.0"
    fields["code"] = "before"
    (tmp_path / PLAN).write_text(json.dumps(fields))
    differs = read_plan(tmp_path).differs
    assert lock(tmp_path, parsed(), arms()).differs == differs
    assert f"the code is {code_version()}, and was before" in differs
    assert any("torch is" in text and "was 1.0" in text for text in differs)


def test_every_field_of_a_strangers_plan_is_checked(tmp_path):
    lock(tmp_path, parsed(), arms())
    fields = json.loads((tmp_path / PLAN).read_text())
    for key in fields:
        for value in (None, [], 7.5, "\x00"):
            if value != fields[key] and not (isinstance(value, str) and isinstance(fields[key], str)):
                (tmp_path / PLAN).write_text(json.dumps(fields | {key: value}))
                with pytest.raises(UserError, match="plan"):
                    read_plan(tmp_path)
    for text in ("", "[]", "{" * 5000, "nan"):
        (tmp_path / PLAN).write_text(text)
        with pytest.raises(UserError):
            read_plan(tmp_path)


def test_the_power_is_that_of_a_simulation():
    """400 examples, two methods that disagree on a tenth: the promised difference is shown in about 80 %."""
    rng = np.random.default_rng(1)
    n, comparisons, disagree = 400, 4, 0.1
    gap = detectable(n, comparisons, 0.05, disagree)
    up = (disagree + gap) / 2
    draws = rng.choice([1, -1, 0], p=[up, disagree - up, 1 - disagree], size=(4_000, n))
    z = draws.mean(1) / (draws.std(1) / np.sqrt(n))
    assert 0.75 < (z > 2.4977).mean() < 0.87, "2.4977 is the normal quantile at 1 - 0.05 / 8"


def test_as_many_examples_as_are_needed_show_equivalence():
    rng = np.random.default_rng(2)
    margin, comparisons, disagree = 0.05, 2, 0.1
    n = needed(margin, comparisons, 0.05, disagree)
    draws = rng.choice([1, -1, 0], p=[disagree / 2, disagree / 2, 1 - disagree], size=(4_000, n))
    reach = 1.95996 * draws.std(1) / np.sqrt(n)  # one-sided at 0.05 / 2
    assert 0.75 < (np.abs(draws.mean(1)) + reach < margin).mean() < 0.87
