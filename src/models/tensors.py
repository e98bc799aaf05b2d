"""Tensors of a safetensors file, checked: they may be a stranger's."""

import sys
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from src.utils.errors import UserError
from src.utils.files import check_given
from src.utils.foreign import memory, opened

# What a method keeps, as the format names it: weights, and of some the places of rows and columns.
DTYPES = ("F16", "BF16", "F32", "F64", "I16", "I32", "I64", "BOOL")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file that holds the weights of an adapter.

    Raises:
        UserError: if it is no regular file, no safetensors file, larger than the memory, or holds a tensor of numbers
            that no method keeps: ones of 8 bits, complex ones, NaN, an infinity.
    """
    check_given(path, sys.maxsize)
    if (size := path.stat().st_size) > memory():
        raise UserError(f"{path} has {size:,} bytes, more than this machine's memory")
    with opened(path), safe_open(path, "pt") as file:
        names = list(file.keys())
        for name in names:
            kind = file.get_slice(name).get_dtype()
            if kind not in DTYPES:
                raise UserError(f"{name} holds numbers of the type {kind}; choices: {', '.join(DTYPES)}")
        tensors = {name: file.get_tensor(name) for name in names}
        for name, tensor in tensors.items():
            if not torch.isfinite(tensor).all():
                raise UserError(f"{name} holds NaN or an infinity, so no answer of this model would mean anything")
    return tensors
