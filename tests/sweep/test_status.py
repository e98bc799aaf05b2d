"""A sweep's folder tells who looks on what its jobs are doing; the looker writes nothing."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from src.__main__ import main
from src.runs.holder import Holder
from src.runs.latest import latest_sweep
from src.runs.lock import STALE, locked
from src.sweep.compose import Composer
from src.sweep.jobs_file import JOBS, read_jobs, write_jobs
from src.sweep.status import look
from src.sweep.status_lines import lines
from src.sweep.sweep_job import SweepJob
from src.utils.errors import UserError

CONFIG = {"backbone": {"name": "nano", "path": "p", "revision": None}, "data": {"name": "d", "primary_metric": "f1"},
          "training": {"num_train_epochs": 4}}  # fmt: skip
ELSEWHERE = Holder("another-machine", "", "another-boot", "another-space", 77, "1", "token")


def jobs_of(folder: Path, count: int = 4) -> list[SweepJob]:
    return [
        SweepJob(
            ["model=lora", f"seed={i}"],
            OmegaConf.create(CONFIG),
            CONFIG,
            folder / f"seed={i}",
            i,
            Composer(lambda _: OmegaConf.create()),
        )  # type: ignore[arg-type]
        for i in range(count)
    ]


def write(folder: Path, status: str, epoch: float | None = None, ago: float = 0.0, **fields: Any) -> Path:
    folder.mkdir(exist_ok=True)
    started = (datetime.now(UTC) - timedelta(seconds=ago)).isoformat(timespec="seconds")
    record = {"schema_version": 1, "status": status, "started": started, "config": CONFIG, **fields}
    (folder / "result.json").write_text(json.dumps(record))
    if epoch is not None:
        line = {"event": "eval", "step": 1, "epoch": epoch, "split": "validation", "f1": 0.5}
        (folder / "history.jsonl").write_text(json.dumps(line) + "\n")
    return folder


def done(folder: Path, seconds: float) -> None:
    write(folder, "ok", 4, time={"total_s": seconds}, primary_metric={"name": "f1", "value": 0.75, "split": "s"})


@pytest.fixture
def sweep(tmp_path) -> Path:
    """Four listed jobs: one done in 100 s, one a quarter through, one failed, one waiting."""
    write_jobs(tmp_path, jobs_of(tmp_path))
    done(tmp_path / "seed=0", 100)
    write(tmp_path / "seed=1", "running", 1, 30)
    write(tmp_path / "seed=2", "failed", error={"message": "out of luck\nmore"})
    return tmp_path


def test_every_state_is_seen_and_nothing_is_written(sweep):
    with locked(sweep / "seed=1"):
        before = sorted((str(path), path.stat().st_mtime_ns) for path in sweep.rglob("*") if path.name[0] != ".")
        inside = sorted((sweep / "seed=1").iterdir())
        status = look(sweep)
        assert [job.state for job in status.jobs] == ["done", "running", "failed", "waiting"]
        said = list(lines(status))
        assert (
            sorted((str(path), path.stat().st_mtime_ns) for path in sweep.rglob("*") if path.name[0] != ".") == before
        )
        assert sorted((sweep / "seed=1").iterdir()) == inside
    assert said[0].endswith("4 jobs: 1 done, 1 running, 1 failed, 1 waiting")
    assert said[1].startswith("  running: seed=1: epoch 1 of 4, f1 0.5000; 0:00:3")
    assert f"about 0:01:15 left (process {os.getpid()} on " in said[1]  # of 100 s three quarters
    assert said[2] == "  failed: seed=2: out of luck"
    # 75 s of the running job, then 100 s of the waiting one.
    assert said[-1].startswith("About 0:02:55 left: the last ends at ")


def test_two_at_a_time_take_half_the_time(sweep):
    write(sweep / "seed=2", "running", 2, 50)
    with locked(sweep / "seed=1"), locked(sweep / "seed=2"):
        assert look(sweep).left() == pytest.approx((75 + 50 + 100) / 2)


def test_without_a_finished_job_the_time_follows_from_how_far_the_running_one_is(tmp_path):
    write_jobs(tmp_path, jobs_of(tmp_path, 2))
    write(tmp_path / "seed=0", "running", 1, 30)
    with locked(tmp_path / "seed=0"):
        assert look(tmp_path).left() == pytest.approx(90 + 120, abs=8)  # three more epochs, then a whole job
        write(tmp_path / "seed=0", "running")
        (tmp_path / "seed=0" / "history.jsonl").unlink()
        assert list(lines(look(tmp_path)))[-1].startswith("When they will end cannot be told yet")


def test_a_process_that_is_gone_is_told(sweep):
    status = look(sweep)
    assert [job.state for job in status.jobs] == ["done", "killed", "failed", "waiting"]
    said = list(lines(status))
    assert "  killed: seed=1: its process is gone, after 25% of its training" in said
    assert said[-1].startswith("Nothing runs. 2 are left: ")


@pytest.mark.parametrize(("age", "state"), [(5, "running"), (STALE + 30, "killed")])
def test_an_owner_on_another_machine_counts_by_its_heartbeat(sweep, age, state):
    lock = sweep / "seed=1" / ".lock.1"
    lock.write_text(ELSEWHERE.text())
    os.utime(lock, (time.time() - age, time.time() - age))
    job = look(sweep).jobs[1]
    assert job.state == state and job.owner == ("process 77 on another-machine" if state == "running" else None)


def test_a_sweep_of_an_older_version_and_a_single_run_are_told_from_their_records(sweep):
    (sweep / JOBS).unlink()
    assert [job.state for job in look(sweep).jobs] == ["done", "killed", "failed"]
    single = list(lines(look(sweep / "seed=0")))
    assert single[0].endswith("1 job: 1 done") and single[-1] == "Nothing runs, and nothing is left to run."


def test_more_jobs_in_the_same_folder_are_added_to_the_list(tmp_path):
    write_jobs(tmp_path, jobs_of(tmp_path, 2))
    write_jobs(tmp_path, jobs_of(tmp_path, 3)[1:])
    assert [job.name for job in read_jobs(tmp_path)] == ["seed=0", "seed=1", "seed=2"]
    assert read_jobs(tmp_path)[0].outline == jobs_of(tmp_path)[0].outline


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"jobs": 3}', '{"jobs": [3, null, {}]}', '{"jobs": [{"name": "../up"}]}',
     json.dumps({"jobs": [{"name": "../up", "given": [], "backbone": "b", "data": "d", "metric": "m", "epochs": 1.0,
                           "steps": None}]})],
)  # fmt: skip
def test_a_strangers_list_is_none(content, tmp_path):
    (tmp_path / JOBS).write_text(content)
    assert read_jobs(tmp_path) == []
    with pytest.raises(UserError, match="holds no run"):
        look(tmp_path)


def test_a_strangers_words_do_not_reach_the_terminal(tmp_path):
    write(tmp_path / "a", "failed", error={"message": "\x1b[2Jgone"})
    assert "\x1b" not in "\n".join(lines(look(tmp_path)))


def test_the_newest_sweep_is_the_one_that_is_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no run is in multirun or outputs"):
        latest_sweep()
    write(Path("outputs").absolute(), "ok")
    assert latest_sweep() == Path("outputs")
    for number, name in enumerate(("multirun/b/older", "multirun/a/newer", "outputs/oldest")):
        Path(name).mkdir(parents=True)
        (Path(name) / "multirun.yaml").touch()
        os.utime(Path(name) / "multirun.yaml", (number % 2 + 100, number % 2 + 100))
    assert latest_sweep() == Path("multirun/a/newer")


def test_watching_ends_when_nothing_runs(sweep, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["src", "status", str(sweep), "--watch", "--every", "0.1"])
    monkeypatch.setattr("sys.path", list(__import__("sys").path))
    with locked(sweep / "seed=1"):
        looks = iter([None, None])

        def sleep(seconds: float) -> None:
            if next(looks, "end") == "end":
                done(sweep / "seed=1", 90)

        monkeypatch.setattr("src.commands.status.time.sleep", sleep)
        assert main() == 0
    printed = capsys.readouterr().out
    assert printed.count("4 jobs: 1 done, 1 running") >= 1 and "4 jobs: 2 done, 1 failed, 1 waiting" in printed
