"""Each launcher runs the same sweep for real, and gives the numbers that the serial one gives."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from src.cli import CONF, ROOT
from tests.conftest import NANO

TINY = [*NANO, "data.max_train_samples=40", "data.max_eval_samples=16", "training.max_steps=2"]
SWEPT = ["model=roberta_lora,roberta_hydralora", "seed=range(3)"]
PACKAGES = {"joblib": "hydra_joblib_launcher", "submitit": "hydra_submitit_launcher", "ray": "hydra_ray_launcher"}
LAUNCHERS = sorted(path.stem for path in (CONF / "hydra" / "launcher").glob("*.yaml"))


def sweep(folder: Path, *options: str) -> dict[str, tuple]:
    """Run six jobs; what has to be equal of every one."""
    command = [sys.executable, "main.py", *TINY, "--multirun", *SWEPT, f"sweep.dir={folder}", *options]
    # One thread each, however many run at a time: sums of several threads may round otherwise.
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=1500
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "6 jobs: 6 ok, 0 failed" in done.stdout
    found = {}
    for path in folder.glob("*/result.json"):
        record = json.loads(path.read_text())
        table = pq.read_table(path.parent / "predictions.parquet").to_pydict()
        found[path.parent.name] = record["metrics"], record["batches_fingerprint"], record["identity"], table
    return found


def missing(launcher: str) -> str | None:
    module = PACKAGES.get(launcher.partition("_")[0])
    if module is None or importlib.util.find_spec(f"hydra_plugins.{module}") is not None:
        return None
    return f"needs {module}: pip install -r requirements-sweep.txt"


@pytest.fixture(scope="module")
def serial(tmp_path_factory) -> dict[str, tuple]:
    found = sweep(tmp_path_factory.mktemp("serial") / "sweep")
    assert len(found) == 6
    return found


@contextmanager
def ray_cluster(folder: Path) -> Iterator[dict[str, str]]:
    """A head without CPUs and two workers of one CPU each, as three separate ``ray start``."""
    ray = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--disable-usage-stats"]
    port, processes = 20000 + os.getpid() % 20000, []
    log = (folder / "ray.log").open("w")
    # Ray asks for a token where a local sweep has left one in the home folder, and sends none to RAY_ADDRESS.
    open_ = {"RAY_AUTH_MODE": "disabled"}
    quiet = {"RAY_DISABLE_IMPORT_WARNING": "1", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"} | open_
    temporary = Path("/tmp") / f"ray{os.getpid()}"  # sockets' paths have to be short
    try:
        for options in (
            ["--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false", f"--temp-dir={temporary}"],
            [f"--address=127.0.0.1:{port}", "--num-cpus=1"],
            [f"--address=127.0.0.1:{port}", "--num-cpus=1"],
        ):
            options += ["--object-store-memory=80000000", "--node-ip-address=127.0.0.1"]
            processes.append(subprocess.Popen([*ray, *options], stdout=log, stderr=log, env=os.environ | quiet))
            time.sleep(10)
        yield {"RAY_ADDRESS": f"127.0.0.1:{port}"} | open_
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()
        log.close()
        shutil.rmtree(temporary, ignore_errors=True)


# Serial is what the others are compared with, there is no Slurm here, and packed sums in another order (tests/packed).
@pytest.mark.slow
@pytest.mark.skipif("PEFT_VERDICT_LONG" not in os.environ, reason="many minutes: set PEFT_VERDICT_LONG=1 to run it")
@pytest.mark.parametrize("launcher", [own for own in LAUNCHERS if own not in ("serial", "submitit_slurm", "packed")])
def test_a_launcher_gives_the_serial_numbers(launcher, serial, tmp_path, monkeypatch):
    if reason := missing(launcher):
        pytest.skip(reason)
    options = [f"hydra/launcher={launcher}"]
    if launcher == "gpus":
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        options += ["hydra.launcher.slots=2"]
    if launcher == "joblib":
        options += ["hydra.launcher.n_jobs=2"]
    if launcher == "ray":
        options += ["+hydra.launcher.ray.init.num_cpus=2"]
    if launcher != "ray_cluster":
        assert sweep(tmp_path / "sweep", *options) == serial
        return
    with ray_cluster(tmp_path) as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert sweep(tmp_path / "sweep", *options) == serial


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_the_known_traps_are_closed(launcher):
    """Each of these has cost someone a day."""
    cfg = OmegaConf.load(CONF / "hydra" / "launcher" / f"{launcher}.yaml")
    if launcher.startswith("ray"):
        assert cfg.ray.remote.max_retries == 0, "a crashed job would silently run four times"
    if launcher == "ray_cluster":
        assert "object_store_memory" in cfg.ray.init and cfg.ray.init.object_store_memory is None
        assert {"/outputs", "/multirun"} <= set(cfg.ray.init.runtime_env.excludes)
    if launcher == "submitit_slurm":
        assert cfg.gpus_per_node == 1, "submitit hides the GPUs otherwise"
