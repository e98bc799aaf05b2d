"""A study that is verified: its plan by its hash, the runs that it counts, a pack's sums, copies beside the archive."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from src.commands.verify import main as verify_command
from src.runs.reading import find_runs
from src.study.evidence import Evidence, write_evidence
from src.study.locked_plan import lock
from src.study.looks import Finding
from src.study.pack_study import pack_study
from src.verify.finding import Verdict
from src.verify.study_files import check_studies
from src.verify.verify import verify
from tests.compare.factory import ALPHA, EVERYTHING, make_run
from tests.study.test_locked_plan import IDENTITY, arms
from tests.study.test_question import parsed


@pytest.fixture
def study(tmp_path) -> Path:
    """A study of six runs, as training leaves it."""
    folder = tmp_path / "study"
    runs = {}
    for seed in range(3):
        for name, method in (("full", EVERYTHING), ("lora", ALPHA)):
            make_run(folder / "runs" / f"{name}{seed}", method, seed, identity=IDENTITY)
            runs[f"{name}{seed}"] = f"synth_paraphrase_{name}"
    lock(folder, parsed(), arms())
    finding = Finding("synth_paraphrase", "lora", 3, "undecided", "no seeds are left", 1, (0.0, -0.1, 0.1, 1.0))
    write_evidence(folder, Evidence(runs, [{"synth_paraphrase_lora": finding}], {}, {}))
    (folder / "verdict.md").write_text("the verdict")
    return folder


def told(folder: Path) -> dict[str, tuple[str, str]]:
    """What of a study is not as it should be: by file or run the verdict and the words."""
    found = check_studies(folder, {run.folder: run for run in find_runs([folder]) if run.problem is None})
    return {finding.run: (finding.what, finding.said) for finding in found if finding.verdict != Verdict.EQUAL}


def test_a_study_as_it_was_left(study):
    assert told(study) == {}
    moved = shutil.move(study, study.with_name("elsewhere"))
    assert told(Path(moved)) == {}


def test_it_is_the_same_study_by_whatever_path_it_is_reached(study, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(study)
    monkeypatch.chdir(tmp_path)
    runs = shutil.move(study / "runs", tmp_path / "on_another_disk")
    (study / "runs").symlink_to(runs)
    for path in ("study", "./study/../study", "link", study):
        assert told(Path(path)) == {}, path


@pytest.mark.parametrize(
    "change", [{"study": {"margin": 0.5}}, {"arms": {"synth_paraphrase_lora": IDENTITY | {"config": "x"}}}]
)
def test_a_plan_that_was_changed(study, change):
    fields = json.loads((study / "plan.json").read_text())
    for key, value in change.items():
        fields[key] |= value
    (study / "plan.json").write_text(json.dumps(fields))
    what, said = told(study)["study"]
    assert what == "plan.json" and "it was changed" in said


def test_runs_that_are_missing_not_counted_or_of_other_data(study):
    shutil.rmtree(study / "runs" / "lora1")
    make_run(study / "runs" / "more", ALPHA, 9, identity=IDENTITY)
    record = study / "runs" / "full2" / "result.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"identity": IDENTITY | {"data": "others"}}))
    found = told(study)
    assert "is missing here" in found["lora1"][1] and "no look of the study counts it" in found["more"][1]
    assert found["full2"] == ("plan.json", "its data is another than the plan's")
    assert len(found) == 3


def test_a_pack_and_what_lies_beside_it(study, tmp_path, capsys):
    archive = pack_study(study)
    published = tmp_path / "published"
    published.mkdir()
    shutil.copy(archive, published)
    for name in ("verdict.md", "plan.json"):
        shutil.copy(study / name, published)
    found = verify(published)
    assert {"plan", "sums", "copies"} <= {finding.what for finding in found.findings if finding.verdict == "equal"}
    wrong = [finding for finding in found.findings if finding.verdict == Verdict.DIFFERENT]
    assert not {finding.run for finding in wrong} & {"study", "beside the archive"}, "made-up configs differ, no more"
    (published / "verdict.md").write_text("another")
    capsys.readouterr()
    assert verify_command([str(published)]) == 1
    assert "different: beside the archive: verdict.md: is not the one in the archive" in capsys.readouterr().out


def test_a_pack_in_which_a_file_was_changed(study, capsys):
    archive = pack_study(study)
    with zipfile.ZipFile(archive) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    files["study/verdict.md"] = b"lora is better"
    del files["study/runs/lora0/history.jsonl"]
    with zipfile.ZipFile(archive, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    assert verify_command([str(archive)]) == 1
    printed = capsys.readouterr().out
    assert "verdict.md: was changed after it was packed" in printed
    assert "runs/lora0/history.jsonl: is in the sums of the pack, and missing" in printed
