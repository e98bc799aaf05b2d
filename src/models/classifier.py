"""A backbone with its adapters, its trained parameters marked; how it is saved and rebuilt."""

import fnmatch
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra.utils import get_method
from safetensors.torch import save_file
from torch import Tensor, nn

from src.backbones.backbone import Backbone, load_backbone, with_heads
from src.backbones.fast_paths.install import use_fast_paths, wants_fast_paths
from src.config.method_names import named
from src.config.rules import show
from src.models.auto_targets import with_targets
from src.models.description import FORMAT_VERSION, SAVED, read_description
from src.models.inject import copy_state, count_parameters, endings
from src.models.method import Adaptation, make_method
from src.models.rank import check_rank
from src.models.schedule import Schedule
from src.models.tensors import read_tensors
from src.models.text_batches import text_batches
from src.runs.layout import DESCRIPTION, TENSORS
from src.tasks import LabelSpace, label_space
from src.tasks.kinds import spaces_in
from src.utils.errors import UserError
from src.utils.files import whole, write_whole
from src.utils.foreign import opened
from src.utils.places import make_folder
from src.utils.plain import branch
from src.utils.seeding import seeded

TEMPLATE = label_space(())  # the head of which those of several tasks are copies, each made as wide as its task needs


@dataclass(frozen=True)
class Classifier:
    """An adapted model, ready to train or to use.

    Attributes:
        model: the classifier; exactly what is to be trained requires a gradient.
        backbone: where it came from (its model is this one).
        adaptation: what the method made of the model.
        description: everything needed to build it again, JSON-serialisable.
        space: what the head answers; of several heads nothing, see ``TEMPLATE``.
        fast_paths: what of the backbone is computed more cheaply than transformers does, see ``use_fast_paths``.
    """

    model: nn.Module
    backbone: Backbone
    adaptation: Adaptation
    description: dict[str, Any]
    space: LabelSpace
    fast_paths: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Parameters by role, see ``count_parameters``."""
        return count_parameters(self.model, self.backbone.head)

    @property
    def adapted(self) -> list[str]:
        """Names of the adapted modules in the encoder."""
        return self.adaptation.adapted

    @property
    def schedule(self) -> Schedule | None:
        """What the method does between steps."""
        return self.adaptation.schedule

    @property
    def identity_at_start(self) -> bool:
        """Whether the model computed at step 0 what the backbone did."""
        return self.adaptation.identity_at_start

    def require_own_adapters(self, action: str) -> None:
        """Refuse what only this framework's adapters can do; raises UserError if they are a library's."""
        self.adaptation.require_own(f"{self.description['model']['name']} cannot be {action}")

    def state(self) -> dict[str, Tensor]:
        """What the run made: every adapter's tensors, and the other parameters that were trained."""
        trained = {name: p.detach() for name, p in self.model.named_parameters() if p.requires_grad}
        return self.adaptation.state() | trained | {name: self._parameter(name) for name in self.backbone.head}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Copy a saved state in; raises UserError if it does not fit."""
        copy_state(self.state(), state)

    def _parameter(self, name: str) -> Tensor:
        return self.model.get_parameter(name).detach()


def build_classifier(
    model_cfg: Mapping[str, object],
    backbone_cfg: Mapping[str, object],
    *,
    label_names: Sequence[str] = (),
    seed: int,
    training_texts: Callable[[], Sequence[str]] | None = None,
    kind: str | None = None,
    tasks: Mapping[str, LabelSpace] | None = None,
) -> Classifier:
    """Load the backbone, freeze it, swap the method's adapters in and mark what is trained.

    Args:
        model_cfg: the ``model`` node as plain containers, interpolations resolved.
        backbone_cfg: the ``backbone`` node.
        label_names: the task's classes.
        seed: the run's seed; head and adapters draw from streams of their own.
        training_texts: asked for texts where a key of the method is ``auto``, or its init depends on them.
        kind: of the task; None for the one that the classes imply, see ``label_space``.
        tasks: what the heads answer, by their tasks. Of several a head is built for each; a single one stands for
            ``label_names`` and ``kind``.

    Raises:
        UserError: on a target, a hyperparameter or a pattern that does not fit the model.
    """
    model_cfg = _resolve_auto(model_cfg, training_texts)
    several = tasks if tasks and len(tasks) > 1 else {}
    space = TEMPLATE if several else next(iter(tasks.values())) if tasks else label_space(label_names, kind)
    backbone = load_backbone(backbone_cfg, label_names=space.names, kind=space.kind.name, seed=seed)
    if several:
        backbone = with_heads(backbone, several, seed)
    model, head = backbone.model, backbone.head
    model_cfg = with_targets(model_cfg, model, tell=True)
    model.requires_grad_(False)
    whole = any(own.kind.reads_every_token for own in (space, *several.values()))
    fast_paths = use_fast_paths(model, whole=whole) if wants_fast_paths(backbone_cfg) else []
    adaptation = Adaptation(model)
    if model_cfg.get("adapter"):
        encoder: Any = model.base_model
        # What the checkpoint lacks of the encoder (BERT's pooler) is trained whole, as head: it needs no adapter.
        new = {name for name, module in encoder.named_modules() if _owns_any(module, model, head)}
        try:
            method = make_method(model_cfg)
            check_rank(method, encoder, new)
            with seeded(seed, "adapter"):
                adaptation = method.apply(model, head, exclude=new)
                if adaptation.start_on is not None and training_texts is not None:
                    adaptation.start_on(text_batches(backbone.tokenizer, training_texts()))
        except (ValueError, TypeError) as error:
            raise UserError(f"model={model_cfg['name']}: {error}") from error
    patterns: Any = model_cfg.get("train_parameters", [])
    _train_parameters(model, patterns, head)
    if branch(model_cfg, "head").get("train", True):
        for name in head:
            model.get_parameter(name).requires_grad_(True)
    if space.kind.headless and not any(p.requires_grad for p in model.parameters()):
        raise UserError(f"model={model_cfg['name']}: it trains the head alone, and {space.kind.title} has none")
    description = {
        "format_version": FORMAT_VERSION,
        "model": {key: value for key, value in named(model_cfg).items() if key in SAVED},
        "backbone": dict(backbone_cfg),
        "backbone_fingerprint": backbone.fingerprint,
        "label_names": list(space.names),
        "kind": space.kind.name,
        "seed": seed,
    } | _describe_tasks(several)
    return Classifier(model, backbone, adaptation, description, space, tuple(fast_paths))


def _describe_tasks(tasks: Mapping[str, LabelSpace]) -> dict[str, Any]:
    if not tasks:
        return {}
    return {
        "tasks": {name: list(space.names) for name, space in tasks.items()},
        "kinds": {name: space.kind.name for name, space in tasks.items()},
    }


def _owns_any(module: nn.Module, model: nn.Module, names: frozenset[str]) -> bool:
    """Whether one of the module's direct parameters is a named one of the model."""
    return any(p is model.get_parameter(name) for p in module.parameters(recurse=False) for name in names)


def _resolve_auto(
    model_cfg: Mapping[str, object], training_texts: Callable[[], Sequence[str]] | None
) -> Mapping[str, object]:
    """Replace every ``auto`` of the method's node by what its function makes of the training text."""
    adapter, auto = dict(branch(model_cfg, "adapter")), branch(model_cfg, "auto")
    asked = [key for key in auto if adapter.get(key) == "auto"]
    if not asked:
        return model_cfg
    if training_texts is None:
        raise UserError(f"{', '.join(asked)}=auto needs the training text; give a number")
    texts = training_texts()
    for key in asked:
        adapter[key] = get_method(auto[key])(texts)
    return {**model_cfg, "adapter": adapter}


def _train_parameters(model: nn.Module, patterns: str | Sequence[str], head: frozenset[str]) -> None:
    encoder_names = [name for name, _ in model.named_parameters() if name not in head]
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        found = fnmatch.filter(encoder_names, pattern)
        if not found:
            if pattern.endswith(".bias") and not any(name.endswith(".bias") for name in encoder_names):
                raise UserError(f"model.train_parameters={pattern!r}: this encoder has no biases")
            raise UserError(
                f"model.train_parameters={pattern!r} matches none of the encoder's {len(encoder_names)} parameters "
                f"(as {encoder_names[0]}); they end in: {endings(encoder_names)}"
            )
        for name in found:
            model.get_parameter(name).requires_grad_(True)


def save_classifier(classifier: Classifier, folder: Path, state: Mapping[str, Tensor] | None = None) -> int:
    """Write ``adapter.safetensors`` and ``adapter.json``; return the tensors' size in bytes."""
    make_folder(folder)
    tensors = {name: tensor.cpu().contiguous().clone() for name, tensor in (state or classifier.state()).items()}
    with whole(folder / TENSORS) as temporary:
        save_file(tensors, temporary)
    write_whole(folder / DESCRIPTION, json.dumps(classifier.description, indent=2) + "\n")
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def load_classifier(folder: Path, *, own: bool = False) -> Classifier:
    """Rebuild a saved classifier on its backbone, in eval mode.

    Nothing of a folder is executed, whoever made it: see ``read_description``.

    Args:
        folder: the adapter's.
        own: it was written by this very run, and may name a class of the user's.

    Raises:
        UserError: if the folder holds none, it names what is not this project's, or the backbone's weights are not
            those of the training.
    """
    classifier = untrained_classifier(folder, own=own)
    with opened(folder / TENSORS), torch.no_grad():
        classifier.load_state(load_tensors(folder))
    classifier.model.eval()
    return classifier


def load_tensors(folder: Path) -> dict[str, Tensor]:
    """A saved classifier's tensors; raises UserError like ``read_tensors``."""
    return read_tensors(folder / TENSORS)


def untrained_classifier(folder: Path, *, own: bool = False) -> Classifier:
    """A saved classifier as it was built from its seed, before training; raises like ``load_classifier``."""
    saved: dict[str, Any] = read_description(folder, own=own)
    with opened(folder / DESCRIPTION):
        classifier = build_classifier(saved["model"], saved["backbone"], tasks=spaces_in(saved), seed=saved["seed"])
    if classifier.backbone.fingerprint != saved["backbone_fingerprint"]:
        raise UserError(
            f"{folder} was trained on a backbone with fingerprint {show(saved['backbone_fingerprint'])}, but "
            f"{show(saved['backbone']['name'])} now has {classifier.backbone.fingerprint}: its weights have changed"
        )
    return classifier
