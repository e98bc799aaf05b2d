"""The groups debug and local: short runs, and what one machine sets; a normal run knows nothing of them."""

import re
import shutil
import subprocess

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from src.config import validate
from src.config.choices import choices
from src.runs.identity import config_hash
from src.utils.keys import leaves
from src.utils.paths import CONF, ROOT
from tests.conftest import compose_config


@pytest.fixture
def conf(tmp_path):
    """A copy of conf that a test may change."""
    copied = shutil.copytree(CONF, tmp_path / "conf")
    (copied / "local" / "default.yaml").unlink(missing_ok=True)
    return copied


def plain(cfg) -> dict:
    config = OmegaConf.to_container(cfg, resolve=False)
    config["sweep"].pop("dir")  # has the time in it
    return config


def composed(conf, *overrides: str) -> dict:
    with initialize_config_dir(str(conf), version_base="1.3"):
        return compose("config", overrides=list(overrides))


@pytest.mark.parametrize("overrides", [[], ["experiment=demo", "model=roberta_lsr"], ["data=mix"]])
def test_a_normal_run_is_what_it_is_without_the_groups(conf, overrides):
    with_groups = composed(conf, *overrides)
    file = conf / "config.yaml"
    text = re.sub(r"^  - (debug|optional local): .*\n", "", file.read_text(), flags=re.MULTILINE)
    assert len(file.read_text().splitlines()) - len(text.splitlines()) == 2
    file.write_text(text)
    without = composed(conf, *overrides)
    assert plain(with_groups) == plain(without)
    hashes = {config_hash(OmegaConf.to_container(cfg, resolve=True)) for cfg in (with_groups, without)}
    assert len(hashes) == 1


@pytest.mark.parametrize("name", choices("debug"))
@pytest.mark.parametrize("experiment", ["none", "demo"])
def test_every_debug_run_is_short_and_stands_above_the_experiment(name, experiment):
    normal, short = (
        compose_config(f"experiment={experiment}"),
        compose_config(f"experiment={experiment}", f"debug={name}"),
    )
    validate(short)
    keys = [{key for key, _ in leaves(OmegaConf.to_container(cfg, resolve=False))} for cfg in (normal, short)]
    assert keys[0] == keys[1], "no key but those of every config"
    steps = short.training.num_train_epochs * short.data.max_train_samples / short.training.per_device_train_batch_size
    assert steps <= 160 and short.data.max_eval_samples <= 32
    assert short.sweep.dir.startswith("multirun/debug/")
    assert config_hash(OmegaConf.to_container(normal, resolve=True)) != config_hash(
        OmegaConf.to_container(short, resolve=True)
    ), "no comparison takes it for a real run"


def test_the_command_line_stands_above_debug():
    cfg = compose_config("experiment=demo", "debug=overfit", "training.num_train_epochs=2", "sweep.dir=elsewhere")
    assert cfg.training.num_train_epochs == 2 and cfg.sweep.dir == "elsewhere"


def test_what_this_machine_sets_is_read_where_it_exists(conf):
    (conf / "local" / "default.yaml").write_text("# @package _global_\ndata:\n  dir: /data/glue\nseed: 7\n")
    cfg = composed(conf, "experiment=demo")
    assert cfg.data.dir == "/data/glue" and cfg.seed == 7 and cfg.backbone.name == "nano"
    assert composed(conf, "experiment=demo", "seed=1").seed == 1, "the command line stands above it"


def test_what_this_machine_sets_is_in_no_repository():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    ignored = subprocess.run(["git", "check-ignore", "-q", "conf/local/default.yaml"], cwd=ROOT, timeout=60)
    kept = subprocess.run(["git", "check-ignore", "-q", "conf/local/.gitkeep"], cwd=ROOT, timeout=60)
    assert (ignored.returncode, kept.returncode) == (0, 1)


@pytest.mark.slow
def test_overfit_learns_its_rows_by_heart(tmp_path):
    import json

    from src.training.run import run_job

    run_job(compose_config("experiment=demo", "debug=overfit", "training.disable_tqdm=true"), tmp_path)
    history = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in history if line["event"] == "train" and "loss" in line]
    assert losses[0] > 0.5 and losses[-1] < 0.05
