"""Several processes on one run: one folder, one record, every row predicted once."""

import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from src.cli import ROOT
from tests.conftest import NANO


@pytest.mark.slow
def test_torchrun_trains_one_run_with_two_processes(tmp_path):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "main.py"]
    options = [*NANO, "training.num_train_epochs=1", "training.use_cpu=true", f"hydra.run.dir={tmp_path}/run"]
    done = subprocess.run([*launcher, *options], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    record = json.loads((tmp_path / "run" / "result.json").read_text())
    assert record["status"] == "ok"
    table = pq.read_table(tmp_path / "run" / "predictions.parquet").to_pandas()
    assert len(table) == 32 and table["index"].is_unique
    steps = [json.loads(line)["step"] for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    # 72 training rows (80 less a tenth held out) in batches of 2 x 16.
    assert max(steps) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [["model=roberta_lora"], ["model=roberta_lsr", "model.lsr.coupling=sum_of_products"], ["model=roberta_hydralora"]],
    ids=["plain", "made again in backward", "gated"],
)
def test_two_processes_give_the_numbers_of_one_with_twice_the_batch(model, train, tmp_path):
    """Losses within 1e-4: gradients are summed in another order. (nano has no dropout: masks would differ.)"""
    # 80 rows less a fifth held out are 64: four whole batches of 16. Every split divides by two: with an odd one the
    # Trainer counts a row twice in the evaluation's loss (not in its predictions and metrics).
    common = [*model, "data.max_train_samples=80", "data.holdout_fraction=0.2", "training.num_train_epochs=2"]
    one = train(*common, "training.per_device_train_batch_size=16")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "main.py"]
    options = [*NANO, *common, "training.per_device_train_batch_size=8", "training.use_cpu=true"]
    done = subprocess.run(
        [*launcher, *options, f"hydra.run.dir={tmp_path}/run"], cwd=ROOT, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    losses = {}
    for name, folder in (("one", one), ("two", tmp_path / "run")):
        lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
        losses[name] = [line["loss"] for line in lines if line["event"] in ("train", "eval")]
    assert len(losses["one"]) == 4 + 2 * 2, "four log lines, two evaluations of two splits"
    assert losses["two"] == pytest.approx(losses["one"], abs=1e-4)
    assert len(set(losses["one"])) == len(losses["one"]), "they move"
    scores = [json.loads((folder / "result.json").read_text())["metrics"]["last"] for folder in (one, tmp_path / "run")]
    assert scores[0]["accuracy"] == pytest.approx(scores[1]["accuracy"], abs=1 / 32), "one row of 32 may tip over"
