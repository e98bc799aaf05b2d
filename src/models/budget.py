"""Equal budgets: a method's own size knob is set so that its adapter is the largest that keeps the budget."""

import copy
import functools
import json
import pickle
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from src.config.choices import choices
from src.config.composing import composed
from src.models.sizes import adapter_size, width
from src.tasks.kinds import kind_of_models
from src.utils.errors import UserError
from src.utils.plain import plain

_found: dict[tuple[str, int, str], int] = {}  # a knob's largest value, by the model's config and the limit


def apply_budget(cfg: DictConfig) -> DictConfig:
    """A copy of the config with the method's knob set; ``budget`` says to what, and how large the adapter became.

    The knob is what ``model.budget`` in the method's YAML names: ``key``; ``to``, its largest value (a number, or
    ``width`` for the smallest side of the adapted layers) or a list of all its values; ``from``, its smallest (1);
    ``with``, keys that keep their ratio to it (alpha, so that the scaling stays); ``whole``, keys that do so up to
    rounding. A method without a knob has one size, which has to keep the budget.

    Raises:
        UserError: if no value keeps the budget; the message names the nearest possible size.
    """
    budget = cfg.budget
    if budget.adapter_params is not None and budget.match is not None:
        raise UserError("budget.adapter_params and budget.match are two budgets: give one of them")
    backbone = plain(cfg.backbone)
    written = json.dumps(backbone, sort_keys=True)
    data = plain(cfg.data)
    limit = (
        budget.adapter_params if budget.match is None else _size_of(str(budget.match), written, kind_of_models(data))
    )
    cfg = pickle.loads(pickle.dumps(cfg))  # ten times as quick as copy.deepcopy
    model = plain(cfg.model)
    knob = model["budget"]
    value = None
    if knob:
        value = _largest(cfg, model, limit, backbone)
        _set(cfg, knob, value)
    size = adapter_size(plain(cfg.model), backbone, data)
    if size > limit:
        raise UserError(
            f"budget of {limit:,} adapter parameters: model={cfg.model.name} cannot keep it; the nearest possible is "
            + (f"{size:,}, with model.{knob['key']}={value}" if knob else f"{size:,}: it has no knob to turn")
        )
    turned = {"key": f"model.{knob['key']}", "value": value} if knob else {}
    with open_dict(cfg):
        cfg.budget = {"adapter_params": limit, "match": budget.match, "size": size} | turned
    return cfg


def _largest(cfg: DictConfig, model: Mapping[str, Any], limit: int, backbone: Mapping[str, Any]) -> int:
    """The largest value of the knob that keeps the limit; its first if none does. Sizes grow with it.

    Searched for once for each configuration of the method: the jobs of a sweep differ in much else.
    """
    kind = kind_of_models(plain(cfg.data))
    key = (json.dumps(model, sort_keys=True), limit, json.dumps([backbone, kind], sort_keys=True))
    if key not in _found:
        _found[key] = _search(cfg, model, limit, backbone)
    return _found[key]


def _search(cfg: DictConfig, model: Mapping[str, Any], limit: int, backbone: Mapping[str, Any]) -> int:
    knob = model["budget"]
    to = knob["to"]
    data = plain(cfg.data)
    last = width(model, backbone, data) if to == "width" else to
    values = last if isinstance(last, list) else range(knob.get("from", 1), last + 1)
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high + 1) // 2
        trial = copy.deepcopy(cfg)
        _set(trial, knob, values[middle])
        if adapter_size(plain(trial.model), backbone, data) <= limit:
            low = middle
        else:
            high = middle - 1
    return values[low]


def _set(cfg: DictConfig, knob: Mapping[str, Any], value: int) -> None:
    before = OmegaConf.select(cfg.model, knob["key"])
    # All read before the knob is turned: a key that refers to it (alpha: ${.r}) turns with it.
    scaled = {key: OmegaConf.select(cfg.model, key) / before * value for key in knob.get("with", ())}
    whole = {key: max(1, round(OmegaConf.select(cfg.model, key) / before * value)) for key in knob.get("whole", ())}
    OmegaConf.update(cfg.model, knob["key"], value)
    for key, new in scaled.items():
        OmegaConf.update(cfg.model, key, int(new) if float(new).is_integer() else new)
    for key, new in whole.items():
        OmegaConf.update(cfg.model, key, new)


@functools.lru_cache(maxsize=64)
def _size_of(model: str, backbone: str, kind: str | None) -> int:
    """The adapter's size of another model config, with its own values, on a backbone node as JSON."""
    known = choices("model")
    if model not in known:
        raise UserError(f"budget.match={model}: there is no such model; choices: {', '.join(known)}")
    data = None if kind is None else {"kind": kind}
    return adapter_size(plain(composed([f"model={model}"]).model), json.loads(backbone), data)
