"""Runs are held against themselves and against a new training; nothing is written into them."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from src.__main__ import main
from src.runs.reading import read_run
from src.runs.seal import SEAL, make_seal
from src.sweep.compose import task_config
from src.training.run import run_job
from src.utils.paths import CONF
from src.verify.finding import Verdict
from src.verify.show_findings import lines
from src.verify.verify import Reruns, Verification, compared, verify


@pytest.fixture
def moved(train, tmp_path) -> Path:
    """A copy of a finished run in another folder."""
    return Path(shutil.copytree(train(), tmp_path / "sent" / "run"))


def in_process(overrides, folder: Path, threads: int | None) -> None:
    """What ``main.py`` does with the overrides, without a process of its own."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", overrides=[*overrides, "++training.disable_tqdm=true"])
    run_job(task_config(config), folder)


def change(folder: Path, update: dict[str, Any], seal: bool = False) -> None:
    """Change fields of a record; with ``seal`` the record's own hash, too, as who means to deceive would."""
    record = json.loads((folder / "result.json").read_text()) | update
    if seal:
        record[SEAL] = make_seal(folder, record)
    (folder / "result.json").write_text(json.dumps(record))


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def wrong(found: Verification) -> list[tuple[str, str]]:
    return [(finding.what, finding.said) for finding in found.findings if finding.verdict != Verdict.EQUAL]


def test_a_copy_moved_to_another_folder_is_equal_and_left_as_it_is(moved):
    before = state(moved.parent)
    found = verify(moved)
    assert found.status == 0 and not wrong(found) and found.sealed == 1
    assert {finding.what for finding in found.findings} == {"files", "scores"}
    assert state(moved.parent) == before
    said = "\n".join(lines(found, moved))
    assert said.splitlines()[0].startswith("1 finished run in ") and said.endswith("within the tolerance.")


@pytest.mark.parametrize(
    "file", ["predictions.parquet", "history.jsonl", "model_summary.txt", "adapter/adapter.json",
             "adapter/adapter.safetensors"]
)  # fmt: skip
def test_a_tampered_file_is_named(moved, file):
    content = bytearray((moved / file).read_bytes())
    content[len(content) // 2] ^= 1
    (moved / file).write_bytes(content)
    found = verify(moved)
    assert found.status == 1 and (file, "was changed after the run") in wrong(found)
    (moved / file).unlink()
    found = verify(moved)
    assert found.status == 1 and (file, "is missing") in wrong(found)


def test_a_tampered_record_is_named(moved):
    change(moved, {"params": {"adapter": 1, "router": 0, "head": 0, "trainable": 1, "total": 1}})
    assert wrong(verify(moved)) == [("result.json", "was changed after the run")]


def test_a_score_that_is_not_that_of_the_predictions_is_found_behind_a_new_seal(moved):
    record = json.loads((moved / "result.json").read_text())
    record["metrics"]["selected"]["accuracy"] = record["primary_metric"]["value"] = 0.999
    change(moved, record, seal=True)
    found = verify(moved)
    assert found.status == 1
    [(what, said)] = wrong(found)
    assert what == "result.json or predictions.parquet" and "accuracy 0.999, and the predictions give 0." in said


def test_a_config_that_is_not_that_of_its_hash_is_found_behind_a_new_seal(moved):
    record = json.loads((moved / "result.json").read_text())
    record["config"]["training"]["learning_rate"] = 1e-3
    change(moved, record, seal=True)
    found = verify(moved)
    assert found.status == 1 and wrong(found) == [("result.json", "its config is not that of its config_hash")]


def test_an_older_run_without_hashes_is_checked_by_its_scores(moved):
    record = json.loads((moved / "result.json").read_text())
    del record[SEAL]
    (moved / "result.json").write_text(json.dumps(record))
    found = verify(moved)
    assert found.status == 0 and found.sealed == 0
    assert any("holds no hashes" in line for line in lines(found, moved))
    (moved / "predictions.parquet").unlink()
    found = verify(moved)
    assert found.status == 2 and "is missing" in wrong(found)[0][1]


def test_what_is_another_thing_here_is_said(moved):
    record = json.loads((moved / "result.json").read_text())
    record["versions"]["torch"] = "1.2.3"
    record["hardware"]["cpu"] = "Abacus"
    record["git"] = {"commit": "f" * 40, "dirty": True}
    record["identity"]["code"] = "0" * 16
    change(moved, record, seal=True)
    found = verify(moved)
    assert found.status == 0  # the run is what it says; where it was made is another matter
    said = "\n".join(found.elsewhere)
    assert "torch 1.2.3 there, " in said and "cpu Abacus there, " in said and f"commit {'f' * 12} there" in said
    assert "the code that numbers depend on: another hash (000000000000 there" in said
    assert "changed and not committed" in said and "data" not in said and "backbone" not in said


def test_a_sweep_with_good_bad_and_unfinished_runs(moved, capsys):
    sweep = moved.parent
    shutil.copytree(moved, sweep / "bad")
    shutil.copytree(moved, sweep / "broken")
    shutil.copytree(moved, sweep / "failed")
    (sweep / "bad" / "predictions.parquet").write_bytes(b"nothing")
    (sweep / "broken" / "result.json").write_text("{")
    change(sweep / "failed", {"status": "failed", "error": {"message": "out of luck"}})
    assert main_of("verify", str(sweep)) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("2 finished runs, 1 not finished in ")
    assert "different: bad: predictions.parquet: was changed after the run" in printed
    assert "cannot be verified: broken: result.json: unreadable" in printed
    assert "not finished: failed: failed: out of luck" in printed


def test_an_archive_is_verified_and_nothing_is_left_of_it(moved, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with tarfile.open(tmp_path / "runs.tar.gz", "w:gz") as archive:
        archive.add(moved, "sweep/run")
    assert main_of("verify", str(tmp_path / "runs.tar.gz")) == 0
    assert "files as the runs left them: 1 of 1" in capsys.readouterr().out
    assert not list((tmp_path / "temporary").iterdir())


def test_a_run_trained_again_is_equal_to_the_bit(moved, tmp_path):
    before, told = state(moved.parent), []
    found = verify(moved, Reruns(1, tmp_path / "again", do=in_process), tell=told.append)
    [again] = found.again.values()
    assert {finding.what: finding.verdict for finding in again} == dict.fromkeys(
        ("scores", "predictions", "logits"), Verdict.EQUAL
    )
    assert found.status == 0 and all("to the bit" in finding.said for finding in again)
    assert (tmp_path / "again" / "000" / "result.json").exists() and "training run again" in told[0]
    assert state(moved.parent) == before


def test_a_run_that_comes_out_otherwise_says_why(moved, tmp_path):
    reruns = Reruns(1, tmp_path / "again", ["seed=1"], in_process)
    found = verify(moved, reruns, tell=lambda line: None)
    again = {finding.what: finding for finding in next(iter(found.again.values()))}
    assert found.status == 1 and again["logits"].verdict == Verdict.DIFFERENT
    assert "the batches, or their order, are others" in again["why"].said
    loose = compared("run", read_run(moved), read_run(tmp_path / "again" / "000"), ["another seed"], 10.0)
    assert {finding.verdict for finding in loose if finding.what != "why"} == {Verdict.WITHIN}


def test_a_run_that_cannot_be_trained_here_is_not_verified(moved, tmp_path):
    record = json.loads((moved / "result.json").read_text())
    record["config"]["backbone"]["name"] = "theirs"
    change(moved, record)
    found = verify(moved, Reruns(1, tmp_path / "again", do=in_process), tell=lambda line: None)
    [[finding]] = found.again.values()
    assert finding.verdict == Verdict.UNKNOWN and "backbone.name='theirs' is no choice here" in finding.said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "no such folder or archive"),
        (["{tmp}/empty"], "holds no finished run"),
        (["{tmp}/file.txt"], "no folder and no archive"),
        (["{run}", "--rerun", "-1"], "--rerun=-1 breaks the rule"),
        (["{run}", "--tolerance", "nan"], "--tolerance=nan breaks the rule"),
        (["{run}", "--out", "x"], "are for --rerun"),
        (["{run}", "--rerun", "1", "--out", "{run}/again"], "into which nothing is written"),
        (["{run}", "--rerun", "1", "--out", "{tmp}"], "name a new or an empty folder"),
    ],
)
def test_mistakes(arguments, said, moved, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").touch()
    before = state(moved)
    assert main_of("verify", *(word.format(tmp=tmp_path, run=moved) for word in arguments)) == 2
    assert said in capsys.readouterr().err and state(moved) == before


@pytest.mark.slow
def test_the_command_trains_again_in_a_process_of_its_own(train, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = train("model=roberta_lsr")
    assert main_of("verify", str(run), "--rerun", "1") == 0
    assert "logits: equal, to the bit" in capsys.readouterr().out
    [folder] = (tmp_path / "outputs" / "verify").iterdir()
    assert (folder / "000" / ".hydra" / "config.yaml").exists()


def main_of(*arguments: str) -> int:
    import sys

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["src", *arguments])
        patch.setattr(sys, "path", list(sys.path))
        return main()
