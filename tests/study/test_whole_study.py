"""A study with everything: race, tuning, several looks; killed again and again, it comes to the same records."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from src.commands.predict import main as predict
from src.commands.study import main as study
from src.commands.verify import main as verify
from src.study.evidence import read_evidence
from src.utils.paths import ROOT
from tests.study.test_study import TINY

pytestmark = pytest.mark.slow

WHOLE = {
    "question": "Which, with all that a study can do?",
    "methods": ["roberta_full", "roberta_lora", "roberta_head"],
    "tasks": ["synth_paraphrase"],
    "settings": ["experiment=demo", *TINY],
    "baseline": "full",
    "margin": 0.25,
    "seeds": {"first": 3, "most": 5, "step": 1},
    "tuning": {"trials": 2},
    "race": {"share": 0.5, "most": 2},
}
KILLS = 3
LONGEST = 400  # seconds of one process


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The study run without a break."""
    pytest.importorskip("optuna", reason="Optuna is not installed")
    base = tmp_path_factory.mktemp("whole")
    (base / "mine.yaml").write_text(yaml.safe_dump(WHOLE))
    study([str(base / "mine.yaml"), f"sweep.dir={base / 'folder'}"])
    return base


def finished(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("result.json") if '"status": "ok"' in path.read_text()]


def test_its_parts_are_there(whole, capsys):
    folder = whole / "folder"
    evidence = read_evidence(folder)
    assert len(evidence.laps) == 3 and len(evidence.looks) > 1
    assert all(evidence.chosen[arm] for arm in set(evidence.runs.values())), "each arm was tuned"
    page = (folder / "report.html").read_text()
    assert 'id="tuning"' in page and json.loads((folder / "plan.json").read_text())["hash"] in page
    assert verify([str(folder)]) == 0
    assert "the plan is what its hash says" in capsys.readouterr().out
    predict([str(folder), "--text", "one", "--text2", "two"])
    said = capsys.readouterr()
    assert "the study recommends" in said.err and json.loads(said.out)["label"]


def test_killed_and_gone_on_with_it_comes_to_the_same_records(whole, tmp_path):
    folder = tmp_path / "folder"
    command = [sys.executable, "-m", "src", "study", str(whole / "mine.yaml"), f"sweep.dir={folder}"]
    total = len(finished(whole / "folder"))
    for number in range(1, KILLS + 1):
        _kill_at(command, folder, total * number // (KILLS + 1))
    subprocess.run(command, cwd=ROOT, check=True, timeout=LONGEST, capture_output=True)
    first, second = read_evidence(whole / "folder"), read_evidence(folder)
    assert first == second
    for name in first.runs:
        one, other = (base / "runs" / name for base in (whole / "folder", folder))
        records = [json.loads((run / "result.json").read_text()) for run in (one, other)]
        for key in (
            "metrics",
            "epochs",
            "params",
            "config_hash",
            "data_fingerprint",
            "batches_fingerprint",
            "identity",
        ):
            assert records[0][key] == records[1][key], (name, key)
        tables = [pd.read_parquet(run / "predictions.parquet") for run in (one, other)]
        pd.testing.assert_frame_equal(*tables, check_exact=True)


def _kill_at(command: list[str], folder: Path, count: int) -> None:
    """Run the command until so many runs have finished, and kill it with all its processes."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    until = time.monotonic() + LONGEST
    while process.poll() is None and len(finished(folder)) < count:
        assert time.monotonic() < until, "the study stands still"
        time.sleep(0.2)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
