"""Places that cannot be written: one message with the place, the reason and what helps; nothing half-written."""

import errno
import os
import stat
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from safetensors.torch import save_file

import main
from src.__main__ import main as command
from src.cli import run_app
from src.utils.cache import cache_dir
from src.utils.files import append_line, filled, whole, write_whole
from src.utils.places import UnwritableError, writing
from tests.conftest import NANO, call

SHORT = [*NANO, "hydra/job_logging=none", "training.max_steps=1"]
REFUSALS = [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EIO]
FULL = Path("/dev/full")  # every write to it fails as on a full disk


def refuse(code: int):
    def write(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    return write


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def safetensors(path: Path) -> None:
    save_file({"a": torch.zeros(3)}, path)


def table(path: Path) -> None:
    pq.write_table(pa.table({"a": [1, 2]}), path)


WRITERS = [safetensors, lambda path: torch.save({"a": torch.zeros(3)}, path), table, lambda path: path.write_text("a")]


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_is_as_readable_as_any_new_one(tmp_path, write):
    before = os.umask(0o027)
    try:
        with whole(tmp_path / "file") as temporary:
            write(temporary)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~0o027
    assert below(tmp_path) == ["file"]


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("write", WRITERS[1:])
def test_every_librarys_word_for_a_full_disk_is_understood(tmp_path, write):
    said = rf"^{tmp_path}/file: (No space left on device; make room there, or|.* the disk may be full;) .*=FOLDER"
    (tmp_path / "full").symlink_to(FULL)  # pyarrow removes what it could not write: the link, not the device
    with pytest.raises(UnwritableError, match=said), writing(tmp_path / "file"):
        write(tmp_path / "full")


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refused_write_leaves_the_file_as_it_was(tmp_path, monkeypatch, code):
    (tmp_path / "file").write_text("before")
    monkeypatch.setattr(Path, "write_text", refuse(code))
    with pytest.raises(UnwritableError, match=str(tmp_path / "file")):
        write_whole(tmp_path / "file", "after")
    assert (tmp_path / "file").read_text() == "before" and below(tmp_path) == ["file"]


def test_a_line_is_appended_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "lines"
    append_line(path, "one")
    append_line(path, "zwei ü")
    assert path.read_bytes() == "one\nzwei ü\n".encode()
    resource = pytest.importorskip("resource")
    import signal

    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(UnwritableError, match="File too large"):
            append_line(path, "x" * 200)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == "one\nzwei ü\n".encode()


def test_a_folder_that_could_not_be_filled_is_gone(tmp_path):
    (tmp_path / "empty").mkdir()
    for name, left in (("new", []), ("empty", ["empty"])):
        with pytest.raises(UnwritableError, match=name), filled(tmp_path / name) as folder:
            (folder / "sub").mkdir()
            (folder / "sub" / "file").write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        assert [path for path in below(tmp_path) if path.startswith(name)] == left
    with filled(tmp_path / "good") as folder:
        safetensors(folder / "model.safetensors")
        (folder / "config.json").write_text("{}")
    modes = {stat.S_IMODE((folder / name).stat().st_mode) for name in ("model.safetensors", "config.json")}
    assert len(modes) == 1


def test_an_error_that_is_no_place_is_not_disguised(tmp_path):
    with pytest.raises(ZeroDivisionError), whole(tmp_path / "file"):
        _ = 1 / 0
    assert below(tmp_path) == []


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"PEFT_VERDICT_CACHE": "file/x"}, "PEFT_VERDICT_CACHE=FOLDER"),
        ({"PEFT_VERDICT_CACHE": "", "XDG_CACHE_HOME": "file"}, "PEFT_VERDICT_CACHE=FOLDER"),
        ({"PEFT_VERDICT_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "file"}, "PEFT_VERDICT_CACHE=FOLDER"),
    ],
)
def test_a_cache_that_cannot_be_made_names_its_variable(tmp_path, monkeypatch, variables, named):
    (tmp_path / "file").touch()
    for name, value in variables.items():
        monkeypatch.setenv(name, str(tmp_path / value) if value else "")
    with pytest.raises(UnwritableError) as told:
        cache_dir("kind")
    assert str(tmp_path / "file") in str(told.value) and named in str(told.value)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["hydra.run.dir={}"], "hydra.run.dir="),
        (["hydra.run.dir={}/run"], "hydra.run.dir="),
        (["--multirun", "seed=0,1", "sweep.dir={}"], "sweep.dir="),
        (["--multirun", "seed=0,1", "sweep.dir={}/sweep"], "sweep.dir="),
        (["--multirun", "seed=0,1", "hydra.sweep.dir={}/sweep"], "sweep.dir="),
    ],
)
def test_a_file_in_the_place_of_a_folder(tmp_path, monkeypatch, capsys, arguments, named):
    file = tmp_path / "file"
    file.write_text("kept")
    assert call(monkeypatch, *SHORT, *(text.format(file) for text in arguments)) == 2
    error = capsys.readouterr().err
    assert str(file) in error and named in error and len(error.splitlines()) == 1
    assert below(tmp_path) == ["file"] and file.read_text() == "kept"


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOSPC])
@pytest.mark.parametrize("name", ["predictions.parquet", "adapter.safetensors", "history.jsonl"])
def test_a_run_that_cannot_write_ends_in_one_message(tmp_path, monkeypatch, capsys, name, code):
    """It is told once, and recorded; no temporary file is left, and the last line is the command that goes on."""
    import src.models.classifier
    import src.runs.predictions_writing
    import src.runs.record

    targets = {
        "predictions.parquet": (src.runs.predictions_writing.pq, "write_table"),
        "adapter.safetensors": (src.models.classifier, "save_file"),
        "history.jsonl": (src.runs.record, "append_line"),
    }
    folder = tmp_path / "run"

    def broken(*args, **kwargs):
        with writing(folder / name):
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(*targets[name], broken)
    assert call(monkeypatch, *SHORT, f"hydra.run.dir={folder}") == 2
    error = capsys.readouterr().err.splitlines()
    told = [line for line in error if line.startswith("error: ")]
    assert len(told) == 1 and name.partition(".")[0] in told[0] and os.strerror(code) in told[0]
    assert "hydra.run.dir=FOLDER" in told[0] and error[-1].endswith(f"hydra.run.dir={folder}")
    assert not [path for path in folder.rglob(".*.*") if path.name not in (".hydra", ".lock.1")], "no temporary file"
    assert '"status": "failed"' in (folder / "result.json").read_text()


def test_a_comparison_goes_on_without_its_cache(tmp_path, train, monkeypatch, capsys):
    (tmp_path / "file").touch()
    run = train("training.max_steps=1")
    monkeypatch.setenv("PEFT_VERDICT_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(sys, "argv", ["src", "compare", str(run)])
    assert command() == 0
    captured = capsys.readouterr()
    assert "PEFT_VERDICT_CACHE=FOLDER" in captured.err and len(captured.err.splitlines()) == 1
    assert "lora" in captured.out


@pytest.mark.parametrize("option", ["--html", "--tidy", "--figures"])
def test_an_option_that_names_no_writable_place_is_named(tmp_path, train, monkeypatch, capsys, option):
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "out.csv"
    monkeypatch.setattr(sys, "argv", ["src", "compare", str(train("training.max_steps=1")), option, str(out)])
    assert command() == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and str(tmp_path / "file") in error and f"{option} FOLDER" in error


def test_everything_in_a_runs_folder_is_readable_as_its_folder_is(tmp_path, monkeypatch, capsys):
    from src.deploy.export import export_run
    from src.deploy.merge import merge_run

    before = os.umask(0o022)
    try:
        monkeypatch.setattr(sys, "argv", ["main.py", *NANO, "training.max_steps=1", f"hydra.run.dir={tmp_path}/run"])
        GlobalHydra.instance().clear()
        run_app(main.main)
        merge_run(tmp_path / "run", tmp_path / "merged", rows=4)
        export_run(tmp_path / "run", tmp_path / "exported")
    finally:
        os.umask(before)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"adapter.safetensors", "model.safetensors", "adapter_model.safetensors", "main.log"} <= {
        p.name for p in files
    }
    assert {path: oct(stat.S_IMODE(path.stat().st_mode)) for path in files} == dict.fromkeys(files, "0o644")
