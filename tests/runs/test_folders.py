"""Nothing beside, above or below the runs hides one of them, and each thing that fails is one line."""

import os
import socket

import pytest

from src.compare.comparison import compare_runs
from src.runs import folders
from src.runs.reading import find_runs
from src.utils.files import open_regular, read_regular
from tests.compare.factory import make_run


def link_to_each_other(root):
    (root / "a").symlink_to(root / "b")
    (root / "b").symlink_to(root / "a")
    return {"a": "Too many levels of symbolic links", "b": "Too many levels of symbolic links"}


def link_to_itself(root):
    (root / "self").symlink_to("self")
    return {"self": "Too many levels of symbolic links"}


def link_upwards(root):
    (root / "up").symlink_to(root)
    return {}


def link_to_nothing(root):
    (root / "gone").symlink_to("nowhere")
    return {}


def stray_file_above(root):
    (root / "result.json").write_text("{}")
    return {root.name: "status None: not finished"}


def stray_list_above(root):
    (root / "result.json").write_text("[1]")
    return {root.name: "unreadable: not a record"}


def folder_as_record(root):
    (root / "x" / "result.json" / "result.json").mkdir(parents=True)
    return {"x": "unreadable: result.json is a folder"}


def pipe_as_record(root):
    (root / "x").mkdir()
    os.mkfifo(root / "x" / "result.json")
    return {"x": "unreadable: result.json is no regular file"}


def endless_record(root):
    (root / "x").mkdir()
    (root / "x" / "result.json").symlink_to("/dev/zero")
    return {"x": "unreadable: result.json is no regular file"}


def socket_as_record(root):
    (root / "x").mkdir()
    os.chdir(root / "x")  # a socket's path may have 108 bytes
    socket.socket(socket.AF_UNIX).bind("result.json")
    return {"x": "unreadable: result.json is no regular file"}


def record_that_is_gone(root):
    (root / "x").mkdir()
    (root / "x" / "result.json").symlink_to("nowhere")
    return {"x": "unreadable: No such file or directory"}


def name_of_no_text(root):
    make_run(root / os.fsdecode(b"bad\xffname") / "run", predictions=False)
    return {"run": "its name is no UTF-8 text"}


def name_of_two_lines(root):
    make_run(root / "two\nlines", status="failed", error={"message": "x"})
    return {r"two\nlines": "failed: x"}


def files_of_a_run(root):
    for folder in ("adapter", ".hydra"):
        (root / "good0" / folder).mkdir()
        (root / "good0" / folder / "result.json").write_text("no record")
    return {}


def pipes_beside_a_record(root):
    make_run(root / "good0" / "inner", seed=9, predictions=False, history=False)
    for name in ("predictions.parquet", "history.jsonl"):
        os.mkfifo(root / "good0" / "inner" / name)
    return {}


CASES = [
    link_to_each_other, link_to_itself, link_upwards, link_to_nothing, stray_file_above, stray_list_above,
    folder_as_record, pipe_as_record, endless_record, socket_as_record, record_that_is_gone, name_of_no_text,
    name_of_two_lines, files_of_a_run, pipes_beside_a_record,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_thing_that_fails_is_one_line(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "runs"
    for seed in range(3):
        make_run(root / f"good{seed}", seed=seed)
    expected = case(root)
    comparison = compare_runs(find_runs([root]), resamples=100)
    said = {folder.rpartition("/")[2]: reason for folder, reason in comparison.left_out}
    assert said.keys() == expected.keys()
    assert all(expected[name] in reason for name, reason in said.items())
    runs = 3 + (case is pipes_beside_a_record)
    assert comparison.total == f"{runs + len(expected)} folders: {runs} runs, {len(expected)} left out"


def test_a_folder_that_may_not_be_looked_into_is_one_line(tmp_path, monkeypatch):
    """The tests may run as root, whom no permission stops."""
    make_run(tmp_path / "good")
    make_run(tmp_path / "closed" / "run")
    scandir = os.scandir

    def refusing(folder):
        if folder == tmp_path / "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(folders.os, "scandir", refusing)
    comparison = compare_runs(find_runs([tmp_path]))
    assert comparison.left_out == [(str(tmp_path / "closed"), "cannot be looked into: Permission denied")]
    assert comparison.total == "2 folders: 1 run, 1 left out"


def test_a_root_that_is_a_loop_is_one_line(tmp_path):
    make_run(tmp_path / "good")
    (tmp_path / "loop").symlink_to("loop")
    runs = find_runs([tmp_path / "good", tmp_path / "loop"])
    assert [run.problem is None for run in runs] == [True, False]


def test_only_files_that_lie_on_a_disk_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * 11)
    for path, said in (
        (tmp_path / "pipe", "no regular file"),
        (tmp_path, "is a folder"),
        (tmp_path / "large", "11 bytes"),
    ):
        with pytest.raises(OSError, match=said), open_regular(path, 10):
            pass
    assert read_regular(tmp_path / "large", 11) == b"x" * 11
