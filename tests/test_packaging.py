"""pip builds no broken package: the backend refuses, with what to do instead."""

import importlib
import re
import sys
import tomllib

import pytest

from src.utils.paths import ROOT

# Every hook that a frontend may call: PEP 517 and PEP 660.
HOOKS = [
    *(f"get_requires_for_build_{kind}" for kind in ("wheel", "sdist", "editable")),
    *(f"prepare_metadata_for_build_{kind}" for kind in ("wheel", "editable")),
    *(f"build_{kind}" for kind in ("wheel", "sdist", "editable")),
]


@pytest.fixture
def backend(monkeypatch):
    """What pyproject.toml names, imported as a frontend does."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    assert build["requires"] == [], "nothing is fetched before the message"
    monkeypatch.setattr(sys, "path", [*(str(ROOT / path) for path in build["backend-path"]), *sys.path])
    return importlib.import_module(build["build-backend"])


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_ends_with_the_message(backend, hook, tmp_path):
    with pytest.raises(SystemExit) as end:
        getattr(backend, hook)(str(tmp_path))
    assert "make demo" in end.value.code and "python main.py" in end.value.code
    assert not list(tmp_path.iterdir())


def test_the_message_names_what_is_there(backend):
    for file in re.findall(r"requirements\S*\.txt|main\.py|conf/|assets/", backend.MESSAGE):
        assert (ROOT / file).exists()
    assert "\ndemo:" in (ROOT / "Makefile").read_text()
