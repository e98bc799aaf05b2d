"""Without the hub: a quick, clear refusal with the ways out."""

import socket
import subprocess
import sys
import threading
import time

import pytest

from src.backbones.backbone import load_backbone
from src.cli import ROOT
from src.utils.errors import UserError
from src.utils.hub_access import require_hub


@pytest.fixture
def online(monkeypatch):
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_a_refused_connection_is_told(online, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"model 'x/y' is not in the local cache.*127\.0\.0\.1") as error:
        require_hub("model 'x/y'")
    for way in ("experiment=demo", "experiment=pypi_real", "backbone.path=", "data.source=tsv"):
        assert way in str(error.value)


def test_a_silent_network_is_given_up(online, monkeypatch):
    """A look-up that never answers takes no longer than the limit."""
    monkeypatch.setattr(socket, "create_connection", lambda *args: threading.Event().wait())
    started = time.monotonic()
    with pytest.raises(UserError, match="no answer from"):
        require_hub("model 'x/y'", timeout=0.2)
    assert time.monotonic() - started < 30


def test_a_hub_that_answers_is_let_through(online, monkeypatch):
    server = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
    require_hub("model 'x/y'")
    server.close()


def test_a_proxy_is_what_has_to_answer(online, monkeypatch):
    server = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.getsockname()[1]}")
    require_hub("model 'x/y'")
    server.close()


def test_offline_by_choice_is_told(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="HF_HUB_OFFLINE=1"):
        require_hub("model 'x/y'")


def test_a_backbone_of_the_hub_asks_for_it(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="model 'owner/no-such-model' is not in the local cache"):
        load_backbone({"name": "x", "path": "owner/no-such-model"}, label_names=("a", "b"), seed=0)


def test_the_default_command_without_network_ends_with_the_ways_out(tmp_path):
    """The whole command, as a user on a machine without network types it."""
    command = [sys.executable, "main.py", f"hydra.run.dir={tmp_path}/run"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and "experiment=demo" in done.stderr
    assert len(done.stderr.splitlines()) < 8, "no warnings of the libraries' own retries"
    assert not (tmp_path / "run").exists(), "a mistake leaves no folder"
