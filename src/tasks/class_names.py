"""Where the classes of a task stand outside of it: in a model's config, and in a feature of ``datasets``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets.features.features import FeatureType
    from transformers import PretrainedConfig


def write_names(config: "PretrainedConfig", names: Sequence[str]) -> None:
    """Write the classes into a model's config, in the order of their numbers."""
    config.id2label = dict(enumerate(names))
    config.label2id = {name: number for number, name in enumerate(names)}


def written_names(config: "PretrainedConfig") -> tuple[str, ...]:
    """The classes that a model's config has, in the order of their numbers."""
    return tuple(str(config.id2label.get(number)) for number in range(config.num_labels))


def names_in_list(feature: "FeatureType") -> tuple[str, ...] | None:
    """The classes of a feature whose values are lists of them; None if it is another one."""
    from datasets import ClassLabel

    inner = getattr(feature, "feature", None)
    return tuple(map(str, inner.names)) if isinstance(inner, ClassLabel) else None
