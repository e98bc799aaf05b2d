"""The examples do what they say."""

import re
import runpy
import sys

import pytest
import torch

from src.cli import ROOT


def claims(method, seed, folder, monkeypatch, capsys) -> tuple[int, int, int, int]:
    """What the example prints of errors: the worst digit's before and after, then the other digits'."""
    arguments = ["digits.py", "--method", method, "--seed", str(seed), "--out", str(folder / "plot.png")]
    monkeypatch.setattr(sys, "argv", arguments)
    threads = torch.get_num_threads()
    try:
        with torch.random.fork_rng():
            runpy.run_path(str(ROOT / "examples" / "digits.py"), run_name="__main__")
    finally:
        torch.set_num_threads(threads)
    printed = capsys.readouterr().out
    before = re.search(r"before: (\d+) errors on 719 .* the worst digit is (\d): (\d+)", printed)
    after = re.search(r"after:  (\d+) errors; digit (\d): (\d+); adapters switched off: (\d+)", printed)
    assert before[2] == after[2] and after[4] == before[3], "the same digit; with adapters off, the same errors"
    assert "the original weights are unchanged, to the bit" in printed
    return int(before[3]), int(after[3]), int(before[1]) - int(before[3]), int(after[1]) - int(after[3])


@pytest.mark.parametrize(
    ("method", "seed"),
    [("lsr", 0), *(pytest.param(name, 0, marks=pytest.mark.slow) for name in ("lora", "lorafa", "hydralora"))],
)
def test_digits_mends_the_worst_digit_and_nearly_keeps_the_others(method, seed, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib", reason="pip install matplotlib for examples/digits.py")
    worst, mended, others, kept = claims(method, seed, tmp_path, monkeypatch, capsys)
    assert worst > 30, "the digit is weak before: of 70 images"
    assert mended < worst / 2, "the digit is mended"
    assert kept <= others + 6, "under one in a hundred of the other 649 images is lost"
    assert mended + kept < worst + others
    assert (tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"


def test_every_method_of_the_example_is_tested():
    methods = runpy.run_path(str(ROOT / "examples" / "digits.py"))["METHODS"]
    assert set(methods) == {"lora", "lsr", "lorafa", "hydralora"}
