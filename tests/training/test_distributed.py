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
    assert len(table) == 64 and table["index"].is_unique
    steps = [json.loads(line)["step"] for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    # 144 training rows (160 less a tenth held out) in batches of 2 x 32.
    assert max(steps) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
