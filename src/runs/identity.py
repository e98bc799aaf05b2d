"""What makes two runs the same run: config, data, backbone and code. Needs neither torch nor the data loaded."""

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from src.config.known_names import TARGET
from src.config.method_names import package_of
from src.runs.content import content_hash
from src.runs.layout import ADAPTER
from src.utils.code_version import code_hash
from src.utils.paths import ROOT
from src.utils.plain import branch
from src.utils.redact import without_secrets

# Keys that change neither the data nor the weights, by their group, each with the reason: they have no part in a run's
# identity, and no comparison tells runs apart by them.
NOT_IDENTITY: dict[str, dict[str, str]] = {
    "model": {
        "recorded_as": "what records call it",
        "rules": "what values the keys may have",
        "budget": "names the knob that a budget turns; what counts is the knob's value",
        "search": "names what a tuning draws; what counts is what was drawn",
    },
    "data": {
        "rules": "what values the keys may have",
        "rows": "published counts, only checked against",
        "stands_for": "what its classes mean to another task's head",
        "sources": "where the rows come from; what counts are the rows, by the data's own hash",
    },
    "training": {
        "report_to": "where the log goes",
        "logging_steps": "how often the log is written",
        "disable_tqdm": "the progress bar",
        "dataloader_num_workers": "who fetches the rows, not which",
        "run_name": "the run's name for a tracker",
        "log_level": "how much is logged",
        "profile": "times steps and changes none",
    },
}
# Keys that came later, with the value at which they leave the hash as it was.
UNUSED: dict[str, dict[str, object]] = {"data": {"cluster": None, "long": "cut", "also": []}}
NO_PART = ("sweep", "budget", "checkpoint", "tune", "watch", "on_conflict")
# A run's numbers depend on these folders and files of src, and on these packages.
CODE = ("backbones", "data", "metrics", "models", "training", "utils/seeding.py")
PACKAGES = ("torch", "transformers")


def identity(config: Mapping[str, object]) -> dict[str, str]:
    """Hashes of config, data, backbone and code, and of the adapter that a run starts from, if it does.

    Two runs are the same if all of them are.

    Args:
        config: the composed config as plain containers, interpolations resolved.
    """
    same = {
        "config": config_hash(config),
        "data": _data_version(branch(config, "data")),
        "backbone": backbone_version(branch(config, "backbone")),
        "code": method_version(branch(config, "model")),
    }
    return same | ({"start": _warm_start_version(str(run))} if (run := config.get("init_from")) else {})


def relevant(config: Mapping[str, object]) -> dict[str, object]:
    """The part of a config that determines a run's result; no secret is part of it."""
    return {
        group: {
            key: value
            for key, value in node.items()
            if key not in NOT_IDENTITY.get(group, ())
            and not (key in UNUSED.get(group, {}) and value == UNUSED[group][key])
        }
        if isinstance(node, dict)
        else node
        for group, node in without_secrets(config).items()
        if group not in NO_PART and node is not None  # a key that is not used leaves the hash as it was
    }


def config_hash(config: Mapping[str, object]) -> str:
    """Hash of what determines a run's result; spelling (``1e-4``, ``0.0001``) does not matter."""
    return _short(json.dumps(relevant(config), sort_keys=True, default=str))


def method_version(model: Mapping[str, object]) -> str:
    """Hash of this code, and of the package that the method comes from, if it is another."""
    package = package_of(str(branch(model, "adapter").get(TARGET) or model.get("method")))
    return code_version() if package is None else _short(f"{code_version()} {package} {_package_version(package)}")


@functools.cache
def code_version() -> str:
    """Hash of the code that numbers depend on, and of its two main packages' versions (without the build's suffix)."""
    code = code_hash(ROOT / "src" / part for part in CODE)
    return _short(" ".join([code, *map(_package_version, PACKAGES)]))


def _data_version(data: Mapping[str, Any]) -> str:
    """Of the source's own settings and of every local file that they name."""
    source = (data.get("sources") or {}).get(data.get("source")) or {}
    if records := source.get("records"):  # of several tasks
        return _short(json.dumps({name: _data_version(record) for name, record in records.items()}))
    texts = list(_texts(source))
    folders = [Path()]
    if source.get("dir"):
        folder = Path(str(source["dir"])).expanduser()
        folders += [folder, folder / str(source.get("folder", ""))]
    texts = [str(Path.home()) + text[1:] if text.startswith("~/") else text for text in texts if text]
    files = {(folder / text).resolve() for folder in folders for text in texts}
    contents = sorted(content_hash(file) for file in files if file.is_file())
    settings = {key: value for key, value in without_secrets(source, "data").items() if key != "dir"}
    return _short(json.dumps([settings, contents], sort_keys=True, default=str))


def backbone_version(backbone: Mapping[str, object]) -> str:
    """Hash of the local folder's files, the package's version, or what names the model on the hub.

    Several packages that hold an archive have no version in common: its files' hashes stand in the node.
    """
    if package := branch(backbone, "package"):
        return _short(f"{package} {_package_version(package['name'])}")
    path = str(backbone.get("path") or "")
    for folder in (Path(path).expanduser(), ROOT / path):
        if path and folder.is_dir():
            weights = ("*.json", "*.safetensors", "*.bin", "*.txt", "*.model", "*.spm")
            files = sorted({file for pattern in weights for file in folder.glob(pattern)})
            return _short(str([(file.name, content_hash(file)) for file in files]))
    return _short(f"{path} {backbone.get('revision')}")


def _warm_start_version(run: str) -> str:
    """Of the adapter in the run's folder that ``init_from`` names."""
    files = sorted((Path(run).expanduser() / ADAPTER).glob("*"))
    return _short(str([(file.name, content_hash(file)) for file in files if file.is_file()]))


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for value in node.values():
            yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
    elif isinstance(node, str) and len(node) < 4096:
        yield node


@functools.cache
def _package_version(name: str) -> str:
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return "none"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
