"""Whether somebody looks at operations instead of having them computed."""

from collections.abc import Callable

import torch

# Private: in a torch without it every call counts as looked at, which is slower and right.
_transformed: Callable[[], bool] = getattr(torch._C, "_are_functorch_transforms_active", lambda: True)


def traced() -> bool:
    """Whether ``torch.compile``, ``vmap`` or one of its kin looks at the operations that are called."""
    return torch.compiler.is_compiling() or _transformed()
