"""Several tasks as one: records, rows, quotas and means."""

import math
import subprocess
import sys

import numpy as np
import pytest
from omegaconf import OmegaConf

from src.cli import ROOT
from src.config import validate
from src.config.task_records import task_records
from src.data.load import load_data
from src.data.mixed import load_mix, quotas
from src.utils.errors import UserError
from tests.conftest import NANO, compose_config

SMALL = {"train": 200, "validation": 40, "test": 40}
TASKS = "data.tasks=[synth_entailment,synth_similarity]"


def mixed(*overrides: str):
    config = OmegaConf.to_container(compose_config(*NANO, "data=mix", TASKS, *overrides), resolve=True)
    for record in config["data"]["sources"]["own"]["records"].values():
        record["sources"]["synthetic"] |= SMALL
    return config["data"]


def test_each_task_of_a_mix_has_the_rows_that_it_has_alone():
    data = load_mix(mixed(), holdout=True)
    for name, part in data.parts.items():
        small = [f"data.sources.synthetic.{split}={rows}" for split, rows in SMALL.items()]
        alone = load_data(compose_config(*NANO, f"data={name}", *small).data, holdout=True)
        assert part.fingerprint == alone.fingerprint
        assert part.splits["train"]["text"][:] == alone.splits["train"]["text"][:]
    other = load_mix(mixed("data.max_train_samples=159"), holdout=True)
    assert other.fingerprint != data.fingerprint


def test_rows_carry_their_task_and_keep_their_labels():
    from src.backbones.backbone import load_backbone

    tokenizer = load_backbone({"name": "nano", "path": "assets/nano"}, label_names=("0", "1"), seed=0).tokenizer
    data = load_mix(mixed(), holdout=True)
    rows = data.encode(tokenizer, 64)
    assert set(rows) == {"train"} | set(data.split_tasks())
    assert set(data.split_tasks()) == {f"{name}/{split}" for name in data.parts for split in ("holdout", "validation")}
    train = rows["train"]
    for number, part in enumerate(data.parts.values()):
        own = np.asarray(train["labels"][:])[np.asarray(train["task"][:]) == number]
        np.testing.assert_allclose(own, part.splits["train"]["label"][:], rtol=1e-6)
    assert set(rows["synth_similarity/validation"]["task"][:]) == {1}


@pytest.mark.parametrize(
    ("sampling", "temperature", "expected"),
    [
        ("size", 1.0, [900, 100]),
        ("equal", 1.0, [500, 500]),
        ("temperature", 1.0, [900, 100]),
        ("temperature", 2.0, [750, 250]),  # sqrt: 30 to 10
        ("temperature", 1e9, [500, 500]),
    ],
)
def test_quotas_follow_their_definition(sampling, temperature, expected):
    assert quotas([900, 100], sampling, temperature) == expected


def test_quotas_fill_the_epoch_and_forget_no_task():
    assert sum(quotas([7, 5, 3], "equal", 1.0)) == 15 and sum(quotas([10, 10, 11], "temperature", 3.0)) == 31
    assert quotas([100000, 1], "size", 1.0)[1] == 1


def test_the_mean_is_that_of_the_primary_metrics():
    data = load_mix(mixed(), holdout=False)
    metrics = {
        "synth_entailment/validation": {"accuracy": 0.5, "loss": 1.0},
        "synth_similarity/validation": {"pearson": 0.1, "spearmanr": 0.9, "loss": 2.0},
    }
    found = data.with_means(metrics)
    assert found["validation"]["mean"] == pytest.approx(0.3) and "holdout" not in found
    assert found["validation"]["synth_similarity/spearmanr"] == 0.9
    assert {split: found[split] for split in metrics} == metrics
    metrics["synth_similarity/validation"]["pearson"] = math.nan
    assert math.isnan(data.with_means(metrics)["validation"]["mean"])


@pytest.mark.parametrize(
    ("tasks", "source", "says"),
    [
        (["mrpc"], "own", "two or more different tasks"),
        (["mrpc", "mrpc"], "own", "two or more different tasks"),
        ("mrpc", "own", "list"),
        (["mrpc", "rtee"], "own", "did you mean rte"),
        (["mrpc", "mix"], "own", "there is no task mix"),
        (["mrpc", "synth_entailment"], "tsv", "synth_entailment can be read from synthetic"),
    ],
)
def test_tasks_that_cannot_be_mixed_are_refused(tasks, source, says):
    with pytest.raises(UserError, match=says):
        task_records(tasks, source, None)


def test_records_are_resolved():
    found = task_records(["mrpc", "rte"], "tsv", "somewhere")
    assert found["mrpc"]["sources"]["tsv"]["dir"] == "somewhere"
    assert found["rte"]["sources"]["tsv"]["label_names"] == found["rte"]["label_names"]


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("data.mix.sampling=often", "data.mix.sampling='often' breaks the rule: size | equal | temperature"),
        ("data.mix.temperature=0", "data.mix.temperature=0 breaks the rule: float > 0"),
        ("+data.mix.heat=1", "data.mix.heat is not a key of the config"),
        ("data.source=synthetic", "breaks the rule: own | hub | tsv"),
        ("training.label_smoothing_factor=0.1", "does not fit data=mix"),
    ],
)
def test_wrong_values_are_refused(override, says):
    with pytest.raises(UserError) as error:
        validate(compose_config(*NANO, "data=mix", TASKS, override))
    assert says in str(error.value)


def test_a_wrong_task_is_answered_on_the_command_line(tmp_path):
    command = [sys.executable, "main.py", "experiment=demo", "data=mix", "data.tasks=[mrpc,colla]"]
    done = subprocess.run([*command, f"hydra.run.dir={tmp_path}"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "error: data.tasks: there is no task colla; did you mean cola?"
