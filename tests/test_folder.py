"""What a single run finds in its folder, and what is left of it: every state of a folder, for every ``on_conflict``."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

import main
from src.cli import ROOT, run_app
from src.commands import run as alone
from src.runs.holder import Holder
from src.runs.identity import identity, relevant
from src.runs.layout import CONTENT
from src.runs.lock import owner
from src.utils.errors import UserError
from src.utils.fence import mine
from tests.conftest import NANO, call, compose_config

SHORT = [*NANO, "hydra/job_logging=none", "training.max_steps=1", "data.max_train_samples=40"]
HYDRAS = (".hydra", "main.log")
ASKED = ("error", "rerun", "keep")
GO, DONE = "go", "done"


def tree(folder: Path) -> dict[str, object]:
    """Everything below, links not followed: the content of files, the target of links."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        found[name] = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else path.is_dir()
    return found


@pytest.fixture(scope="module")
def cfg() -> DictConfig:
    return compose_config(*SHORT)


@pytest.fixture(scope="module")
def other() -> DictConfig:
    return compose_config(*SHORT, "model.lora.r=3")


def write_run(folder: Path, cfg: DictConfig, status: str, **fields) -> Path:
    """A run's folder as it is left behind, but for its numbers."""
    config = OmegaConf.to_container(cfg, resolve=True)
    record = {"schema_version": 1, "status": status, "budget": None, "identity": identity(config)}
    record |= {"config": relevant(config), "primary_metric": {"name": "accuracy", "value": 0.5, "split": "validation"}}
    folder.mkdir(parents=True)
    (folder / "adapter").mkdir()
    (folder / ".hydra").mkdir()
    for name in ("adapter/adapter.json", "adapter/notes.md", ".hydra/config.yaml", "main.log", "history.jsonl"):
        (folder / name).write_text(f"the {name} of before")
    (folder / ".lock.3").touch()
    (folder / "result.json").write_text(json.dumps(record | fields))
    return folder


def unrelated(*names: str) -> Callable[[Path, DictConfig, DictConfig], Path]:
    def make(folder: Path, cfg: DictConfig, other: DictConfig) -> Path:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("a stranger's")
        return folder

    return make


def run(status: str, same: bool, **fields) -> Callable[[Path, DictConfig, DictConfig], Path]:
    return lambda folder, cfg, other: write_run(folder, cfg if same else other, status, **fields)


def held(folder: Path, cfg: DictConfig, other: DictConfig) -> Path:
    write_run(folder, cfg, "running")
    (folder / ".lock.4").write_text(Holder.myself("another's").text())
    return folder


def damaged(folder: Path, cfg: DictConfig, other: DictConfig) -> Path:
    write_run(folder, cfg, "ok")
    (folder / "result.json").write_text('{"status": "o')
    return folder


def begun(folder: Path, cfg: DictConfig, other: DictConfig) -> Path:
    """Killed after Hydra's files, before its record."""
    unrelated(".hydra/config.yaml", "main.log")(folder, cfg, other)
    (folder / ".lock.1").write_text(json.dumps(json.loads(Holder.myself().text()) | {"born": "1"}))
    return folder


def linked(folder: Path, cfg: DictConfig, other: DictConfig) -> Path:
    write_run(folder.parent / "target", other, "ok")
    folder.symlink_to(folder.parent / "target")
    return folder


def dangling(folder: Path, cfg: DictConfig, other: DictConfig) -> Path:
    folder.symlink_to(folder.parent / "nothing")
    return folder


def a_file(folder: Path, cfg: DictConfig, other: DictConfig) -> Path:
    folder.write_text("a stranger's")
    return folder


def a_pipe(folder: Path, cfg: DictConfig, other: DictConfig) -> Path:
    folder.mkdir()
    os.mkfifo(folder / "result.json")
    return folder


def a_link(folder: Path, cfg: DictConfig, other: DictConfig) -> Path:
    folder.mkdir()
    (folder / "result.json").symlink_to("/dev/zero")
    return folder


@dataclass(frozen=True)
class State:
    """How the folder is, and what becomes of the run for error, rerun and keep: it goes, is done, or a message."""

    make: Callable[[Path, DictConfig, DictConfig], Path]
    error: str
    rerun: str
    keep: str


def always(make, outcome: str) -> State:
    return State(make, outcome, outcome, outcome)


OTHER = "that is not the one asked for: other config \\(model.lora.alpha, model.lora.r\\)"
STRANGE = "holds {}, and no record says"
STATES = {
    "new": always(lambda folder, cfg, other: folder, GO),
    "new below new": always(lambda folder, cfg, other: folder / "a" / "b", GO),
    "empty": always(lambda folder, cfg, other: (folder.mkdir(), folder)[1], GO),
    "unrelated files": always(unrelated("notes.txt", "data/rows.csv"), GO),
    **{f"a stranger's {name}": always(unrelated(name), STRANGE.format(name)) for name in (*CONTENT, *HYDRAS)},
    "a stranger's adapter folder": always(unrelated("adapter/weights.bin", "notes.txt"), STRANGE.format("adapter")),
    "a stranger's record": always(unrelated("result.json"), STRANGE.format("result.json")),
    "a pipe for a record": always(a_pipe, STRANGE.format("result.json")),
    "a link for a record": always(a_link, STRANGE.format("result.json")),
    "done": always(run("ok", True), DONE),
    "done, other": State(run("ok", False), OTHER, GO, DONE),
    "done, other code": State(
        run("ok", True, identity={"config": "", "data": "", "backbone": "", "code": ""}),
        "other config, data, backbone, code",
        GO,
        DONE,
    ),
    **{f"{status}": always(run(status, True), GO) for status in ("failed", "interrupted", "running")},
    **{
        f"{status}, other": State(run(status, False), OTHER, GO, OTHER)
        for status in ("failed", "interrupted", "running")
    },
    "killed before its record": always(begun, GO),
    "held": always(held, f"process {os.getpid()} on .* works in it"),
    "damaged record": State(damaged, "cannot be read", GO, "cannot be read"),
    "imported": State(run("ok", True, identity=None, imported_from="/x"), "an imported run", GO, DONE),
    "odd identity": State(run("ok", True, identity=[1], primary_metric=7), "not the one asked for", GO, DONE),
    "a sweep's": always(unrelated("multirun.yaml", "seed=0/result.json"), "the folder of a sweep"),
    "above runs": always(unrelated("2026/run/result.json"), "has runs below it"),
    "file in its place": always(a_file, "cannot be made|file is in"),
    "link to another run": State(linked, OTHER, GO, DONE),
    "dangling link": always(dangling, "file is in the folder's place|cannot be made"),
}


@pytest.mark.parametrize("on_conflict", ASKED)
@pytest.mark.parametrize("name", STATES)
def test_every_state_of_a_folder(name, on_conflict, cfg, other, tmp_path):
    """Whatever is not the run's own to change is byte for byte as before, locks included."""
    state = STATES[name]
    folder = state.make(tmp_path / "run", cfg, other)
    asked = OmegaConf.merge(cfg, {"on_conflict": on_conflict})
    before = tree(tmp_path)
    expected = getattr(state, on_conflict)
    if expected in (GO, DONE):
        said = alone.claim(asked, folder, HYDRAS)
        assert (said is None) == (expected == GO), said
        assert mine(folder) == (expected == GO)
        if said is not None:
            assert str(folder) in said and "nothing was run" in said
    else:
        with pytest.raises(UserError, match=expected) as refused:
            alone.claim(asked, folder, HYDRAS)
        assert str(folder) in str(refused.value) and "hydra.run.dir" in str(refused.value)
    alone.undo()
    assert tree(tmp_path) == before and not mine(folder)


@pytest.mark.parametrize("folder", [".", "", "~", "/", "..", "../x/../here", "/proc/self/cwd", str(ROOT)])
def test_a_place_that_is_no_runs_is_refused(folder, tmp_path, monkeypatch, capsys):
    here = tmp_path / "here"
    (here / "adapter").mkdir(parents=True)
    (here / "adapter" / "precious.bin").write_text("precious")
    monkeypatch.chdir(here)
    before = tree(tmp_path)
    for words in ([f"hydra.run.dir={folder}"], ["hydra.run.dir=${oc.env:FOLDER}"]):
        monkeypatch.setenv("FOLDER", folder)
        assert call(monkeypatch, *SHORT, *words) == 2
        assert "hydra.run.dir" in capsys.readouterr().err
        assert tree(tmp_path) == before


def start(monkeypatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", *words])
    GlobalHydra.instance().clear()
    run_app(main.main)


def test_a_run_and_what_comes_after_it(tmp_path, monkeypatch, capsys):
    """The command line, Hydra's files and logs included: mistakes, another config, the same again, and in its place."""
    folder = tmp_path / "run"
    words = [*NANO, "training.max_steps=1", "data.max_train_samples=40", f"hydra.run.dir={folder}"]
    start(monkeypatch, *words)
    score = json.loads((folder / "result.json").read_text())["primary_metric"]["value"]
    (folder / "adapter" / "notes.md").write_text("the user's")
    (folder / "notes.txt").write_text("the user's")
    before = tree(tmp_path)
    for wrong in ("model.lora.r=0", "seed=1", "on_conflict=never"):
        assert call(monkeypatch, *words, wrong) == 2
        assert tree(tmp_path) == before, wrong
    assert call(monkeypatch, *words, "model.lora.target_modules=[nope]", "on_conflict=rerun") == 2
    assert tree(tmp_path) == before, "what only the model reveals"
    capsys.readouterr()
    for again in (["on_conflict=rerun"], ["sweep.on_conflict=keep", "seed=1"]):
        assert call(monkeypatch, *words, *again) == 0
        assert f"{score:.4f} on validation" in capsys.readouterr().out and tree(tmp_path) == before
    start(monkeypatch, *words, "seed=1", "sweep.on_conflict=rerun")
    record, after = json.loads((folder / "result.json").read_text()), tree(tmp_path)
    assert record["seed"] == 1 and record["status"] == "ok"
    kept = ("run/adapter/notes.md", "run/notes.txt")
    assert [after[name] for name in kept] == [before[name] for name in kept], "no record says that they are a run's"


def test_a_second_run_at_once_is_refused(tmp_path):
    """Both are whole commands; the first one is stopped, with SIGSTOP, once it has the folder."""
    import signal
    import time

    folder = tmp_path / "run"
    command = [sys.executable, "main.py", *SHORT, f"hydra.run.dir={folder}"]
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (folder / ".lock.1").exists() and first.poll() is None:
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)
    try:
        before = tree(tmp_path)
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert second.returncode == 2 and f"process {first.pid} on" in second.stderr
        assert len(second.stderr.splitlines()) == 1 and tree(tmp_path) == before
    finally:
        first.kill()
        first.wait()
    assert owner(folder) is None, "the dead hold nothing"


def test_a_fault_of_the_check_itself_lets_nothing_be_written(tmp_path, monkeypatch, capsys):
    """Hydra would make a warning of it, and go on."""
    folder = tmp_path / "run"

    def broken(*args):
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(alone, "claim", broken)
    assert call(monkeypatch, *SHORT, f"hydra.run.dir={folder}") == 1
    assert "ZeroDivisionError: a fault" in capsys.readouterr().err and not folder.exists()


def test_a_command_that_takes_the_check_out_of_the_config_is_checked_later(cfg, tmp_path, monkeypatch, capsys):
    """Hydra's own files are then written by Hydra; the run's stay."""
    folder = write_run(tmp_path / "run", cfg, "ok")
    before = tree(folder)
    assert call(monkeypatch, *SHORT, "seed=1", "~hydra.callbacks.checked_first", f"hydra.run.dir={folder}") == 2
    assert "other config (seed)" in capsys.readouterr().err
    after = tree(folder)
    assert {name for name in before if after[name] != before[name]} == {".hydra/config.yaml"}
