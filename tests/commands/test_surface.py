"""What a user sees first and last: help within a second, mistakes that leave nothing, the command that goes on."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

import main
from src.cli import ROOT, run_app
from src.commands.table import commands
from src.config.choices import choices
from src.config.validate import resolved
from src.sweep.compose import Composer
from src.sweep.live_status import Progress, clock
from src.sweep.outcome import print_summary
from src.sweep.sweep_job import Outcome, SweepJob
from src.utils import resume_hint as resume
from tests.conftest import NANO, call, compose_config

SHORT = [*NANO, "hydra/job_logging=none", "training.max_steps=1"]
HEAVY = ("torch", "transformers", "datasets", "evaluate", "sklearn", "peft", "optuna")
MISTAKES = {
    "tune": ["model=nope"],
    "compare": ["/nowhere"],
    "audit": ["/nowhere"],
    "predict": ["/nowhere", "--text", "a"],
    "verify": ["/nowhere"],
    "status": ["/nowhere"],
    "study": ["nope"],
    "choose": ["/nowhere.csv", "--minutes", "0"],
    "merge": ["/nowhere", "--out", "/nowhere/out"],
    "export": ["/nowhere", "--out", "/nowhere/out"],
    "analyze": ["/nowhere", "--out", "/nowhere/out"],
    "bench": ["--methods", "nope"],
    "doctor": ["--nosuch"],
    "recover": ["--rank", "0"],
    "list": ["nope"],
}
ASK = f"""
import contextlib, io, sys
from src.__main__ import main
from src.commands.table import commands
for command in commands():
    for arguments, expected in ((["--help"], 0), *(((words, 2),) if (words := {MISTAKES!r}[command]) else ())):
        if command == "tune" and expected:
            continue  # it composes the config, with main.py's own check
        sys.argv = ["src", command, *arguments]
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                code = main()
            except SystemExit as stop:
                code = stop.code or 0
        assert code == expected, (command, arguments, code, out.getvalue())
        heavy = [name for name in {HEAVY!r} if name in sys.modules]
        assert not heavy, f"{{command}} {{arguments}} imports {{heavy}}"
"""


def below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_help_and_mistakes_of_every_command_need_no_torch():
    assert set(MISTAKES) == set(commands()), "a new command needs a mistake here"
    done = subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]


def test_help_of_main_fits_on_two_screens_and_names_every_choice():
    command = [sys.executable, "-X", "importtime", "main.py", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert not [line for line in done.stderr.splitlines() if line.rpartition("|")[2].strip() in HEAVY]
    lines = done.stdout.rstrip().splitlines()
    assert len(lines) <= 52 and max(map(len, lines)) <= 120
    words = set(done.stdout.replace(",", " ").split())
    for group in ("model", "backbone", "data", "training", "experiment", "debug", "hydra/launcher"):
        assert set(choices(group)) <= words, group
    told = [line for line in lines if line.startswith("  roberta_") and "," not in line and "peft_" not in line]
    assert len(told) > 5 and all(len(line.split()) >= 4 for line in told)
    assert "--multirun" in words and "--hydra-help" in done.stdout


@pytest.mark.parametrize("mistake", ["model.lora.r=0", "model.lora.target_modules=[nope]", "data.source=nope"])
def test_a_mistake_leaves_no_folder(tmp_path, monkeypatch, capsys, mistake):
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, *SHORT, mistake) == 2, "in the folder that Hydra names"
    assert call(monkeypatch, *SHORT, mistake, "hydra.run.dir=a/b/c") == 2
    assert list(tmp_path.iterdir()) == []
    assert "To go on" not in capsys.readouterr().err


def test_a_mistake_leaves_what_was_there(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    monkeypatch.setattr(sys, "argv", ["main.py", *SHORT, f"hydra.run.dir={folder}"])
    GlobalHydra.instance().clear()
    run_app(main.main)
    (folder / "notes.txt").write_text("the user's")
    before = below(folder)
    for mistake in ("model.lora.r=0", "model.lora.target_modules=[nope]"):
        assert call(monkeypatch, *SHORT, mistake, f"hydra.run.dir={folder}") == 2
        assert below(folder) == before
    empty = tmp_path / "empty"
    empty.mkdir()
    assert call(monkeypatch, *SHORT, "model.lora.target_modules=[nope]", f"hydra.run.dir={empty}") == 2
    assert list(empty.iterdir()) == []


def test_an_interrupted_run_goes_on_with_its_last_line(tmp_path, monkeypatch, capsys):
    import os
    import signal

    from src.training.trainer import VerdictTrainer

    step, folder = VerdictTrainer.training_step, tmp_path / "a run, it's one"
    given = [*SHORT, "training.max_steps=3", "model.lora.target_modules=[query, value]"]

    def signalled(self, *args, **kwargs):
        if self.state.global_step == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(VerdictTrainer, "training_step", signalled)
        quoted = str(folder).replace("'", r"\'")
        assert call(monkeypatch, *given, f"hydra.run.dir='{quoted}'") == 128 + signal.SIGTERM
    last = capsys.readouterr().err.splitlines()[-1]
    python, *words = shlex.split(last)
    assert Path(python).name.startswith("python") and words[:-1] == ["main.py", *given]
    monkeypatch.setattr(sys, "argv", words)
    GlobalHydra.instance().clear()
    run_app(main.main)
    record = json.loads((folder / "result.json").read_text())
    assert record["status"] == "ok" and record["continued_from_step"] == 2
    assert "To go on" not in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["plain/a_1.2", "with space", "it's", "a,b=c", "$HOME", "back\\slash"])
def test_the_command_survives_the_shell(tmp_path, monkeypatch, capsys, folder):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    monkeypatch.chdir(tmp_path)
    given = ["model=roberta_lora", "-m", "sweep.dir=old", "++hydra.sweep.dir=old", "data.files.train='a b.csv'"]
    resume.called(["python", "main.py", *given])
    resume.offer("sweep.dir", tmp_path / folder)
    resume.say()
    *same, last = shlex.split(capsys.readouterr().err.splitlines()[-1])
    assert same == ["python", "main.py", "model=roberta_lora", "-m", "data.files.train='a b.csv'"]
    override = OverridesParser.create().parse_override(last)
    assert (override.key_or_group, override.value()) == ("sweep.dir", folder)
    resume.withdraw()
    resume.say()
    assert capsys.readouterr().err == ""


def test_a_sweep_without_a_terminal_prints_plain_lines(tmp_path, monkeypatch, capsys):
    """One line where a job starts and where it ends; done jobs are one line; an unfinished sweep says how to go on."""
    swept = [*NANO, "training.max_steps=1", "-m", "hydra/launcher=basic", f"sweep.dir={tmp_path}/sweep"]
    monkeypatch.setattr(sys, "argv", ["main.py", *swept, "seed=0,1"])
    GlobalHydra.instance().clear()
    run_app(main.main)
    captured = capsys.readouterr()
    assert "\r" not in captured.out + captured.err
    lines = [line for line in captured.out.splitlines() if line.startswith("job ")]
    assert [line.partition(":")[0] for line in lines if "started" in line] == [
        "job 1 of 2 started",
        "job 2 of 2 started",
    ]
    assert "seed=1" in lines[-1] and "accuracy 0." in lines[-1] and "(2 of 2 done; 0:0" in lines[-1]
    assert "epoch" not in captured.out.partition("2 jobs:")[0], "details are in main.log"
    for folder in (tmp_path / "sweep").glob("*seed*"):
        assert "epoch" in (folder / "main.log").read_text()
    assert "To go on" not in captured.err
    code = call(monkeypatch, *swept, "seed=0,1,2", "model.lora.target_modules=[query],[nope]")
    captured = capsys.readouterr()
    assert code == 2 and captured.err.splitlines()[-1].endswith(f"sweep.dir={tmp_path}/sweep")


def job(folder: Path, *overrides: str) -> SweepJob:
    config = compose_config(*NANO, "training.num_train_epochs=4")
    return SweepJob(list(overrides), config, resolved(config), folder, 0, Composer(lambda _: config))


def write(job: SweepJob, status: str, *lines: dict, **fields) -> None:
    job.folder.mkdir(exist_ok=True)
    (job.folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"cut": ')
    (job.folder / "result.json").write_text(json.dumps({"status": status, **fields}))


def test_progress_is_read_from_the_folders(tmp_path, monkeypatch):
    """Two of four jobs are done before; of the others one has half of its epochs: a quarter of the work in 100 s."""
    now = [1000.0]
    monkeypatch.setattr("src.sweep.live_status.time.monotonic", lambda: now[0])
    jobs = [job(tmp_path / name, "a=1", f"seed={name}") for name in "0123"]
    progress = Progress(jobs, jobs[2:])
    assert progress.look() == [] and progress.left() is None
    write(jobs[2], "running")
    assert progress.look() == [("started", "job 3 of 4 started: seed=2")]
    now[0] += 100
    write(
        jobs[2],
        "running",
        {"event": "train", "epoch": 2.0, "step": 6},
        {"event": "eval", "epoch": 2.0, "accuracy": 0.5},
    )
    assert progress.look() == []
    assert progress.running["2"].shown == "epoch 2 of 4, accuracy 0.5000"
    assert progress.left() == pytest.approx(300)
    assert progress.summary() == "2 of 4 done; 0:01:40 so far, about 0:05:00 left"
    write(jobs[2], "ok", primary_metric={"name": "accuracy", "value": 0.75})
    assert progress.look() == [("ok", "job 3 of 4 ended in 0:01:40, accuracy 0.7500: seed=2")]
    assert progress.left() == pytest.approx(100)
    write(jobs[3], "failed", error={"message": "diverged\nmore"})
    assert progress.look() == [("failed", "job 4 of 4 ended, failed: diverged: seed=3")]
    assert progress.summary() == "3 of 4 done, 1 failed; 0:01:40 so far"
    assert clock(3723) == "1:02:03"


def test_skipped_jobs_are_a_line_a_reason(tmp_path, capsys):
    jobs = [job(tmp_path / str(i), f"seed={i}") for i in range(5)]
    outcomes = [Outcome("skipped")] * 2 + [Outcome("skipped", "not started")] * 2 + [Outcome("failed", "why")]
    print_summary(jobs, outcomes)
    assert capsys.readouterr().out.splitlines()[1:] == [
        "5 jobs: 0 ok, 1 failed, 0 interrupted, 4 skipped", "  failed: 4: why", "  2 skipped: not started",
    ]  # fmt: skip
    assert [outcome.finished for outcome in outcomes] == [True, True, False, False, False]


@pytest.mark.parametrize("command", [["main.py", "--help"], ["-m", "src", "compare", "--help"]], ids=["run", "compare"])
def test_an_old_variable_is_answered_with_its_new_name(command):
    environment = os.environ | {"PEFT_ARENA_CACHE": "/somewhere"}
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert "PEFT_ARENA_CACHE is not read any more: the variable is called PEFT_VERDICT_CACHE now" in done.stderr
