"""The whole command, in this process: single runs and multiruns."""

import json
import sys
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

import main
from src.cli import run_app
from src.runs.record import Record
from src.sweep import sweep_job
from src.utils import reuse
from tests.conftest import NANO

TINY = [*NANO, "data.max_train_samples=40", "data.max_eval_samples=16", "training.max_steps=1"]
SHORT = [*TINY, "hydra/job_logging=none"]
HERE = "hydra/launcher=basic"  # Hydra's own: jobs run in this process, where torch is loaded


@pytest.fixture(autouse=True)
def nothing_is_kept(monkeypatch):
    monkeypatch.setattr(reuse, "_enabled", False)


def call(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", *arguments])
    GlobalHydra.instance().clear()
    run_app(main.main)


def records(sweep: Path) -> dict[str, dict]:
    return {path.parent.name: json.loads(path.read_text()) for path in sorted(sweep.glob("*/result.json"))}


def statuses(sweep: Path) -> list[str]:
    return [record["status"] for record in records(sweep).values()]


def test_a_multirun_gives_every_job_its_folder_and_ends_with_the_table(tmp_path, monkeypatch, capsys):
    sweep = f"hydra.sweep.dir={tmp_path}/sweep"
    call(monkeypatch, *SHORT, "--multirun", HERE, "model=roberta_lora,roberta_head", "seed=range(2)", sweep)
    results = records(tmp_path / "sweep").values()
    assert sorted((r["method"], r["seed"]) for r in results) == [("head", 0), ("head", 1), ("lora", 0), ("lora", 1)]
    output = capsys.readouterr().out
    table = output.partition("synth_paraphrase on nano")[2]
    rows = [line.split()[:2] for line in table.splitlines()]
    assert ["lora", "2"] in rows and ["head", "2"] in rows  # method and number of seeds
    assert "Fewer than 3 seeds (all): no claim is made." in table
    assert "<title>" in (tmp_path / "sweep" / "report.html").read_text(encoding="utf-8")
    assert "4 jobs: 4 ok, 0 failed" in output
    assert f"The runs are in {tmp_path}/sweep" in output


def test_two_single_runs_of_one_second_have_two_folders(tmp_path, monkeypatch):
    from omegaconf import OmegaConf

    import src.config.resolvers  # noqa: F401  the resolver

    tokens = set()
    for _ in range(2):
        OmegaConf.clear_cache(cfg := OmegaConf.create({"token": "${unique:}"}))
        tokens.add(cfg.token)
        assert cfg.token == cfg.token, "one name within one process"
    assert len(tokens) == 2


def test_a_sweep_goes_on_after_failures_and_a_second_start_runs_only_those(tmp_path, monkeypatch, capsys):
    """One job raises, one diverges: the others finish; what is done is not touched again."""
    sweep, train = tmp_path / "sweep", sweep_job.run_job
    swept = [*SHORT, "--multirun", HERE, "seed=range(4)", f"sweep.dir={sweep}"]

    def troubled(cfg, folder, member):
        if cfg.seed == 1:
            cfg.training.learning_rate, cfg.training.max_steps = 1e30, 3  # the first step is warm-up
        if cfg.seed == 2:
            with Record(folder, cfg):
                raise RuntimeError("CUDA out of memory")
        return train(cfg, folder, member)

    monkeypatch.setattr(sweep_job, "run_job", troubled)
    with pytest.raises(SystemExit) as stop:
        call(monkeypatch, *swept)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert "4 jobs: 2 ok, 2 failed, 0 interrupted, 0 skipped" in captured.out
    assert "training diverged" in captured.out and "CUDA out of memory" in captured.out
    assert "2 of 4 jobs failed" in captured.err and f"sweep.dir={sweep}" in captured.err
    found = records(sweep)
    assert [record["status"] for record in found.values()] == ["ok", "failed", "failed", "ok"]
    assert "Traceback" in found[failed := sorted(found)[2]]["error"]["traceback"] and "seed=2" in failed

    monkeypatch.setattr(sweep_job, "run_job", train)
    done = sweep / sorted(found)[0] / "result.json"
    before = done.read_bytes()
    call(monkeypatch, *swept)
    assert "4 jobs: 2 ok, 0 failed, 0 interrupted, 2 skipped" in capsys.readouterr().out
    assert done.read_bytes() == before and statuses(sweep) == ["ok"] * 4


def test_one_job_in_two_spellings_is_run_once(tmp_path, monkeypatch, capsys):
    sweep = f"sweep.dir={tmp_path}/sweep"
    call(monkeypatch, *SHORT, "--multirun", HERE, "training.learning_rate=1e-4,0.0001,1.0e-4", sweep)
    assert statuses(tmp_path / "sweep") == ["ok"]
    call(monkeypatch, *SHORT, "--multirun", HERE, "training.learning_rate=0.0001", sweep)
    assert "1 jobs: 0 ok, 0 failed, 0 interrupted, 1 skipped" in capsys.readouterr().out


def test_a_finished_job_of_other_code_is_a_conflict(tmp_path, monkeypatch, capsys):
    sweep = tmp_path / "sweep"
    swept = [*SHORT, "--multirun", HERE, "seed=0,1", f"sweep.dir={sweep}"]
    call(monkeypatch, *swept)
    path = next(iter(sorted(sweep.glob("*/result.json"))))
    record = json.loads(path.read_text())
    record["identity"]["code"] = "0" * 16
    path.write_text(json.dumps(record))
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        call(monkeypatch, *swept)
    error = capsys.readouterr().err
    assert stop.value.code == 2 and "other code" in error and "sweep.on_conflict=rerun" in error
    call(monkeypatch, *swept, "sweep.on_conflict=keep")
    assert "0 ok, 0 failed, 0 interrupted, 2 skipped" in capsys.readouterr().out
    call(monkeypatch, *swept, "sweep.on_conflict=rerun")
    assert "1 ok, 0 failed, 0 interrupted, 1 skipped" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        call(monkeypatch, *swept, "sweep.on_conflict=overwrite")
    assert "breaks the rule: error | rerun | keep" in capsys.readouterr().err


def test_fail_fast_starts_nothing_after_a_failure(tmp_path, monkeypatch, capsys):
    """What only the model can tell (a rank above the layer's) fails as the job starts, and the others are left."""
    ranks, folder = "model.lora.r=500,2,4", f"sweep.dir={tmp_path}/sweep"
    with pytest.raises(SystemExit):
        call(monkeypatch, *SHORT, "--multirun", HERE, ranks, "sweep.fail_fast=true", folder)
    assert "3 jobs: 0 ok, 1 failed, 0 interrupted, 2 skipped" in capsys.readouterr().out
    assert statuses(tmp_path / "sweep") == ["failed"]


@pytest.mark.parametrize("plan", [(), ("sweep.plan=true",)])
@pytest.mark.parametrize(
    ("swept", "message"),
    [
        (["seed=0,-1"], "seed=-1 breaks the rule: int >= 0 (1 of them, first: "),
        (["model.lora.r=8,-3", "seed=0,1"], "2 of the sweep's 4 jobs are wrong; none was started"),
        (["training.optim=sgd,lomo"], "training.optim=lomo cannot be used"),
        (["seed=0,1", "model.lora.r=-3"], "error: model.lora.r=-3 breaks the rule: int >= 1\n"),
        (["hydra/launcher=gpus", "hydra.launcher.slots=-1"], "hydra.launcher.slots=-1 breaks the rule: int >= 1"),
        (["~seed"], "seed is missing"),
    ],
)
def test_a_sweep_validates_every_job_before_the_first_starts(swept, message, plan, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stop:
        call(monkeypatch, *SHORT, "--multirun", HERE, *swept, *plan, f"sweep.dir={tmp_path}/sweep")
    captured = capsys.readouterr()
    assert stop.value.code == 2 and message in captured.err
    assert not (tmp_path / "sweep").exists(), "nothing was started"


def test_ctrl_c_marks_the_job_and_a_second_start_goes_on(tmp_path, monkeypatch, capsys):
    import os
    import signal

    from src.training.trainer import VerdictTrainer

    sweep, step = tmp_path / "sweep", VerdictTrainer.training_step
    swept = [*SHORT, "training.max_steps=3", "--multirun", HERE, "seed=0,1", f"sweep.dir={sweep}"]

    def signalled(self, *args, **kwargs):
        if self.state.global_step == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(VerdictTrainer, "training_step", signalled)
        with pytest.raises(SystemExit) as stop:
            call(monkeypatch, *swept)
    assert stop.value.code == 130
    assert statuses(sweep) == ["interrupted"]
    assert "0 ok, 0 failed, 1 interrupted, 1 skipped" in capsys.readouterr().out
    call(monkeypatch, *swept)
    assert [r["continued_from_step"] for r in records(sweep).values()] == [2, None]


def test_the_plan_runs_nothing_and_reads_no_weight(tmp_path, monkeypatch, capsys):
    import safetensors.torch
    from transformers import PreTrainedModel

    sweep = tmp_path / "sweep"
    call(monkeypatch, *SHORT, "--multirun", HERE, "model.lora.r=2", f"sweep.dir={sweep}")
    before = sorted(path for path in sweep.rglob("*"))
    capsys.readouterr()

    def refuse(*args, **kwargs):
        raise AssertionError("weights were loaded")

    whole = PreTrainedModel.from_pretrained.__func__

    def shapes_alone(cls, *args, **kwargs):
        model, info = whole(cls, *args, **kwargs)
        assert all(parameter.is_meta for parameter in model.parameters()), "weights were loaded"
        return model, info

    monkeypatch.setattr(PreTrainedModel, "from_pretrained", classmethod(shapes_alone))
    monkeypatch.setattr(safetensors.torch, "load_file", refuse)
    monkeypatch.setenv("COLUMNS", "200")
    call(monkeypatch, *SHORT, "--multirun", HERE, "model.lora.r=2,4", f"sweep.dir={sweep}", "sweep.plan=true")
    lines = capsys.readouterr().out.splitlines()
    two, four = (next(line for line in lines if f"model.lora.r={r}" in line) for r in (2, 4))
    # Five layers of two adapted 128 x 128 Linears: r * 256 values each.
    assert "5,120" in two and "done" in two
    assert "10,240" in four and "new" in four and "~" in four, "the finished neighbour tells the time"
    assert "2 jobs, 1 to run" in "\n".join(lines)
    assert sorted(path for path in sweep.rglob("*")) == before
