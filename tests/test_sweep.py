"""The whole command, in this process: single runs and multiruns."""

import json
import sys

import pytest
from hydra.core.global_hydra import GlobalHydra

import main
from src.cli import run_app
from tests.conftest import NANO

SHORT = [*NANO, "training.max_steps=1", "hydra/job_logging=none"]


def call(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", *arguments])
    GlobalHydra.instance().clear()
    run_app(main.main)


def test_a_multirun_gives_every_job_its_folder_and_ends_with_the_table(tmp_path, monkeypatch, capsys):
    sweep = f"hydra.sweep.dir={tmp_path}/sweep"
    call(monkeypatch, *SHORT, "--multirun", "model=roberta_lora,roberta_head", "seed=range(2)", sweep)
    results = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("sweep/*/result.json"))]
    assert [(r["method"], r["seed"]) for r in results] == [("lora", 0), ("lora", 1), ("head", 0), ("head", 1)]
    names = sorted(path.name for path in (tmp_path / "sweep").iterdir() if path.is_dir())
    assert names[0].startswith("0_") and "max_steps=1" in names[0] and "+" not in names[0]
    output = capsys.readouterr().out
    table = output.partition("synth_paraphrase on nano")[2]
    assert [table.count(f" {method} ") for method in ("lora", "head")] == [2, 3]  # head is a column, too
    assert f"The runs are in {tmp_path}/sweep" in output


def test_two_single_runs_of_one_second_have_two_folders(tmp_path, monkeypatch):
    from omegaconf import OmegaConf

    import src.cli  # noqa: F401  the resolver

    tokens = set()
    for _ in range(2):
        OmegaConf.clear_cache(cfg := OmegaConf.create({"token": "${unique:}"}))
        tokens.add(cfg.token)
        assert cfg.token == cfg.token, "one name within one process"
    assert len(tokens) == 2


def test_a_job_of_a_sweep_that_fails_says_so_and_ends_with_an_error(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stop:
        call(monkeypatch, *SHORT, "--multirun", "model.lora.r=4,0", f"hydra.sweep.dir={tmp_path}/sweep")
    assert stop.value.code == 2
    results = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("sweep/*/result.json"))]
    assert [r["status"] for r in results] == ["ok", "failed"]
    assert "model.lora.r=0 breaks the rule" in results[1]["error"]["message"]
    assert "model.lora.r=0 breaks the rule" in capsys.readouterr().err
