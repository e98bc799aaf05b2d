"""The models that are timed: the floor, and every method on the same backbone."""

import functools
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from torch import Tensor, nn
from transformers import RobertaConfig, RobertaForSequenceClassification
from transformers.utils import logging as transformers_logging

from src.bench.measurable import TARGETS
from src.config.method_names import recorded_names
from src.models.classifier import Classifier, build_classifier
from src.models.inject import match_targets
from src.utils.errors import UserError
from src.utils.paths import CONF, ROOT
from src.utils.plain import plain

FLOOR, PLAIN_FLOOR = "floor", "floor in plain transformers"
LABELS = ("no", "yes")


@dataclass(frozen=True)
class Shape:
    """The encoder, and the batch that it is given."""

    layers: int = 6
    width: int = 384
    heads: int = 12
    batch: int = 32
    length: int = 54
    dropout: float = 0.1  # of the backbone; in training it costs time and memory, in every arm alike
    fast_paths: bool = True  # those of all arms, see conf/config.yaml

    @property
    def tokens(self) -> int:
        return self.batch * self.length

    def inputs(self, device: str) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(5, 1000, (self.batch, self.length), generator=generator).to(device)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


@dataclass
class Arm:
    """A classifier and how a step of it is computed.

    Args:
        model: the classifier on its device; what is to be trained requires a gradient.
        inputs: a batch.
        dtype: of autocast; None for float32 throughout.
    """

    model: nn.Module
    inputs: dict[str, Tensor]
    dtype: torch.dtype | None = None

    @functools.cached_property
    def trained(self) -> list[nn.Parameter]:
        return [p for p in self.model.parameters() if p.requires_grad]

    @functools.cached_property
    def optimizer(self) -> torch.optim.Optimizer | None:
        return torch.optim.AdamW(self.trained, lr=1e-4) if self.trained else None

    def autocast(self) -> AbstractContextManager[Any]:
        device = self.inputs["input_ids"].device.type
        return torch.autocast(device, dtype=self.dtype or torch.bfloat16, enabled=self.dtype is not None)

    def forward(self) -> Tensor:
        with self.autocast():
            return self.model(**self.inputs).logits

    def loss(self) -> Tensor:
        return loss(self.forward())

    def step(self) -> None:
        """Forward, backward, optimizer step."""
        self.model.train()
        self.loss().backward()
        if self.optimizer is not None:
            self.optimizer.step()
            self.optimizer.zero_grad()

    @torch.no_grad()
    def infer(self) -> None:
        self.model.eval()
        self.forward()


def loss(logits: Tensor) -> Tensor:
    """Against labels that take turns."""
    return F.cross_entropy(logits.float(), torch.arange(len(logits), device=logits.device) % logits.shape[-1])


def model_node(method: str, targets: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The ``model`` node of a method on the given Linears.

    Args:
        method: a method's name, or name and overrides: ``lsr:model.lsr.coupling=sum_of_products``.
        targets: a key of ``TARGETS``.
        overrides: further ones.

    Raises:
        UserError: on an override of what does not exist.
    """
    name, *own = method.split(":")
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            cfg = compose("config", overrides=[f"model={recorded_names().get(name, name)}", *own, *overrides])
    except HydraException as error:
        raise UserError(f"--methods {method}: {error}") from error
    node = plain(cfg.model)
    adapter = node["adapter"]
    if adapter and "target_modules" in adapter and "feedforward_modules" not in adapter:  # IA3 has layers of its own
        adapter["target_modules"] = TARGETS[targets]
    if adapter and adapter.get("num_experts") == "auto":
        adapter["num_experts"] = 4
    return node


@contextmanager
def random_backbone(shape: Shape) -> Iterator[dict[str, Any]]:
    """A ``backbone`` node for an encoder of this shape with random weights, which take as long as trained ones."""
    files = sorted((ROOT / "assets" / "nano").glob("*token*"))  # a tokenizer is asked for, and not used
    vocabulary = json.loads((ROOT / "assets" / "nano" / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    config = RobertaConfig(
        vocab_size=len(vocabulary) + 16, hidden_size=shape.width, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=4 * shape.width, max_position_embeddings=max(514, shape.length + 2), type_vocab_size=1,
        hidden_dropout_prob=shape.dropout, attention_probs_dropout_prob=shape.dropout,
    )  # fmt: skip
    transformers_logging.disable_progress_bar()
    with tempfile.TemporaryDirectory(prefix="peft-verdict-bench-") as folder:
        torch.manual_seed(0)
        RobertaForSequenceClassification(config).save_pretrained(folder)
        for path in files:
            shutil.copy(path, Path(folder))
        yield {"name": "random", "path": folder, "fast_paths": shape.fast_paths}


def classifier(node: dict[str, Any], backbone: dict[str, Any], seed: int = 0) -> Classifier:
    return build_classifier(node, backbone, label_names=LABELS, seed=seed)


def floor(backbone: dict[str, Any], targets: str, plain: bool = False) -> nn.Module:
    """The frozen classifier, with gradients that flow back to the first adapted layers' outputs and no further.

    Every adapter costs at least this: its own gradient needs that of its layer's output.

    Args:
        backbone: the ``backbone`` node.
        targets: a key of ``TARGETS``.
        plain: without the fast paths, whatever the node says.
    """
    if plain:
        backbone = backbone | {"fast_paths": False}
    model: Any = classifier(model_node("head", targets), backbone).model
    model.requires_grad_(False)
    for name in match_targets(model.base_model, TARGETS[targets]):
        model.base_model.get_submodule(name).register_forward_hook(_start_here)
    return model


def _start_here(module: nn.Module, args: Any, output: Tensor) -> Tensor:
    """Above the first adapted layers every output has a gradient already."""
    return output.requires_grad_() if torch.is_grad_enabled() and not output.requires_grad else output
