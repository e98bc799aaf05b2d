"""A reader that leaves (``| head``) ends no command with a traceback, and no work that goes on without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.utils.paths import ROOT
from tests.compare.factory import make_sweep

QUIET = (0, -13, 141)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    make_sweep(folder, seeds=2)
    return folder


def left_alone(*words: str, folder: Path, both: bool = False) -> subprocess.CompletedProcess:
    """The command with a closed pipe for its output."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run(
            [sys.executable, *words], cwd=folder, text=True, stdout=writing,
            stderr=writing if both else subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, timeout=120,
        )  # fmt: skip
    finally:
        os.close(writing)


@pytest.mark.parametrize("form", ["table", "csv", "markdown", "latex", "json"])
def test_a_comparison_ends_quietly(form, runs, tmp_path):
    done = left_alone("-m", "src", "compare", str(runs), "--format", form, "--no-cache", "--resamples", "100",
                      "--tidy", "t.csv", folder=tmp_path)  # fmt: skip
    assert done.returncode in QUIET and not done.stderr.strip()
    assert (tmp_path / "t.csv").is_file()  # what was asked for besides is there


@pytest.mark.parametrize(
    "words",
    [["-m", "src"], ["-m", "src", "compare", "--help"], ["-m", "src", "tune", "--help"], [f"{ROOT}/main.py", "--help"],
     [f"{ROOT}/main.py", "--cfg", "job"], ["-m", "src", "nonsense"]],
    ids=lambda words: " ".join(Path(word).name for word in words),
)  # fmt: skip
@pytest.mark.parametrize("both", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_help_ends_quietly(words, both, tmp_path):
    done = left_alone(*words, folder=tmp_path, both=both)
    assert done.returncode in (*QUIET, 2) and "Traceback" not in (done.stderr or "")


@pytest.mark.slow
def test_a_run_outlives_its_reader(tmp_path):
    words = [f"{ROOT}/main.py", "experiment=demo", "training.max_steps=2", "hydra.run.dir=run"]
    done = left_alone(*words, folder=tmp_path, both=True)
    assert done.returncode == 0 and '"status": "ok"' in (tmp_path / "run" / "result.json").read_text()


def test_a_terminal_without_the_letters_gets_their_numbers(runs, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "src", "compare", str(runs), "--no-cache", "--resamples", "100", "--metric", "größe"],
        cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2 and "gr\\xf6\\xdfe" in done.stderr
