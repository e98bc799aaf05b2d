"""An archive of a stranger's unpacks to plain files within its folder, or not at all."""

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from src.utils.errors import UserError
from src.verify import archive
from src.verify.archive import unpacked

FILES = {
    "sweep/a/result.json": b"{}", "sweep/a/adapter/adapter.json": b"{}", "sweep/a/.hydra/config.yaml": b"a: 1",
    "sweep/a/predictions.parquet": b"rows", "sweep/a/main.log": b"log",
}  # fmt: skip
OTHERS = {"sweep/notes.html": b"<html>", "sweep/a/canary.py": b"1/0", "sweep/a/checkpoint.pt": b"pickle"}


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return path


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as target:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            target.addfile(info, io.BytesIO(content))
    return path


WRITERS = {".zip": write_zip, ".tar.gz": write_tar}


@pytest.mark.parametrize("ending", WRITERS)
def test_the_files_of_runs_are_unpacked_and_no_others(ending, tmp_path):
    path = WRITERS[ending](tmp_path / f"runs{ending}", FILES | OTHERS)
    with unpacked(path) as folder:
        found = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        assert found == FILES
        assert not any(file.stat().st_mode & 0o111 for file in folder.rglob("*") if file.is_file())
    assert not folder.exists()


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize(
    "name", ["/tmp/result.json", "../result.json", "a/../../result.json", "a\\..\\result.json", "C:/result.json",
             "a\n/result.json", "/".join("a" * 40) + "/result.json", "a" * 300 + "/result.json"]
)  # fmt: skip
def test_no_name_leads_out(ending, name, tmp_path):
    path = WRITERS[ending](tmp_path / f"runs{ending}", {name: b"{}"})
    with pytest.raises(UserError, match="no name within a folder"), unpacked(path):
        pass
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name]


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE],
    ids=["link", "hard", "device", "pipe"],
)
def test_links_and_devices_are_refused(kind, tmp_path):
    with tarfile.open(tmp_path / "runs.tar", "w") as target:
        info = tarfile.TarInfo("a/result.json")
        info.type, info.linkname = kind, "/etc/passwd"
        target.addfile(info)
    with pytest.raises(UserError, match="no plain file"), unpacked(tmp_path / "runs.tar"):
        pass


def test_a_link_in_a_zip_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "runs.zip", "w") as target:
        info = zipfile.ZipInfo("a/result.json")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        target.writestr(info, "/etc/passwd")
    with pytest.raises(UserError, match="no plain file"), unpacked(tmp_path / "runs.zip"):
        pass


@pytest.mark.parametrize("ending", WRITERS)
def test_a_bomb_ends_at_the_bound(ending, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST", 1000)
    path = WRITERS[ending](tmp_path / f"runs{ending}", {f"{i}/result.json": bytes(300) for i in range(4)})
    with pytest.raises(UserError, match="unpacks to more than fits"), unpacked(path):
        pass
    monkeypatch.setattr(archive, "MOST_MEMBERS", 2)
    with pytest.raises(UserError, match="more than 2 entries"), unpacked(path):
        pass


def test_a_name_that_comes_twice_is_refused(tmp_path):
    with tarfile.open(tmp_path / "runs.tar", "w") as target:
        for _ in range(2):
            target.addfile(tarfile.TarInfo("a/result.json"))
    with pytest.raises(UserError, match="cannot be unpacked"), unpacked(tmp_path / "runs.tar"):
        pass


@pytest.mark.parametrize("ending", archive.ENDINGS)
@pytest.mark.parametrize("content", [b"", b"no archive at all", os.urandom(2000)])
def test_what_is_no_archive_is_one_message(ending, content, tmp_path):
    (path := tmp_path / f"runs{ending}").write_bytes(content)
    with pytest.raises(UserError, match="cannot be unpacked"), unpacked(path):
        pass
