"""What a study's trials differ in from its runs: fewer epochs, and a part of the search space."""

import pytest
from omegaconf import OmegaConf

from src.study.study_arms import StudyArm
from src.study.tuning import trial_overrides
from src.utils.errors import UserError
from tests.study.test_question import parsed

CONFIG = OmegaConf.create(
    {"training": {"num_train_epochs": 6}, "model": {"search": {"learning_rate": {}, "head_learning_rate": {}, "r": {}}}}
)
ARM = StudyArm("lora", "cola", ["data=cola", "model=roberta_lora"], CONFIG, {})


def own(**tuning):
    words = trial_overrides(parsed(tuning={"trials": 4, **tuning}), ARM)
    assert words[:2] == ARM.overrides
    return [word for word in words[2:] if not word.startswith("tune.")]


def test_trials_are_as_the_runs_unless_the_study_says_more():
    assert own() == []


def test_a_share_of_the_epochs():
    assert own(share=0.5) == ["training.num_train_epochs=3"]


def test_a_part_of_the_space():
    assert own(space=["learning_rate", "alpha"]) == ["~model.search.head_learning_rate", "~model.search.r"]


def test_a_space_that_holds_nothing_of_a_method_is_refused():
    with pytest.raises(
        UserError, match=r"study\.tuning\.space=\['rank'\]: lora searches none .*but learning_rate, head"
    ):
        own(space=["rank"])


@pytest.mark.parametrize("share", [0, 1.5, -1, "half"])
def test_a_share_is_one(share):
    with pytest.raises(UserError, match="0 < float <= 1"):
        parsed(tuning={"trials": 4, "share": share})
