"""A backbone's shapes without its weights, and the size of an adapter on it."""

import fnmatch
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from src.backbones.backbone import locate, quiet, read_config
from src.backbones.head_init import head_names
from src.backbones.remote_code import NO_REMOTE_CODE, why
from src.models.auto_targets import with_targets
from src.models.inject import match_targets
from src.models.method import make_method
from src.models.rank import check_rank
from src.tasks import KINDS
from src.utils.errors import UserError
from src.utils.hub_access import require_hub
from src.utils.plain import branch

ANY_HEAD = "classification"  # what is counted stands in the encoder, which is the same for most kinds


@dataclass(frozen=True, eq=False)
class MetaModel:
    """A classifier on torch's meta device, and the names of what its checkpoint does not hold."""

    model: nn.Module
    head: frozenset[str]

    @property
    def encoder(self) -> nn.Module:
        """The model without its head."""
        found = self.model.base_model
        assert isinstance(found, nn.Module)
        return found


def load_meta_model(cfg: Mapping[str, object], kind: str | None = None) -> MetaModel:
    """Build the shapes of a ``backbone`` node from its config file, for a kind of task; no weight is read.

    Raises:
        UserError: if there is no such folder or package, or the hub cannot be reached.
    """
    revision = cfg.get("revision")
    return _meta_model(locate(cfg), None if revision is None else str(revision), kind or ANY_HEAD)


@functools.lru_cache(maxsize=4)
def _meta_model(source: str, revision: str | None, name: str) -> MetaModel:
    kind = KINDS[name]
    options: dict[str, Any] = NO_REMOTE_CODE | ({"revision": revision} if revision else {})
    try:
        try:
            config = read_config(source, kind, local_files_only=True, **options)
        except OSError:
            if Path(source).is_dir():
                raise
            require_hub(f"model {source!r}")
            config = read_config(source, kind, **options)
        if Path(source).is_dir():  # which of its tensors a checkpoint lacks is in the headers of its files
            with quiet():
                model, info = kind.model_class().from_pretrained(
                    source,
                    config=config,
                    device_map="meta",
                    ignore_mismatched_sizes=True,
                    output_loading_info=True,
                    weights_only=True,
                    **NO_REMOTE_CODE,
                )
            missing = info["missing_keys"]
        else:
            with torch.device("meta"):
                model, missing = kind.model_class().from_config(config, **NO_REMOTE_CODE), set()
    except UserError:
        raise
    except Exception as error:  # whatever files of other people's making lead to
        raise UserError(f"the config of backbone {source} could not be loaded: {why(error)}") from error
    return MetaModel(model, head_names(model, missing, kind))


def adapter_size(model_cfg: Mapping[str, object], meta: MetaModel) -> int:
    """Values that a method trains outside the head, routers among them; ``src.models.sizes`` keeps it.

    Args:
        model_cfg: the ``model`` node as plain containers, interpolations resolved.
        meta: of the backbone.

    Raises:
        UserError: if a target or pattern matches nothing, or the size depends on the training text.
    """
    encoder, head = meta.encoder, meta.head
    model_cfg, total = with_targets(model_cfg, meta.model), 0
    if adapter := branch(model_cfg, "adapter"):
        if unknown := [key for key in branch(model_cfg, "auto") if adapter.get(key) == "auto"]:
            raise UserError(f"{', '.join(unknown)}=auto: the adapter's size depends on the training text")
        names = {name for name, p in meta.model.named_parameters() if name in head}
        new = {
            name
            for name, module in encoder.named_modules()
            if any(p is meta.model.get_parameter(h) for p in module.parameters(recurse=False) for h in names)
        }
        try:
            method = make_method(model_cfg)
            check_rank(method, encoder, new)
            total += method.size(meta.model, head, new)
        except (ValueError, TypeError) as error:
            raise UserError(f"model={model_cfg['name']}: {error}") from error
    patterns: Any = model_cfg.get("train_parameters", [])
    patterns = [patterns] if isinstance(patterns, str) else patterns
    total += sum(
        parameter.numel()
        for name, parameter in meta.model.named_parameters()
        if name not in head and any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
    )
    return total


def width(model_cfg: Mapping[str, object], meta: MetaModel) -> int:
    """The smallest side of the adapted Linears: no rank can be larger."""
    targets = branch(with_targets(model_cfg, meta.model), "adapter")["target_modules"]
    found = match_targets(meta.encoder, targets)
    linears: list[Any] = [meta.encoder.get_submodule(name) for name in found]
    return min(min(linear.in_features, linear.out_features) for linear in linears)
