"""What a study's files say of the machine: nothing but the folders that its author typed, and a pack names those."""

import json
import os
import platform
import shutil
import socket
import zipfile
from pathlib import Path

import pytest

from src.commands.study import main as study
from src.study.evidence import Evidence, write_evidence
from src.study.locked_plan import lock
from src.study.looks import Finding
from src.study.pack_study import pack_study
from src.study.study_folder import OF_THE_STUDY
from src.study.typed_places import typed_places
from tests.compare.factory import ALPHA, EVERYTHING, make_run
from tests.study.test_locked_plan import IDENTITY, arms
from tests.study.test_question import parsed

USER, HOST = "annemarie", "annes-laptop"
FINDING = Finding("synth_paraphrase", "lora", 3, "undecided", "no seeds are left", 1, (0.0, -0.1, 0.1, 1.0))


def finished(folder: Path) -> Path:
    """A study of six runs as training leaves it, and its report."""
    runs = {}
    for seed in range(3):
        for name, method in (("full", EVERYTHING), ("lora", ALPHA)):
            make_run(folder / "runs" / f"{name}{seed}", method, seed, identity=IDENTITY)
            runs[f"{name}{seed}"] = f"synth_paraphrase_{name}"
    lock(folder, parsed(), arms())
    write_evidence(folder, Evidence(runs, [{"synth_paraphrase_lora": FINDING}], {}, {}))
    study(["report", str(folder)])
    return folder


@pytest.mark.parametrize("way", ["whole", "relative", "through a link"])
def test_no_file_names_a_folder_of_the_machine_its_user_or_its_host(tmp_path, monkeypatch, way):
    monkeypatch.chdir(tmp_path)
    for variable in ("USER", "LOGNAME"):
        monkeypatch.setenv(variable, USER)
    for owner, name in ((socket, "gethostname"), (platform, "node")):
        monkeypatch.setattr(owner, name, lambda: HOST)
    folder = {"whole": tmp_path / "deep" / "mine", "relative": Path("mine"), "through a link": Path("link/mine")}[way]
    if way == "through a link":
        (tmp_path / "real").mkdir()
        Path("link").symlink_to("real")
    names = [str(tmp_path), str(Path.home()), os.path.realpath(folder), tmp_path.name, USER, HOST]
    archive = zipfile.ZipFile(pack_study(finished(folder)))
    members = {name: archive.read(name).decode("utf-8", "replace") for name in archive.namelist()}
    missing = {name for name in OF_THE_STUDY if name.count("/") == 0} - {name.partition("/")[2] for name in members}
    assert not missing, "the report's files are packed"
    for name, text in members.items():
        assert not [found for found in names if found in text], name
    assert "runs/full0," in members["mine/runs.csv"] and '"folder":"runs/full0"' in members["mine/report.html"]


def test_a_report_that_was_moved_is_the_same(tmp_path):
    """Of the machine and the place nothing is in it: written anew elsewhere, the table of runs is equal."""
    folder = finished(tmp_path / "mine")
    before = (folder / "runs.csv").read_bytes()
    moved = Path(shutil.move(folder, tmp_path / "elsewhere"))
    study(["report", str(moved)])
    assert (moved / "runs.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("/home/me/glue", ["/home/me/glue"]),
        ("data.dir=/home/me/glue", ["/home/me/glue"]),
        ("data.files={train: /home/me/a.csv, test: '/home/me/b.csv'}", ["/home/me/a.csv", "/home/me/b.csv"]),
        ("backbone.path=~/models", ["~/models"]),
        (r"C:\Users\me", [r"C:\Users\me"]),
        (r"data.dir=\\host\share", [r"\\host\share"]),
        *((value, []) for value in ("../shared/glue", "glue", "~model.lora", "a/b/c", "https://a.b/c/d", "/", "n/a",
                                    "and / or", "positive/negative", "model=roberta_full")),
    ],
)  # fmt: skip
def test_what_is_a_place(value, found):
    for fields in (value, [value], {"a": {"b": [1, value]}}, {value: None}):
        assert typed_places(json.dumps(fields).encode()) == set(found)
    assert typed_places(b"\xff no JSON") == set()


def test_a_pack_says_which_places_its_author_typed(tmp_path, capsys):
    folder = finished(tmp_path / "mine")
    pack_study(folder)
    assert "on this machine" not in capsys.readouterr().out
    record = folder / "runs" / "full0" / "result.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"init_from": {"run": "/home/me/before"}}))
    pack_study(folder)
    assert "where /home/me/before is on this machine" in " ".join(capsys.readouterr().out.split())
