"""The examples do what they say."""

import re
import runpy
import sys

import pytest
import torch

from src.cli import ROOT


@pytest.mark.parametrize("method", ["lora", "lsr", "lorafa", "hydralora"])
def test_digits_mends_the_worst_digit_and_leaves_the_network_alone(method, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib", reason="pip install matplotlib for examples/digits.py")
    monkeypatch.setattr(sys, "argv", ["digits.py", "--method", method, "--out", str(tmp_path / "plot.png")])
    with torch.random.fork_rng():
        runpy.run_path(str(ROOT / "examples" / "digits.py"), run_name="__main__")
    printed = capsys.readouterr().out
    before = re.search(r"before: (\d+) errors on 719 .* the worst digit is (\d): (\d+)", printed)
    after = re.search(r"after:  (\d+) errors; digit (\d): (\d+); adapters switched off: (\d+)", printed)
    assert before[2] == after[2] and after[4] == before[3], "the same digit; with adapters off, the same errors"
    assert int(after[3]) < int(before[3]) / 3, "the digit is mended"
    assert "the original weights are unchanged, to the bit" in printed
    assert (tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"
