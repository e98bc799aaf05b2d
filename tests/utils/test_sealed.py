"""A sealed file is read whole as it was written, or not at all."""

import os
import random
import socket
from pathlib import Path

import pytest

from src.utils import files
from src.utils.files import remove_unfinished, whole
from src.utils.sealed import HEADER, DamagedError, read_sealed, write_sealed

CONTENT = bytes(range(256)) * 3


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    write_sealed(tmp_path / "state", lambda file: [file.write(CONTENT[i : i + 100]) for i in range(0, 768, 100)])
    return tmp_path / "state"


def test_what_was_written_is_read(sealed):
    assert read_sealed(sealed).read() == CONTENT
    assert read_sealed(sealed.with_name("none")) is None


def test_every_flipped_bit_is_seen(sealed):
    whole_file = sealed.read_bytes()
    assert len(whole_file) == HEADER + len(CONTENT)
    for position in range(len(whole_file)):
        flipped = bytearray(whole_file)
        flipped[position] ^= 1 << random.Random(position).randrange(8)
        sealed.write_bytes(flipped)
        with pytest.raises(DamagedError):
            read_sealed(sealed)


def test_every_truncation_and_every_addition_is_seen(sealed):
    whole_file = sealed.read_bytes()
    for size in range(len(whole_file)):
        sealed.write_bytes(whole_file[:size])
        with pytest.raises(DamagedError):
            read_sealed(sealed)
    sealed.write_bytes(whole_file + b"x")
    with pytest.raises(DamagedError, match="checksum"):
        read_sealed(sealed)


def socket_at(path: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.close()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Path.mkdir, "is a folder"),
        (os.mkfifo, "no regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "no regular file"),
        (socket_at, "no regular file"),
        (lambda path: path.symlink_to(path), "cannot be read"),
        (lambda path: path.write_bytes(b""), "another program"),
    ],
    ids=["folder", "pipe", "device", "socket", "loop", "empty"],
)
def test_what_is_no_file_of_ours_is_not_read(make, why, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's name is short
    make(Path("state"))
    with pytest.raises(DamagedError, match=why):
        read_sealed(Path("state"))


def test_a_writer_that_fails_leaves_the_file_as_it_was(sealed):
    def fail(file):
        file.write(b"half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_sealed(sealed, fail)
    assert read_sealed(sealed).read() == CONTENT and list(sealed.parent.iterdir()) == [sealed]


def test_a_durable_file_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    done = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(
        files.os, "fsync", lambda fd: (done.append(str(Path(f"/proc/self/fd/{fd}").readlink())), sync(fd))
    )
    monkeypatch.setattr(Path, "replace", lambda self, to: (done.append("replace"), replace(self, to)))
    with whole(tmp_path / "record", durable=True) as temporary:
        temporary.write_text("x")
    assert done == [str(temporary), "replace", str(tmp_path)]


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    left = [".result.json.999999.7", ".checkpoint.pt.1.139", ".now.a1b2c3", ".mode.9.9", ".new_lock.aa"]
    kept = ["result.json", ".lock.3", ".hydra", f".result.json.{os.getpid()}.1", ".now.young", ".stop", "a.1.2"]
    for name in [*left, *kept]:
        (tmp_path / name).write_text("x")
    for name in left[2:]:
        os.utime(tmp_path / name, (0, 0))
    remove_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
    remove_unfinished(tmp_path / "none")
