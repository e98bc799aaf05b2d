"""Our adapters in the peft library's format, and a LoRA of it back. Files only: the library itself is not needed."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from src.config import check_rule
from src.config.rules import show
from src.models.classifier import Classifier
from src.models.inject import adapter_state, adapters, some
from src.models.peft_part import PeftPart
from src.models.tensors import read_tensors
from src.utils.errors import UserError
from src.utils.files import whole, write_whole
from src.utils.foreign import opened, read_json
from src.utils.places import make_folder
from src.utils.text import line

CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"
LARGEST = 2**24  # bytes of the config
PREFIX = "base_model.model."

# The fields of peft.LoraConfig. A field that is in neither list has to be empty (its default), or the checkpoint is
# refused: it computes something else. So is a field that a later version of the library adds.
READ = (
    "peft_type",
    "task_type",
    "base_model_name_or_path",
    "revision",
    "r",
    "lora_alpha",
    "lora_dropout",
    "use_rslora",
    "bias",
    "init_lora_weights",
)
# Which layers are adapted and which modules are saved is told by the tensors; the rest configures other fields, or
# a training and a memory that are not ours.
NO_MATTER = (
    "target_modules",
    "exclude_modules",
    "layers_to_transform",
    "layers_pattern",
    "modules_to_save",
    "inference_mode",
    "auto_mapping",
    "peft_version",
    "megatron_core",
    "qalora_group_size",
    "runtime_config",
    "eva_config",
)
# What the fields that are read may be; one that is absent or null has the library's default.
FIELDS = {
    "base_model_name_or_path": "str | null",
    "revision": "str | null",
    "task_type": "str | null",
    "r": "int >= 1 | null",
    "lora_alpha": "float > 0 | null",
    "lora_dropout": "0 <= float < 1 | null",
    "use_rslora": "bool | null",
    "bias": "str | null",
    "init_lora_weights": "bool | str | null",
    "target_modules": "str | list[str] | null",
    "exclude_modules": "str | list[str] | null",
    "layers_to_transform": "int | list[int] | null",
    "layers_pattern": "str | list[str] | null",
    "modules_to_save": "list[str] | null",
}
PLAIN = (*READ[1:], "target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "modules_to_save")
# Inits that leave the base's weights as they are. Others (pissa, olora, corda, loftq, lora_ga) take the adapter's
# init out of them, which the checkpoint does not hold.
PLAIN_INITS = (True, False, None, "gaussian", "orthogonal", "eva")
CONVERTIBLE = ("pissa", "olora", "corda", "lora_ga")


def write_peft(classifier: Classifier, folder: Path) -> str:
    """Write a classifier's adapters as the library does its own, the head in ``modules_to_save``.

    Returns:
        What they are there: a LoRA of rank 8.

    Raises:
        UserError: if the classifier is not a backbone plus updates that the library has, too, plus a head.
    """
    parts = _parts(classifier)
    if classifier.space.kind.headless:  # opened as an encoder alone
        parts = {name.removeprefix(f"{classifier.model.base_model_prefix}."): part for name, part in parts.items()}
    tensors = {f"{PREFIX}{name}.{own}": tensor for name, part in parts.items() for own, tensor in part.tensors.items()}
    head = classifier.backbone.head
    tensors |= {f"{PREFIX}{name}": classifier.model.get_parameter(name).detach() for name in head}
    settings = {
        **_settings(parts),
        "task_type": classifier.space.kind.peft_type,
        "base_model_name_or_path": base_model(classifier),
        "revision": classifier.description["backbone"].get("revision"),
        "inference_mode": True,
        "bias": "none",
        "target_modules": sorted(parts),
        "modules_to_save": sorted(_modules(classifier)),
    }
    make_folder(folder)
    with whole(folder / TENSORS) as temporary:
        save_file({name: tensor.cpu().contiguous().clone() for name, tensor in tensors.items()}, temporary)
    write_whole(folder / CONFIG, json.dumps(settings, indent=2) + "\n")
    return next(iter(parts.values())).title


def _settings(parts: Mapping[str, PeftPart]) -> dict[str, object]:
    """The fields of the config: what all layers have, and beside it what some have otherwise."""
    common = dict(next(iter(parts.values())).settings)
    for key, value in list(common.items()):
        others = {name: part.settings[key] for name, part in parts.items() if part.settings[key] != value}
        if others:
            common[f"{key}_pattern"] = others
    return common


def base_model(classifier: Classifier) -> str:
    """The backbone's hub id or whole path: a reader may stand in another folder."""
    config: Any = classifier.model.config
    source = config._name_or_path
    return str(Path(source).resolve()) if Path(source).is_dir() else source


def _parts(classifier: Classifier) -> dict[str, PeftPart]:
    """Every adapter in the library's terms, by its name; raises like ``write_peft``."""
    found, parts = dict(adapters(classifier.model)), {}
    classifier.require_own_adapters("written as a LoRA")
    method = classifier.description["model"]["name"]
    for name, adapter in found.items():
        part = adapter.peft_part()
        if part is None:
            own = f"the library has no {type(adapter).__name__}"
            raise UserError(f"{method} cannot be written as a LoRA: {adapter.not_mergeable_because or own}")
        parts[name] = part
    outside = classifier.state().keys() - adapter_state(classifier.model).keys() - classifier.backbone.head
    if outside:
        raise UserError(
            f"{method} cannot be written as a LoRA: it trains {len(outside)} parameters of the encoder itself "
            f"({', '.join(sorted(outside)[:3])} ...). `python -m src merge` writes the whole model"
        )
    if not found:
        raise UserError(f"{method} cannot be written as a LoRA: it has no adapter. `python -m src merge` writes it")
    return parts


def _modules(classifier: Classifier) -> set[str]:
    """The modules that hold the head: top-level ones, and parts of the encoder that its checkpoint lacked."""
    encoder = f"{classifier.model.base_model_prefix}."
    return {
        name.rpartition(".")[0] if name.startswith(encoder) else name.partition(".")[0]
        for name in classifier.backbone.head
    }


@dataclass(frozen=True)
class PeftLora:
    """A LoRA checkpoint of the peft library.

    Attributes:
        base: the name or path of the model it was trained on; None where the checkpoint does not say.
        revision: its version on the hub, if one was named.
        r: its rank.
        alpha: what our scaling ``alpha / r`` needs.
        dropout: of the adapter's input.
        layers: full name of a Linear -> (A, B).
        head: full name of a parameter -> value.
        task_type: what the library calls the kind of task; None where the checkpoint does not say.
    """

    base: str | None
    revision: str | None
    r: int
    alpha: float
    dropout: float
    layers: dict[str, tuple[Tensor, Tensor]]
    head: dict[str, Tensor]
    task_type: str | None = None


def read_peft(folder: Path) -> PeftLora:
    """Read a plain LoRA for a classifier of sequences or tokens.

    Raises:
        UserError: if the folder holds no such thing, or a LoRA with parts that ours has not.
    """
    if not (folder / CONFIG).exists():
        raise UserError(f"{folder} holds no peft checkpoint: {CONFIG} is missing")
    if not (folder / TENSORS).exists():
        raise UserError(f"{folder}: {TENSORS} is missing (a pickled adapter_model.bin is not read: save it anew)")
    config = read_json(folder / CONFIG, LARGEST)
    with opened(folder / CONFIG):
        r, alpha = _check_fields(folder, config)
    tensors = {name.removeprefix(PREFIX): tensor for name, tensor in read_tensors(folder / TENSORS).items()}
    ends = (".lora_A.weight", ".lora_B.weight")
    names = [name.removesuffix(ends[0]) for name in tensors if name.endswith(ends[0])]
    layers = {
        name: (tensors.pop(name + ends[0]), tensors.pop(name + ends[1])) for name in names if name + ends[1] in tensors
    }
    if unknown := [name for name in tensors if "lora_" in name]:
        raise UserError(f"{folder}: tensors without a counterpart here: {some(unknown)}")
    base, revision = config.get("base_model_name_or_path"), config.get("revision")
    dropout, task_type = config.get("lora_dropout") or 0.0, config.get("task_type")
    return PeftLora(base, revision, r, alpha, dropout, layers, tensors, task_type)


def plain_fields(folder: Path) -> dict[str, object]:
    """The fields of a checkpoint that ``read_peft`` has taken, without those that could name code."""
    config = read_json(folder / CONFIG, LARGEST)
    return {key: config[key] for key in PLAIN if key in config}


def _check_fields(folder: Path, config: Mapping[str, Any]) -> tuple[int, float]:
    """See that each field is understood, or of no matter, or not in use; return rank and alpha."""
    for key, rule in FIELDS.items():
        if not check_rule(config.get(key), rule):
            raise UserError(f"{folder / CONFIG}: {key}={show(config[key])} breaks the rule: {rule}")
    if config.get("peft_type") != "LORA":
        raise UserError(f"{folder} holds a {config.get('peft_type')} adapter; only LORA can be read")
    if strange := [
        line(f"{key}={value}")[:200] for key, value in config.items() if value and key not in (*READ, *NO_MATTER)
    ]:
        raise UserError(f"{folder}: {', '.join(strange)} has no counterpart here")
    if (config.get("bias") or "none") != "none":
        raise UserError(f"{folder}: bias={config['bias']} trains the encoder's biases; only bias=none can be read")
    init = config.get("init_lora_weights")
    if (init.lower() if isinstance(init, str) else init) not in PLAIN_INITS:
        way_out = (
            ". The peft library writes it as a plain LoRA with save_pretrained(FOLDER, "
            "path_initial_model_for_weight_conversion=...)"
        )
        raise UserError(
            f"{folder}: init_lora_weights={init} may change the weights of the base model, which the checkpoint does "
            f"not hold{way_out if str(init).startswith(CONVERTIBLE) else ''}"
        )
    r, alpha = config.get("r") or 8, config.get("lora_alpha") or 8
    return r, alpha * (math.sqrt(r) if config.get("use_rslora") else 1)
