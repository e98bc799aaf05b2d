"""Of a folder above runs the best is taken by what was held out, or none."""

import json
from pathlib import Path
from typing import Any

import pytest

from src.runs.best_run import best_run, is_above_runs
from src.utils.errors import UserError


def write(folder: Path, held_out: float | None, metric: str = "accuracy", data: str = "mrpc", **fields: Any) -> None:
    folder.mkdir(parents=True)
    metrics = {"selected": {metric: 0.5}} | ({"holdout": {metric: held_out}} if held_out is not None else {})
    record = {
        "schema_version": 1, "status": "ok", "method": "lora", "backbone": "nano", "data": data, "seed": 0,
        "params": {"adapter": 1, "router": 0, "head": 1, "trainable": 2, "total": 9}, "time": {"train_s": 1.0},
        "metrics": metrics, "primary_metric": {"name": metric, "value": 0.5, "split": "validation"},
    } | fields  # fmt: skip
    (folder / "result.json").write_text(json.dumps(record))


def test_the_highest_score_or_the_lowest_error(tmp_path):
    for name, value in (("a", 0.3), ("b", 0.8), ("c", 0.8), ("d", None)):
        write(tmp_path / "scores" / name, value)
        write(tmp_path / "errors" / name, value, "mse")
    write(tmp_path / "scores" / "failed", 0.9, status="failed")
    best = best_run(tmp_path / "scores")
    assert (best.folder.name, best.score, best.count) == ("b", 0.8, 3)
    assert best_run(tmp_path / "errors").folder.name == "a"


def test_runs_of_several_tasks_are_not_held_against_each_other(tmp_path):
    write(tmp_path / "a", 0.3)
    write(tmp_path / "b", 0.3, data="rte")
    with pytest.raises(UserError, match=r"several tasks, mrpc \(accuracy\), rte \(accuracy\)"):
        best_run(tmp_path)


def test_without_held_out_scores_there_is_none(tmp_path):
    write(tmp_path / "a", None)
    with pytest.raises(UserError, match="none of its 1 finished runs has a score on held-out rows"):
        best_run(tmp_path)


def test_which_folders_are_above_runs(tmp_path):
    write(tmp_path / "sweep" / "a", 0.3)
    (tmp_path / "empty").mkdir()
    assert is_above_runs(tmp_path / "sweep")
    assert not any(is_above_runs(tmp_path / name) for name in ("sweep/a", "empty", "nowhere"))
