"""Every key of every launcher in conf/hydra/launcher has a rule."""

from typing import Any

import pytest
from omegaconf import OmegaConf

from src.cli import CONF
from src.config.launchers import RULES, check_launcher
from src.utils.errors import UserError

LAUNCHERS = sorted(path.stem for path in (CONF / "hydra" / "launcher").glob("*.yaml"))


def node(name: str) -> dict[str, Any]:
    return OmegaConf.to_container(OmegaConf.load(CONF / "hydra" / "launcher" / f"{name}.yaml"))  # type: ignore[return-value]


@pytest.mark.parametrize("name", LAUNCHERS)
def test_the_yaml_keeps_its_rules_and_every_key_has_one(name):
    launcher = node(name)
    check_launcher(launcher)
    assert set(launcher) - {"_target_"} == set(RULES[launcher["_target_"].rpartition(".")[2]])


@pytest.mark.parametrize("name", LAUNCHERS)
def test_every_key_refuses_what_it_cannot_be(name):
    for key in set(node(name)) - {"_target_"}:
        with pytest.raises(UserError, match=f"hydra.launcher.{key}=.* breaks the rule"):
            check_launcher(node(name) | {key: [[1]]})
    with pytest.raises(UserError, match=r"hydra\.launcher\.slotss is not a key"):
        check_launcher(node(name) | {"slotss": 1})


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("serial", "slots", -1), ("serial", "slots", 0), ("gpus", "jobs_per_gpu", 0), ("packed", "max_jobs", 0),
        ("packed", "memory_share", 1.5), ("joblib", "n_jobs", 0), ("submitit_local", "timeout_min", -1),
        ("submitit_slurm", "array_parallelism", 0),
    ],
)  # fmt: skip
def test_a_number_of_jobs_is_positive(name, key, value):
    with pytest.raises(UserError, match=f"hydra.launcher.{key}={value} breaks the rule"):
        check_launcher(node(name) | {key: value})


@pytest.mark.parametrize("values", [{"remote": {"num_cpus": -1}}, {"init": {"address": 3}}, {"remote": 3}])
def test_rays_own_options_have_types(values):
    launcher = node("ray")
    with pytest.raises(UserError, match=r"hydra.launcher.ray\."):
        check_launcher(launcher | {"ray": launcher["ray"] | values})


def test_a_launcher_of_another_package_is_left_to_it():
    check_launcher({"_target_": "somebodys.Launcher", "anything": [[1]]})
