"""The threads of a process that is not alone on its machine."""

import os
import subprocess
import sys

from src.utils.paths import ROOT
from src.utils.threads import share_the_cores


def test_waiting_threads_sleep_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    share_the_cores()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    share_the_cores()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_every_process_of_the_program_says_so_before_torch_is_loaded():
    words = (
        "import os, sys; from src.utils import terminal; before = 'torch' in sys.modules; terminal.prepare_process(); "
        "print(before, os.environ['OMP_WAIT_POLICY'])"
    )
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    done = subprocess.run([sys.executable, "-c", words], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "PASSIVE"], done.stderr
