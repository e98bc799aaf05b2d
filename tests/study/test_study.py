"""A study from its command to its answer, on the embedded backbone, cut short and gone on with."""

import json
import shutil
import subprocess
import sys
import zipfile

import pytest
import yaml

from src.commands.study import main as study
from src.commands.verify import main as verify
from src.runs.reading import find_runs
from src.study.study_folder import LOOKS, PLAN
from src.utils.errors import UserError
from src.utils.paths import ROOT
from tests.conftest import NANO

TINY = [
    *NANO[1:3],
    "training.per_device_train_batch_size=16",
    "training.num_train_epochs=1",
    "training.disable_tqdm=true",
]
PLAIN = {
    "question": "Which?",
    "methods": ["roberta_full", "roberta_lora", "roberta_head"],
    "tasks": ["synth_paraphrase"],
    "settings": ["experiment=demo", *TINY],
    "baseline": "full",
    "margin": 0.5,
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished study of nine runs, and the file that it came from."""
    base = tmp_path_factory.mktemp("study")
    (base / "mine.yaml").write_text(yaml.safe_dump(PLAIN))
    study([str(base / "mine.yaml"), f"sweep.dir={base / 'folder'}"])
    return base


def test_the_answer_and_what_it_rests_on(done, capsys):
    folder = done / "folder"
    found = json.loads((folder / LOOKS).read_text())
    assert len(found["runs"]) == 9 and set(found["looks"][0]) == {"synth_paraphrase_lora", "synth_paraphrase_head"}
    assert {run.seed for run in find_runs([folder / "runs"])} == {1, 2, 3}
    words = (folder / "verdict.md").read_text()
    assert "Which?" in words and "synth_paraphrase: " in words and "margin 0.5, baseline full" in words
    page = (folder / "report.html").read_text()
    assert page.index("Which?") < page.index("Use ") < page.index("synth_paraphrase on nano"), "the answer comes first"
    study(["report", str(folder)])
    out = capsys.readouterr().out
    assert out.index("synth_paraphrase: ") < out.index("method"), "the answer comes first"


def test_the_same_command_trains_nothing_again_and_another_plan_is_refused(done):
    folder = done / "folder"
    before = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/result.json")}
    plan = (folder / PLAN).read_bytes()
    study([str(done / "mine.yaml"), f"sweep.dir={folder}"])
    assert {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/result.json")} == before
    with pytest.raises(SystemExit) as stop:
        study([str(done / "mine.yaml"), "study.margin=0.1", f"sweep.dir={folder}"])
    assert stop.value.code == 2 and (folder / PLAN).read_bytes() == plan


@pytest.mark.slow
def test_a_lost_run_is_trained_again_to_the_same_numbers(done, tmp_path):
    folder = tmp_path / "folder"
    shutil.copytree(done / "folder", folder)
    lost = sorted(folder.glob("runs/*"))[0]
    before = json.loads((lost / "result.json").read_text())["metrics"]
    shutil.rmtree(lost)
    study([str(done / "mine.yaml"), f"sweep.dir={folder}"])
    assert json.loads((lost / "result.json").read_text())["metrics"] == before


def test_the_pack(done):
    study(["pack", str(done / "folder")])
    names = zipfile.ZipFile(done / "folder.zip").namelist()
    assert sum(name.endswith("result.json") for name in names) == 9 and not any("safetensors" in name for name in names)
    assert (done / "folder.zip").stat().st_size < 2e6
    assert verify([str(done / "folder.zip")]) == 0
    assert sum(name.endswith("/runs.csv") for name in names) == 1
    assert len((done / "folder" / "runs.csv").read_text().splitlines()) == 10, "a line for each run, and the names"
    study(["pack", str(done / "folder"), "--weights"])
    names = zipfile.ZipFile(done / "folder.zip").namelist()
    assert sum(name.endswith("adapter.safetensors") for name in names) == 9
    assert verify([str(done / "folder.zip")]) == 0


def test_a_study_without_trials_needs_no_optuna(done):
    """The demo has none, and a fresh environment no Optuna."""
    words = "import sys; sys.modules['optuna'] = None; from src.commands.study import main; main(sys.argv[1:])"
    told = subprocess.run([sys.executable, "-c", words, "report", str(done / "folder")], cwd=ROOT, capture_output=True,
                          text=True, timeout=120)  # fmt: skip
    assert told.returncode == 0 and "use " in told.stdout, told.stderr


def test_a_folder_may_be_named_from_here(done, capsys, monkeypatch):
    monkeypatch.chdir(done)
    study(["report", "folder"])
    assert capsys.readouterr().out.startswith("synth_paraphrase: ")


def test_habits(done, capsys):
    study(["habits", str(done / "folder")])
    assert "synth_paraphrase: one seed each: " in capsys.readouterr().out


def test_mistakes(done, tmp_path):
    for words in (["nope"], ["demo", "mrpc"], ["report", str(tmp_path)], ["pack", str(tmp_path)],
                  ["report", str(done / "folder"), "seed=1"],
                  ["report", str(done / "folder"), "--weights"]):  # fmt: skip
        with pytest.raises(UserError):
            study(words)
