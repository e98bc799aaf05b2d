"""The lock: every package that is asked for, direct or indirect, at one version that fits the ranges people read."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LISTS = sorted(ROOT.glob("requirements*.txt"))
# What only a CUDA build of torch asks for: any build has to fit the lock.
OF_A_BUILD = re.compile(r"cuda|nvidia|triton")


def lines(path: Path) -> list[str]:
    texts = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [text for text in texts if text and not text.startswith("-")]


LOCK = {
    canonicalize_name(name): version
    for name, _, version in (t.partition("==") for t in lines(ROOT / "constraints.txt"))
}
DIRECT = {str(r): r for path in LISTS for r in map(Requirement, lines(path))}


def test_the_lock_holds_plain_versions_alone():
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*", text) for text in lines(ROOT / "constraints.txt"))
    assert not [name for name in LOCK if OF_A_BUILD.match(name)]


@pytest.mark.parametrize("requirement", DIRECT)
def test_every_package_asked_for_is_locked_within_its_range(requirement):
    wanted = DIRECT[requirement]
    assert wanted.specifier.contains(LOCK[canonicalize_name(wanted.name)])


def test_what_the_installed_packages_ask_for_is_locked():
    seen: set[str] = set()
    todo = [(r.name, tuple(r.extras)) for r in DIRECT.values()]
    while todo:
        name, extras = todo.pop()
        try:
            if metadata.version(name).partition("+")[0] != LOCK.get(canonicalize_name(name)):
                continue  # make test-newest: what another version asks for is not the lock's
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # an extra that is not installed here
        for requirement in map(Requirement, required):
            environments = [{"extra": extra} for extra in ("", *extras)]
            applies = requirement.marker is None or any(map(requirement.marker.evaluate, environments))
            own = canonicalize_name(requirement.name)
            if applies and own not in seen and not OF_A_BUILD.match(own):
                seen.add(own)
                todo.append((own, tuple(requirement.extras)))
    assert len(seen) > 30
    assert sorted(seen - LOCK.keys() - {"setuptools", "pip", "wheel"}) == []


def test_make_installs_from_the_lock():
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    installs = [line for line in rules.splitlines() if "$(PIP)" in line and "$(BIN)" in line]
    assert len(installs) == 3
    assert all(line.endswith("-c constraints.txt") for line in installs)


def test_pyproject_names_the_same_packages():
    """For tools that read pyproject.toml: the lists of requirements*.txt, an extra each."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {"": project["dependencies"]} | {
        f"-{name}": asked for name, asked in project["optional-dependencies"].items()
    }
    assert {path.name for path in LISTS} == {f"requirements{name}.txt" for name in extras}
    for name, asked in extras.items():
        assert asked == lines(ROOT / f"requirements{name}.txt"), f"requirements{name}.txt"


def test_the_version_is_one_in_every_file():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)[1] == version
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == version
