"""Sizes of adapters by configuration, kept between processes: what was worked out once needs neither torch nor a model.

A size follows from the ``model`` node, the backbone's files and the code, and from nothing else.
"""

import contextlib
import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from src.config.known_names import TARGET
from src.config.method_names import package_of
from src.runs.identity import backbone_version, method_version
from src.tasks.kinds import kind_of_models
from src.utils.cache import cache_dir
from src.utils.errors import UserError
from src.utils.files import write_whole

Question = Literal["adapter_size", "width"]

KIND = "kind"  # of task, within a key alone
NOT_SIZE = ("rules", "search", "budget", "head")  # keys of the model node that change no size
# Packages whose code the version tells, this project's (None) among them; a user's own module changes without notice.
VERSIONED = (None, "peft")


def adapter_size(
    model_cfg: Mapping[str, object], backbone_cfg: Mapping[str, object], data_cfg: Mapping[str, object] | None = None
) -> int:
    """Values that a method trains outside the head on a backbone, routers among them.

    Args:
        model_cfg: the ``model`` node as plain containers, interpolations resolved.
        backbone_cfg: the ``backbone`` node, likewise.
        data_cfg: the ``data`` node, likewise, whose kind of task says which layers there are beside the common ones (a
            token classifier of BERT has no pooler); None for a text's classes.

    Raises:
        UserError: if a target or pattern matches nothing, the size depends on the training text, or the backbone's
            config cannot be loaded.
    """
    return _answer("adapter_size", model_cfg, backbone_cfg, data_cfg)


def width(
    model_cfg: Mapping[str, object], backbone_cfg: Mapping[str, object], data_cfg: Mapping[str, object] | None = None
) -> int:
    """The smallest side of the adapted Linears: no rank can be larger; see ``adapter_size``."""
    return _answer("width", model_cfg, backbone_cfg, data_cfg)


def _answer(
    question: Question,
    model_cfg: Mapping[str, Any],
    backbone_cfg: Mapping[str, Any],
    data_cfg: Mapping[str, Any] | None,
) -> int:
    if (kind := kind_of_models(data_cfg)) is not None:
        backbone_cfg = {**backbone_cfg, KIND: kind}
    relevant = {key: value for key, value in model_cfg.items() if key not in NOT_SIZE}
    return _kept(question, json.dumps(relevant, sort_keys=True, default=str), json.dumps(backbone_cfg, default=str))


@functools.lru_cache(maxsize=8192)
def _kept(question: Question, model: str, backbone: str) -> int:
    """The answer for two nodes as JSON: from memory, else from the cache, else worked out."""
    model_cfg, backbone_cfg = json.loads(model), json.loads(backbone)
    kind = backbone_cfg.pop(KIND, None)
    if package_of(str((model_cfg.get("adapter") or {}).get(TARGET) or model_cfg.get("method"))) not in VERSIONED:
        return _worked_out(question, model_cfg, backbone_cfg, kind)
    key = json.dumps([question, model, backbone_version(backbone_cfg), method_version(model_cfg)])
    note: Path | None = None
    with contextlib.suppress(OSError, UserError, ValueError):  # without a cache, or with a damaged one
        note = cache_dir("sizes") / hashlib.sha256(key.encode()).hexdigest()
        if note.is_file():
            return int(note.read_text(encoding="ascii"))
    found = _worked_out(question, model_cfg, backbone_cfg, kind)
    if note is not None:
        with contextlib.suppress(OSError, UserError):
            write_whole(note, str(found))
    return found


def _worked_out(
    question: Question, model_cfg: Mapping[str, Any], backbone_cfg: Mapping[str, Any], kind: str | None
) -> int:
    from src.models import meta_model  # needs torch

    meta = meta_model.load_meta_model(backbone_cfg, kind)
    return {"adapter_size": meta_model.adapter_size, "width": meta_model.width}[question](model_cfg, meta)
