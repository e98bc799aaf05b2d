"""What a head answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.tasks.kind import MARK, TaskKind

if TYPE_CHECKING:
    from transformers import PretrainedConfig


@dataclass(frozen=True)
class LabelSpace:
    """What a head answers: the kind of task and, where it has classes, their names in the order of their numbers."""

    kind: TaskKind
    names: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        """The width of the head's last layer."""
        return self.kind.outputs(self.names)

    def described(self) -> str:
        """In a few words, for messages."""
        return shown(self.names) if self.kind.has_classes else self.kind.title

    def configure(self, config: "PretrainedConfig") -> None:
        """Write the space into a model's config, and whose head it is: a checkpoint's tells its kind by that."""
        config.__dict__.pop(MARK, None)  # another kind's
        self.kind.configure(config, self.names)
        models = self.kind.model_class()._model_mapping
        if type(config) in models:
            config.architectures = [models[type(config)].__name__]

    def is_permutation_of(self, other: "LabelSpace") -> bool:
        """Whether the two have the same classes in any order, each once."""
        alike = self.kind is other.kind and sorted(self.names) == sorted(other.names)
        return alike and len(set(self.names)) == len(self.names)


def shown(names: Sequence[str]) -> str:
    """Classes in a line, of many the first."""
    return f"{', '.join(names[:5])} ... ({len(names)} classes)" if len(names) > 6 else ", ".join(names)
