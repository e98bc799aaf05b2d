"""``python -m src doctor`` says what is there, and marks what a run would fail on."""

import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from src.commands import doctor
from src.utils.paths import ROOT


def by_name(findings) -> dict:
    return {finding.name: finding for finding in findings}


def test_every_package_of_every_list_is_reported():
    reported = set(by_name(doctor.packages())) | set(by_name(doctor.extras()))
    lists = [path for path in ROOT.glob("requirements*.txt") if path.name not in doctor.FOR_DEVELOPMENT]
    asked = {requirement.name for path in lists for requirement in doctor._requirements(path.name)}
    assert len(asked) > 15
    assert asked <= reported


@pytest.mark.parametrize(
    ("version", "text", "bad"),
    [("5.24.0", "5.24.0, the version that the suite passed with", False),
     ("5.24.0+local", "5.24.0+local, the version that the suite passed with", False),
     ("5.23.0", "5.23.0, in the range ~=5.23; the suite passed with 5.24.0", False),
     ("6.0.0", "6.0.0, outside the range ~=5.23: pip install 'transformers~=5.23'", True),
     (None, "not installed: pip install 'transformers~=5.23'", True)],
)  # fmt: skip
def test_a_version(version, text, bad, monkeypatch):
    def installed(name):
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(metadata, "version", installed)
    found = doctor._package(Requirement("transformers[torch]~=5.23"), "5.24.0")
    assert (found.text, found.bad) == (text, bad)


PLACES = {"cache": "PEFT_VERDICT_CACHE", "Hugging Face cache": "HF_HOME", "temporary files": "TMPDIR"}


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_cannot_be_written_names_the_variable(place, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(PLACES[place], str(tmp_path / "file" / "below"))
    monkeypatch.setattr(doctor.tempfile, "gettempdir", lambda: str(tmp_path / "file" / "below"))
    found = by_name(doctor.places())[place]
    assert found.bad
    assert f"{PLACES[place]}=FOLDER" in found.text


def test_places_that_do_not_exist_yet_are_looked_up_above(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PEFT_VERDICT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "not" / "there"))
    found = by_name(doctor.places())
    assert not any(finding.bad for finding in found.values())
    assert str(tmp_path / "outputs") in found["outputs"].text
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize("bad", [False, True])
def test_the_exit_status_says_whether_something_is_to_be_mended(bad, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "sections", lambda: [("part", [doctor.Finding("this", "that", bad)])])
    assert doctor.main([]) == int(bad)
    assert ("! this" in capsys.readouterr().out) is bad


def test_versions_and_places_need_no_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # an import of it would raise
    for part in (doctor.packages, doctor.extras, doctor.places):
        assert list(part())
    assert by_name(doctor.machine())["GPU"].bad


def test_a_file_that_is_taken_away_meanwhile_has_no_size(tmp_path, monkeypatch):
    (tmp_path / "one").write_bytes(b"12345")
    found = [tmp_path / "one", tmp_path / "gone"]
    monkeypatch.setattr(type(tmp_path), "rglob", lambda *_: iter(found))
    assert doctor._size(tmp_path) == 5
