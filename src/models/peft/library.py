"""Any method of the peft library as a competitor: its layers in our model, under our head, trainer and record.

The library changes the model in place. The model stays the outermost module, so that names, head and trainer are the
same as for every other method; what the library keeps beside the model is hung into it.
"""

import dataclasses
import fnmatch
import functools
import warnings
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import peft
import torch
from peft.tuners.tuners_utils import BaseTuner
from peft.utils import ModulesToSaveWrapper
from torch import Tensor, nn

from src.backbones.cache_argument import accept_old_name
from src.backbones.heads import MultiTask
from src.backbones.own_loss import OwnLoss
from src.backbones.probe import SAME, probe_logits
from src.backbones.several_inputs import SideBySide
from src.config.known_names import TARGET
from src.models.inject import ALL_LINEAR, match_targets, refuse_shared, shared_modules
from src.models.method import Adaptation, Method
from src.models.pairs import Pair
from src.models.peft.eva import START, eva_options, start_on_text
from src.models.peft.rank_schedule import HOOK, PeftSchedule, split_phases
from src.models.peft.without_weights import adapted_without_weights
from src.tasks.kinds import space_of
from src.utils.errors import UserError

ADAPTER = "default"  # the library's name for the only adapter
SHARED = "peft_shared"  # where what the library keeps beside the model hangs in the model
TARGETS = ("target_modules", "feedforward_modules")
START_FIELD = "init_lora_weights"
# The key that is a rank, where a method has one: elsewhere the library's `r` means something else.
RANKS = {"peft.LoraConfig": "r", "peft.LoHaConfig": "r", "peft.AdaLoraConfig": "init_r"}


@dataclass
class PeftAdaptation(Adaptation):
    """What the library made of a model.

    Attributes:
        handle: the library's own wrapper around it.
        base: names of the parameters and buffers that the model had before.
        changed: those of them whose values the method's init has changed (PiSSA keeps the residual there).
        extra_loss: what the method added to the task's loss in the last forward pass.
        config: the library's config by name.
    """

    handle: Any = None
    base: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    extra_loss: Tensor | None = None
    config: str = ""
    packable: ClassVar[bool] = False

    def auxiliary_losses(self) -> list[Tensor]:
        return [] if self.extra_loss is None else [self.extra_loss]

    def pairs(self) -> list[Pair]:
        return [
            Pair((f"{name}.lora_A.{own}.weight", f"{name}.lora_B.{own}.weight"), a.weight, module.lora_B[own].weight,
                 float(module.scaling[own]))
            for name, module in self.model.named_modules() if isinstance(getattr(module, "lora_A", None), nn.ModuleDict)
            for own, a in module.lora_A.items()
        ]  # fmt: skip

    def require_own(self, action: str) -> None:
        raise UserError(f"{action}: its adapters are those of {self.config}, not of this framework")

    def state(self) -> dict[str, Tensor]:
        """The method's own tensors, frozen ones included, and the base's tensors that its init has changed.

        The latter are kept because computing them again (an SVD) gives other bits on another machine.
        """
        return {
            name: tensor.detach()
            for name, tensor in _tensors(self.model).items()
            if (original := _original(name)) not in self.base or original in self.changed
        }


class PeftMethod(Method):
    """Any method of the peft library: ``_target_`` names one of its configs, the rest are the config's fields."""

    packable = False
    not_packable_because = "has adapters of the peft library"

    @property
    def rank_key(self) -> str | None:
        return RANKS.get(str(self.node[TARGET]))

    def apply(self, model: nn.Module, head: Collection[str], exclude: Collection[str] = ()) -> PeftAdaptation:
        """Let the library adapt a classifier; everything but its own tensors is frozen.

        Raises:
            UserError: if the config is wrong, reaches into the head, or targets a module whose weight is another's,
                too.
        """
        before, sums = probe_logits(model), _checksums(model)
        found = self._adapt(model, head, exclude)
        found.changed = frozenset(name for name, value in _checksums(model).items() if sums.get(name, value) != value)
        found.identity_at_start = torch.allclose(before, probe_logits(model), rtol=0, atol=SAME)
        if self.node.get(START_FIELD) == START:
            found.start_on = functools.partial(start_on_text, found.handle)
        return found

    def size(self, model: nn.Module, head: Collection[str], exclude: Collection[str] = ()) -> int:
        """Values that the method trains; raises as ``apply``, and if the method cannot be set up without weights."""
        try:
            model = adapted_without_weights(model, lambda copied: self._adapt(copied, head, exclude))
        except (RuntimeError, NotImplementedError) as error:
            raise UserError(
                f"the size of {self.node[TARGET]} cannot be worked out without weights, so no budget can be set: "
                f"{error}"
            ) from error
        return sum(p.numel() for p in model.parameters() if p.requires_grad)

    def _adapt(self, model: nn.Module, head: Collection[str], exclude: Collection[str]) -> PeftAdaptation:
        base, shared = frozenset(_tensors(model)), shared_modules(model)
        model.requires_grad_(False)
        config, shares = _make_config(model, self.node, exclude)
        for module in (model, model.base_model):
            assert isinstance(module, nn.Module)
            accept_old_name(module)
        if config.is_prompt_learning and isinstance(model, MultiTask):
            raise UserError(
                f"{self.node[TARGET]} has its own forward pass, which knows of one head: data=mix needs several"
            )
        if config.is_prompt_learning and isinstance(model, SideBySide):
            title = model.task_kind.title
            raise UserError(
                f"{self.node[TARGET]} has its own forward pass, which takes one input a row: {title} has several"
            )
        if config.is_prompt_learning and isinstance(model, OwnLoss) and config.peft_type != peft.PeftType.PREFIX_TUNING:
            title = model.task_kind.title
            raise UserError(f"{self.node[TARGET]} puts tokens before a text's own: {title} answers by their places")
        try:
            with warnings.catch_warnings():  # it asks for a name that transformers is about to drop
                warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
                handle: Any = peft.get_peft_model(model, config, adapter_name=ADAPTER)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(f"{self.node[TARGET]}: {error}") from error
        _unwrap_head(model)
        names = {name for name, _ in model.named_parameters()}
        if reached := sorted(set(head) - names):
            raise UserError(f"{self.node[TARGET]}: target_modules reach into the head: {', '.join(reached)}")
        tuner = handle if config.is_prompt_learning else handle.base_model
        _attach(model, [handle, tuner])
        prefix = f"{getattr(model, 'base_model_prefix', '')}."
        targeted = getattr(tuner, "targeted_module_names", [])
        refuse_shared(targeted, shared)
        adapted = [name.removeprefix(prefix) for name in targeted]
        found = PeftAdaptation(model, adapted, handle=handle, base=base, config=str(self.node[TARGET]))
        if config.is_prompt_learning or type(tuner).forward is not BaseTuner.forward:
            _route(found, tuner)
        if hasattr(type(tuner), HOOK):
            found.schedule = PeftSchedule(tuner, config, shares)
        model.train(model.training)
        return found


def _make_config(model: Any, node: Mapping[str, Any], exclude: Collection[str]) -> tuple[Any, dict[str, float]]:
    """The library's config, and those of its fields that wait for the training's length."""
    cls = config_class(node["_target_"])
    given = {key: value for key, value in node.items() if not key.startswith("_")}
    fields = {field.name for field in dataclasses.fields(cls)}
    found, shares = split_phases(given, fields)
    options: dict[str, Any] = found
    if options.get("layers_to_transform") is None:  # the library applies that to the ends of names alone
        options |= {key: _full_names(model, options[key], exclude) for key in TARGETS if options.get(key)}
    if options.get(START_FIELD) == START:
        options |= eva_options()
    if issubclass(cls, peft.PromptLearningConfig):
        space = space_of(model.config)
        # For others the library would put a copy of the head in place of ours.
        options["task_type"] = "SEQ_CLS" if space is None else space.kind.peft_type
    try:
        return cls(**options), shares
    except (ValueError, TypeError, AssertionError) as error:
        raise UserError(f"{node['_target_']}: {error}") from error


def config_class(target: str) -> type[peft.PeftConfig]:
    """The library's own config of that name; nothing is imported for it.

    Raises:
        UserError: if the library has none.
    """
    known = {cls.__name__: cls for cls in peft.PEFT_TYPE_TO_CONFIG_MAPPING.values()}
    library, _, name = target.rpartition(".")
    if library.partition(".")[0] != "peft" or name not in known:
        raise UserError(f"_target_={target} is neither an adapter of this framework nor a peft config")
    return known[name]


def _full_names(model: Any, targets: str | list[str], exclude: Collection[str]) -> list[str]:
    """The names, in the whole model, of the encoder's modules that ``target_modules`` means, as in ``inject``.

    Unlike there, modules that are no Linear (LayerNorm, Embedding) can be named.
    """
    encoder = model.base_model
    prefix = f"{model.base_model_prefix}." if encoder is not model else ""
    modules = [name for name, module in encoder.named_modules() if name and name not in exclude]
    found: set[str] = set()
    for target in [targets] if isinstance(targets, str) else targets:
        matched = {name for name in modules if fnmatch.fnmatchcase(f".{name}", f"*.{target}")}
        if target == ALL_LINEAR or not matched:  # which raises, and lists what there is
            matched = set(match_targets(encoder, target, exclude))
        found |= matched
    return [prefix + name for name in modules if name in found]


def _unwrap_head(model: nn.Module) -> None:
    """Put the head itself back where the library has wrapped it with a copy to be trained."""
    for name, module in list(model.named_modules()):
        if isinstance(module, ModulesToSaveWrapper):
            parent, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(parent), attribute, module.original_module)


def _attach(model: nn.Module, holders: list[Any]) -> None:
    """Make what the library keeps outside the model (prompts, shared projections) part of it."""
    known = {id(module) for module in model.modules()} | {id(holder) for holder in holders}
    shared = nn.Module()
    for holder in holders:
        for name, child in holder.named_children():
            if id(child) not in known:
                known.add(id(child))
                shared.add_module(name, child)
    if any(True for _ in shared.children()):
        model.add_module(SHARED, shared)


def _route(found: PeftAdaptation, outer: Any) -> None:
    """Call the library's forward around the model's: it adds prompts, or a term to the loss.

    It calls the model's forward in turn, which then has to be the original. Such a term is kept apart, as that of our
    own methods is: the loss of an evaluation is the task's alone.
    """
    model: Any = found.model
    original, inside = model.forward, False
    task_loss: Tensor | None = None

    @functools.wraps(original)
    def forward(*args: Any, **kwargs: Any) -> Any:
        nonlocal inside, task_loss
        if inside:
            outputs = original(*args, **kwargs)
            task_loss = outputs.loss
            if task_loss is not None:
                outputs.loss = task_loss.clone()  # the library adds to it in place
            return outputs
        inside, task_loss, found.extra_loss = True, None, None
        # Around prompts the library computes a token classification's loss itself.
        labels = kwargs.pop("labels", None) if outer is found.handle and isinstance(model, OwnLoss) else None
        try:
            outputs = outer.forward(*args, **kwargs)
        finally:
            inside = False
        if labels is not None:
            outputs.loss = model.task_kind.loss(outputs.logits, labels)
        if task_loss is not None:
            found.extra_loss = outputs.loss - task_loss
            outputs.loss = task_loss
        return outputs

    model.forward = forward


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return dict([*model.named_parameters(), *model.named_buffers()])


def _original(name: str) -> str:
    """A tensor's name from before the library put a layer around its module."""
    return name.replace(".base_layer.", ".")


def _checksums(model: nn.Module) -> dict[str, int]:
    return {
        _original(name): zlib.crc32(tensor.detach().contiguous().view(torch.uint8).numpy().data)
        for name, tensor in model.named_parameters()
    }
