"""Every published study verifies, lies beside its archive as it is in there, and names no folder of a machine."""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.commands.verify import main as verify
from src.config.choices import choices
from src.study.typed_places import typed_places
from src.utils.paths import ROOT

STUDIES = sorted(path for path in (ROOT / "studies").iterdir() if path.is_dir())
BESIDE = ("verdict.md", "runs.csv", "plan.json")
LARGEST = 8e6  # bytes of an archive
SCRIPT = re.compile(r"<script>.*?</script>", re.DOTALL)  # code; what a report is drawn from has a type
# Where people's files lie, on any system; and a user at a host.
PLACE = re.compile(
    r"(?<![\w.])(/(home|root|Users|work|tmp|mnt|media|scratch|srv|opt|var)/\w[^\s\"']*|[A-Z]:\\\w+|~/\w+)"
)


def test_there_are_some():
    assert STUDIES


@pytest.fixture(params=STUDIES, ids=lambda path: path.name)
def study(request) -> Path:
    return request.param


def members(study: Path) -> Iterator[tuple[str, bytes]]:
    archive = zipfile.ZipFile(study / f"{study.name}.zip")
    yield from ((name, archive.read(name)) for name in archive.namelist())


def test_what_lies_beside_the_archive_is_in_it(study):
    assert (study / f"{study.name}.zip").stat().st_size < LARGEST
    assert {path.name for path in study.iterdir()} == {f"{study.name}.zip", *BESIDE}
    inside = {name.partition("/")[2]: content for name, content in members(study)}
    for name in BESIDE:
        assert inside[name] == (study / name).read_bytes(), name


def test_its_plan_was_locked_before_its_runs(study):
    plan = json.loads((study / "plan.json").read_text())
    assert plan["name"] in choices("study")
    records = [json.loads(content) for name, content in members(study) if name.endswith("result.json")]
    assert records and all(record["started"] >= plan["made"][:19] for record in records)
    commits = {record["git"]["commit"] for record in records}
    assert not any(record["git"]["dirty"] for record in records) and len(commits) == 1, "of one commit, as it is"


def test_it_names_no_folder_of_a_machine(study):
    for name, content in members(study):
        assert not PLACE.findall(SCRIPT.sub("", content.decode("latin-1"))), name
        if name.endswith(".json"):
            assert not typed_places(content), name


@pytest.mark.parametrize("text", ["/home/ann/glue", "a,/root/x,b", r'"C:\Users\ann"', "data.dir=/work/glue", "~/glue"])
def test_a_place_is_found(text):
    assert PLACE.search(text)


def test_it_verifies(study):
    assert verify([str(study)]) == 0
