"""The notebook says what is so, and is kept without outputs."""

import json
import sys

import matplotlib
import pytest
import torch

from src.utils.paths import ROOT

NOTEBOOK = ROOT / "examples" / "lora.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


def test_it_is_small_and_holds_no_outputs():
    assert NOTEBOOK.stat().st_size < 10_000
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in CELLS if cell["cell_type"] == "code")
    the_class = CODE[0].partition("class LoRA")[2].splitlines()
    assert sum(bool(line.strip()) for line in the_class) <= 25, "LoRA is one short class"


@pytest.mark.slow
def test_every_cell_runs_and_the_slider_redraws(monkeypatch):
    """As where ipywidgets is not installed: what is found has the rank asked for, and more rank finds more."""
    matplotlib.use("Agg")
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(NOTEBOOK.parent)
    names: dict = {"__name__": "__main__"}
    with torch.random.fork_rng():
        for code in CODE:
            exec(compile(code, str(NOTEBOOK), "exec"), names)
        layers = [names["learn"](rank) for rank in (1, 2, 4)]
        names["slider"].set_val(6)
    assert "rank 6" in names["axes"][1].get_title()
    ranks = [int(torch.linalg.matrix_rank(layer.delta_weight(), rtol=1e-4)) for layer in layers]
    assert ranks == [1, 2, 4]
    missing = [names["error"](layer) for layer in layers]
    best = torch.linalg.svdvals(names["ring"])
    for rank, found in zip(ranks, missing, strict=True):
        least = float(best[rank:].norm() / best.norm())  # Eckart and Young: no matrix of this rank is nearer
        assert least - 1e-4 <= found <= least + 0.05
    assert missing == sorted(missing, reverse=True)
