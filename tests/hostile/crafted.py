"""A harmless run's folder, what of it can be changed, and a way to have code run by such a change."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from src.utils.paths import ROOT

NANO = ROOT / "assets" / "nano"
SECRET = "PEFT_VERDICT_TEST_SECRET"  # an environment variable that no output may hold
LORA = {"_target_": "src.models.lora.LoRALinear", "_partial_": True, "r": 2, "alpha": 2, "dropout": 0.0,
        "target_modules": ["encoder.layer.0.attention.self.query"]}  # fmt: skip


class Payload:
    """Pickles to a call of ``os.system``."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


@dataclass(frozen=True)
class Attack:
    """A way to have code run.

    Attributes:
        name: what the canary is called.
        files: ``adapter``, ``data``, ``backbone``, ``record`` or ``peft``: what of the run is crafted, which decides
            what commands get to see it.
        craft: changes a harmless run's folder.
        trusting: what a reader would do that trusts the folder; leaves the canary, which shows that the trap is set.
    """

    name: str
    files: str
    craft: Callable[["Run"], None]
    trusting: Callable[["Run"], Any] | None = None


@dataclass(frozen=True)
class Run:
    """A harmless run's folder, to be made hostile."""

    folder: Path
    canary: Path

    @property
    def shell(self) -> str:
        return f"touch {self.canary}"

    @property
    def python(self) -> str:
        return f"import os; os.system({self.shell!r})\n"

    def description(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change ``adapter.json``."""
        _change_json(self.folder / "adapter" / "adapter.json", change)

    def record(self, change: Callable[[dict[str, Any]], Any]) -> None:
        _change_json(self.folder / "result.json", change)

    def data(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change the node ``data`` of ``.hydra/config.yaml``."""
        file = self.folder / ".hydra" / "config.yaml"
        config = yaml.safe_load(file.read_text())
        change(config["data"])
        file.write_text(yaml.safe_dump(config))

    def source(self, node: Any) -> None:
        """Let the data be read from a source of one's own."""
        self.data(lambda data: data.update(source="theirs", sources={"theirs": node}))

    def adapter(self, node: dict[str, Any]) -> None:
        """Let the adapter be described by a node with a path in it, as format 1 had it."""
        self.description(lambda saved: (
            saved.update(format_version=1), saved["model"].pop("method", None), saved["model"].update(adapter=node)
        ))  # fmt: skip

    def method(self, name: Any, **node: Any) -> None:
        """Let the method have another name, or the adapter of format 2 other keys."""
        self.description(lambda saved: (saved["model"].update(method=name), saved["model"]["adapter"].update(node)))

    def module(self, name: str = "canary_module") -> None:
        """A module in the run's folder, which leaves the canary when it is imported."""
        self.file(f"{name}.py", self.python + "from torch.nn import Linear as Adapter\n")

    def file(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def pickle(self, name: str) -> Path:
        return self.file(name, pickle.dumps({"weight": Payload(self.shell)}))

    def backbone(self, config: dict[str, Any] | None = None, tokenizer: dict[str, Any] | None = None) -> Path:
        """A backbone in the run's own folder, with changes to its config and its tokenizer's."""
        folder = self.folder / "backbone"
        shutil.copytree(NANO, folder, ignore=shutil.ignore_patterns("*.py", "*.md"))
        _change_json(folder / "config.json", lambda own: own.update(config or {}))
        _change_json(folder / "tokenizer_config.json", lambda own: own.update(tokenizer or {}))
        self.description(lambda saved: saved.update(backbone={"name": "theirs", "path": str(folder)}))
        return folder

    def custom_code(self) -> None:
        """Code beside the backbone, in the form that transformers takes it with ``trust_remote_code``."""
        self.file("backbone/canary_code.py", self.python + (
            "from transformers import RobertaConfig, RobertaForSequenceClassification, RobertaTokenizer\n"
            "class Config(RobertaConfig):\n    model_type = 'strangers_own'\n"
            "class Model(RobertaForSequenceClassification):\n    config_class = Config\n"
            "class Tokenizer(RobertaTokenizer):\n    pass\n"
        ))  # fmt: skip


def _change_json(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def instantiate(node: dict[str, Any], *args: Any) -> None:
    """What a reader does that trusts ``_target_``."""
    from hydra.utils import instantiate as by_hydra

    by_hydra(node, *args)
