"""The method as a whole: what it does to a whole model, and what the adapted model is asked as one.

A method is of one of two families. Most change each Linear on its own (``PerLayer``: a class of ``AdapterLinear``);
those of the peft library change the model as they like (``src/models/peft``). A method whose layers share something
extends ``PerLayer``.
"""

import functools
import importlib
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hydra.utils import get_class
from torch import Tensor, nn

from src.config.known_names import TARGET
from src.config.method_names import hyperparameters, method_name, own_methods, package_of
from src.config.peft_fields import config_of
from src.models.adapter import AdapterLinear
from src.models.inject import adapter_state, adapters, inject, match_targets
from src.models.pairs import Pair
from src.models.schedule import Schedule
from src.utils.errors import UserError
from src.utils.extras import require_package
from src.utils.plain import branch

# Who adapts with what another package calls its own, by that package; imported only then.
FAMILIES = {"peft": ("src.models.peft.library", "PeftMethod")}


@dataclass
class Adaptation:
    """A method on a model: everything that the rest of the project asks of adapters as a whole.

    Attributes:
        model: the adapted model.
        adapted: names of the adapted modules in the encoder, in the model's order.
        identity_at_start: whether the model computed at its start what it did before.
        schedule: what the method does between steps, if anything.
        start_on: what moves the adapters to a start that training text decides, given tokenised batches of it; a saved
            run is built again without, and has its tensors.
    """

    model: nn.Module
    adapted: list[str] = field(default_factory=list)
    identity_at_start: bool = True
    schedule: Schedule | None = None
    start_on: Callable[[Iterable[Mapping[str, Tensor]]], None] | None = None
    packable: ClassVar[bool] = True  # see ``Method``

    def state(self) -> dict[str, Tensor]:
        """The method's own tensors by their full names, frozen ones included."""
        return adapter_state(self.model)

    def auxiliary_losses(self) -> list[Tensor]:
        """What the method adds to the task's loss in this step, weighted."""
        found = [adapter.auxiliary_loss() for adapter in self._layers]
        return [term for term in found if term is not None]

    @functools.cached_property
    def _layers(self) -> list[AdapterLinear]:
        """Found once: every step of a training asks them."""
        return [adapter for _, adapter in adapters(self.model)]

    def rates(self) -> dict[str, float]:
        """Parameters whose learning rate is a multiple of the common one, by full name."""
        return {
            f"{prefix}.{name}": factor
            for prefix, adapter in adapters(self.model)
            for name, factor in adapter.rates.items()
            if factor != 1
        }

    def pairs(self) -> list[Pair]:
        """The factors A and B of every layer that has them."""
        found = []
        for prefix, adapter in adapters(self.model):
            own = adapter.own_parameters()
            if adapter.factors is not None:
                down, up = adapter.factors
                found.append(Pair((f"{prefix}.{down}", f"{prefix}.{up}"), own[down], own[up], adapter.scaling))
        return found

    def started_elsewhere(self) -> None:
        """Note that it is a warm start from another run."""
        self.identity_at_start = False

    def require_own(self, action: str) -> None:
        """Refuse what only this framework's adapters can do.

        Args:
            action: what is to be done, as in ``cannot be merged``.

        Raises:
            UserError: if the adapters are another's.
        """


class Method(ABC):
    """A method with its hyperparameters, before it meets a model.

    Args:
        node: the method's hyperparameters, target_modules among them.
    """

    packable: ClassVar[bool] = True  # whether the jobs of a pack can share the frozen backbone below its adapters
    not_packable_because: ClassVar[str] = ""
    mergeable: bool = False  # whether its update folds into the backbone's weights

    def __init__(self, node: Mapping[str, object]) -> None:
        self.node = node
        self.hyperparameters: dict[str, Any] = {key: value for key, value in node.items() if not key.startswith("_")}
        self.target_modules: Any = self.hyperparameters.pop("target_modules", None)

    @abstractmethod
    def apply(self, model: nn.Module, head: Collection[str], exclude: Collection[str] = ()) -> Adaptation:
        """Adapt a classifier in place; afterwards exactly the method's trained values require a gradient.

        Args:
            model: the classifier.
            head: names of the head's parameters, which the method leaves alone.
            exclude: names of modules of the encoder that are no target.

        Raises:
            UserError: if a target or a hyperparameter does not fit the model.
        """

    @abstractmethod
    def size(self, model: nn.Module, head: Collection[str], exclude: Collection[str] = ()) -> int:
        """Values that the method trains on a model of these shapes, on torch's meta device; raises as ``apply``."""

    @property
    def rank_key(self) -> str | None:
        """The hyperparameter that is the rank of each layer's update, if one is."""
        return "r"


class PerLayer(Method):
    """A method that changes each Linear on its own.

    Args:
        cls: what each target becomes.
        node: see ``Method``.
    """

    def __init__(self, cls: type[AdapterLinear], node: Mapping[str, object]) -> None:
        super().__init__(node)
        self.cls = cls
        self.mergeable = cls.mergeable

    def apply(self, model: nn.Module, head: Collection[str], exclude: Collection[str] = ()) -> Adaptation:
        encoder: Any = model.base_model
        adapted = inject(encoder, self.constructor(model), self.target_modules, exclude=exclude)
        identity = all(adapter.identity_at_start for _, adapter in adapters(model))
        return Adaptation(model, adapted, identity)

    def constructor(self, model: nn.Module) -> Callable[[nn.Linear], AdapterLinear]:
        """What makes an adapter of a Linear; what the layers share is made here, once."""
        return functools.partial(self.cls, **self.hyperparameters)

    def size(self, model: nn.Module, head: Collection[str], exclude: Collection[str] = ()) -> int:
        encoder: Any = model.base_model
        names = match_targets(encoder, self.target_modules, exclude)
        linears: list[Any] = [encoder.get_submodule(name) for name in names]
        return sum(self.cls.expected_parameters(x.in_features, x.out_features, **self.hyperparameters) for x in linears)


def make_method(model: Mapping[str, object]) -> Method:
    """The method of a ``model`` node: by its name, or else by the class that the adapter's ``_target_`` names.

    Such a class may be of whatever module: a config that is run is a program. What is saved is checked before.

    Raises:
        UserError: if there is no such method.
    """
    adapter = branch(model, "adapter")
    node, target = hyperparameters(adapter), adapter.get(TARGET)
    name = method_name(model)
    if name is None and target is not None:
        return _of_class(str(target), node)
    package = package_of(str(name))
    if family := FAMILIES.get(package or ""):
        require_package(str(package))
        module, attribute = family
        return getattr(importlib.import_module(module), attribute)({TARGET: config_of(str(name)), **node})
    if name not in own_methods() or importlib.util.find_spec(f"src.models.{name}") is None:
        raise UserError(f"model.method={name}: there is no such method; choices: {', '.join(sorted(own_methods()))}")
    found = getattr(importlib.import_module(f"src.models.{name}"), "METHOD", None)
    if found is None:
        raise UserError(f"model.method={name}: src/models/{name}.py says not what its METHOD is")
    return _made(found, node)


def _of_class(target: str, node: Mapping[str, Any]) -> Method:
    found: Any = get_class(target)
    if not issubclass(found, Method | AdapterLinear):
        raise UserError(f"{TARGET}={target} is no adapter: a method is a subclass of AdapterLinear or of Method")
    return _made(found, node)


def _made(found: type[Method] | type[AdapterLinear], node: Mapping[str, Any]) -> Method:
    return found(node) if issubclass(found, Method) else PerLayer(found, node)
