"""What the peft library's files hold of one adapter of ours."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class PeftPart:
    """An adapter in the library's terms; the library itself is not needed.

    Attributes:
        title: what it is called, "a LoRA of rank 8".
        settings: fields of its config, peft_type among them. Where layers differ in one (block_size), the library reads
            the layers' own values from a field of that name and ``_pattern``.
        tensors: by the library's names below the layer's own.
    """

    title: str
    settings: Mapping[str, object]
    tensors: Mapping[str, Tensor]
