"""A run's identity follows the content of every file that it depends on."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from src.runs import content
from src.runs.content import BLOCK, content_hash
from src.runs.identity import identity
from src.utils.paths import ROOT
from tests.conftest import compose_config


@pytest.fixture
def settled(monkeypatch, tmp_path):
    """Small blocks, everything kept, and no file so new that it is not trusted."""
    monkeypatch.setattr(content, "BLOCK", 100)
    monkeypatch.setattr(content, "KEPT", 0)
    monkeypatch.setattr(content, "SETTLED", -1e9)
    monkeypatch.setenv("PEFT_VERDICT_CACHE", str(tmp_path / "cache"))
    content._known.cache_clear()
    yield
    content._known.cache_clear()


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 1000, 1001])
def test_the_hash_is_that_of_its_definition(size, settled, tmp_path):
    data = bytes(i % 251 for i in range(size))
    (tmp_path / "file").write_bytes(data)
    blocks = [hashlib.sha256(data[i : i + 100]).digest() for i in range(0, size, 100)]
    expected = hashlib.sha256(data).hexdigest() if size <= 100 else hashlib.sha256(b"".join(blocks)).hexdigest()
    assert content_hash(tmp_path / "file") == expected
    content._known.cache_clear()
    assert content_hash(tmp_path / "file") == expected, "from the cache"


def test_another_content_is_seen_whatever_the_times_say(settled, tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(b"a" * 300)
    os.utime(file, (1, 1))
    before = content_hash(file)
    with file.open("r+b") as opened:  # in its place
        opened.seek(250)
        opened.write(b"b")
    os.utime(file, (1, 1))
    changed = content_hash(file)
    (tmp_path / "other").write_bytes(b"a" * 299 + b"c")
    os.utime(tmp_path / "other", (1, 1))
    (tmp_path / "other").replace(file)
    assert len({before, changed, content_hash(file)}) == 3


@pytest.mark.parametrize("damage", [b"", b"x" * 64, b"\xff\x00", b"ab" * 5000], ids=str)
def test_a_damaged_cache_costs_time_alone(damage, settled, tmp_path):
    (tmp_path / "file").write_bytes(b"a" * 300)
    expected = content_hash(tmp_path / "file")
    (note,) = (tmp_path / "cache" / "hashes").iterdir()
    note.write_bytes(damage)
    content._known.cache_clear()
    assert content_hash(tmp_path / "file") == expected and note.read_text() == expected


def test_a_file_is_read_once(settled, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"a" * 300)
    expected = content_hash(tmp_path / "file")
    monkeypatch.setattr(content, "_hashed", lambda *_: pytest.fail("read again"))
    assert content_hash(tmp_path / "file") == expected
    content._known.cache_clear()  # another process
    assert content_hash(tmp_path / "file") == expected


def test_a_file_that_has_just_changed_is_not_trusted(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "_known", lambda *_: pytest.fail("kept"))
    (tmp_path / "file").write_bytes(b"a")
    assert content_hash(tmp_path / "file") == hashlib.sha256(b"a").hexdigest()


def data_file(folder: Path) -> tuple[Path, list[str]]:
    file = folder / "train.csv"
    file.write_text("text,label\n" + "good,1\nbad,0\n" * 200)
    return file, ["data=custom", f"data.files.train={file}", "data.text=[text]"]


def backbone_file(name: str):
    def make(folder: Path) -> tuple[Path, list[str]]:
        shutil.copytree(ROOT / "assets" / "nano", folder / "nano", ignore=shutil.ignore_patterns("*.py", "*.md"))
        file = folder / "nano" / name
        if not file.exists():
            file.write_bytes(b"m" * 500)
        return file, [f"backbone.path={folder / 'nano'}"]

    return make


def start_file(name: str):
    def make(folder: Path) -> tuple[Path, list[str]]:
        (folder / "run" / "adapter").mkdir(parents=True)
        (folder / "run" / "adapter" / name).write_bytes(b"t" * 500)
        return folder / "run" / "adapter" / name, [f"init_from={folder / 'run'}"]

    return make


@pytest.mark.parametrize(
    "make",
    [
        data_file,
        backbone_file("model.safetensors"),
        start_file("adapter.safetensors"),
        *(
            pytest.param(make, marks=pytest.mark.slow)
            for make in (
                *map(backbone_file, ("config.json", "tokenizer.json", "pytorch_model.bin", "merges.txt", "spiece.model",
                                     "spm.spm")),
                start_file("adapter.json"),
            )
        ),
    ],
    ids=["data", "safetensors", "start's tensors", "config", "tokenizer", "bin", "txt", "model", "spm", "start's json"],
)  # fmt: skip
def test_every_file_of_a_run_is_part_of_its_identity(make, settled, tmp_path):
    """Another content of the same size under the same times is another run."""
    file, overrides = make(tmp_path)
    config = OmegaConf.to_container(compose_config("experiment=demo", *overrides), resolve=True)
    before, times = identity(config), file.stat()
    assert identity(config) == before
    data = bytearray(file.read_bytes())
    data[-2] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = identity(config)
    assert sum(after[part] != value for part, value in before.items()) == 1


@pytest.mark.slow
def test_the_end_of_a_large_file_counts(tmp_path):
    file = tmp_path / "weights.bin"
    with file.open("wb") as opened:
        opened.truncate(BLOCK + 6 * 2**20)
    before = content_hash(file)
    with file.open("r+b") as opened:
        opened.seek(-1, os.SEEK_END)
        opened.write(b"x")
    assert content_hash(file) != before
