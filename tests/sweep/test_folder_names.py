"""Folder names: readable, one for each job, whatever its spelling."""

import pytest

from src.sweep.folder_names import MAX_LENGTH, job_name
from tests.conftest import compose_config


def name(*overrides: str) -> str:
    return job_name(overrides, compose_config(*overrides))


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], "default"),
        (["model=roberta_lsr", "model.lsr.num_terms=8"], "model=roberta_lsr,num_terms=8"),
        (["seed=0"], "seed=0"),
        (["model.lora.r=4", "seed=1"], "r=4,seed=1"),
        (["seed=1", "model.lora.r=4"], "r=4,seed=1"),
        # There are three keys of this name.
        (["training.learning_rate=1e-4"], "training.learning_rate=0.0001"),
        (["training.learning_rate=0.00010"], "training.learning_rate=0.0001"),
        (["model.lora.target_modules=[query,key]"], "target_modules=query,key"),
        (["data.max_train_samples=null"], "max_train_samples=null"),
        # These change no number.
        (["seed=2", "training.disable_tqdm=true", "sweep.fail_fast=true", "checkpoint.every=3"], "seed=2"),
        (["budget.adapter_params=24576"], "adapter_params=24576"),
    ],
)
def test_names(overrides, expected):
    assert name(*overrides) == expected


def test_a_slash_makes_no_folder_and_two_paths_make_two_names():
    one, two = name("backbone.path=a/b"), name("backbone.path=a-b")
    assert one.startswith("path=a-b-") and two == "path=a-b"


def test_long_names_are_cut_and_end_in_a_hash():
    options = ["experiment=demo", "model=roberta_lsr", "data.max_train_samples=100", "data.max_eval_samples=100"]
    options += ["training.per_device_train_batch_size=16", "training.per_device_eval_batch_size=16"]
    names = {name(*options, f"training.num_train_epochs={n}") for n in (1, 2)}
    assert len(names) == 2 and all(len(name) == MAX_LENGTH for name in names)
