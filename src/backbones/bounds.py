"""What a backbone's folder may ask for, checked before a library builds it: no folder is worth this machine's memory.

The weights are the measure: a config whose sizes are far beyond every dimension that they have describes no model of
theirs.
"""

import json
import re
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers.utils import CONFIG_NAME

from src.backbones.remote_code import NO_REMOTE_CODE
from src.config.rules import show
from src.tasks import TaskKind
from src.utils.errors import UserError
from src.utils.foreign import memory, read_json

READ = (".json", ".txt", ".model", ".jinja")  # of these a library reads the whole; the rest are weights
WEIGHTS = (".safetensors", ".bin")
LARGEST_CONFIG, LARGEST_TEXT, LARGEST_HEADER = 2**24, 2**28, 10**8  # bytes; the last is safetensors' own bound
SIZES = re.compile(r"size|dim|embeddings|positions|embd|d_model|d_ff|window|chunk|length|span|bucket|kernel|stride"
                   r"|hidden|units|width|height|channels|dmodel|distance|seq_len")  # fmt: skip
REPEATED = re.compile(r"layer|block|expert|stage|depth")  # a number of modules
COUNTED = re.compile(r"^(num|n)_")
MOST_REPEATED, MOST_COUNTED, LARGEST = 1_000, 2**17, 2**40
BEYOND = 64  # times the largest dimension of the weights: positions may be more than words
UNKNOWN = 2**18  # the largest dimension, where the weights' file does not say


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds what is no file, or a config that describes more than its weights could be.

    Raises:
        UserError: naming the file.
    """
    for file in sorted(folder.iterdir()):
        if file.suffix not in (*READ, *WEIGHTS):
            continue
        try:
            status = file.stat()
        except OSError as error:
            raise UserError(f"{file} cannot be read: {error.strerror}") from error
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{file} cannot be read: it is no regular file")
        most = LARGEST_TEXT if file.suffix in READ else memory()
        if status.st_size > most:
            raise UserError(f"{file} has {status.st_size:,} bytes, more than the {most:,} that can be read")
    widest = _widest(folder)
    for key, value in _numbers(read_json(folder / CONFIG_NAME, LARGEST_CONFIG)):
        most = _most(key.rpartition(".")[2].lower(), widest)
        if not abs(value) <= most:
            raise UserError(
                f"{folder / CONFIG_NAME}: {key}={show(value)} is no size of these weights: at most {most:,}"
            )


def check_size(config: Any, source: str, kind: TaskKind) -> None:
    """Refuse a model that would not fit into the memory; it is built without its weights to find out.

    Raises:
        UserError: naming both sizes.
    """
    folder = Path(source)
    if folder.is_dir() and _plausible(config, _widest(folder)):
        return
    with torch.device("meta"):
        model = kind.model_class().from_config(config, **NO_REMOTE_CODE)
    needed = sum(4 * tensor.numel() for tensor in (*model.parameters(), *model.buffers()))
    if needed > memory():
        raise UserError(
            f"the backbone {source} needs {needed / 2**30:,.0f} GiB by its config, and this machine has "
            f"{memory() / 2**30:,.0f}"
        )


def _plausible(config: Any, widest: int) -> bool:
    """Whether no size of a config is beyond what its weights have."""
    sizes = (value for key, value in _numbers(config.to_dict()) if SIZES.search(key.rpartition(".")[2].lower()))
    return all(value <= widest for value in sizes)


def _most(name: str, widest: int) -> int:
    if REPEATED.search(name) and not re.search(r"size|dim|norm|drop|id$|eps", name):
        return MOST_REPEATED
    if SIZES.search(name):
        return BEYOND * widest
    return MOST_COUNTED if COUNTED.search(name) else LARGEST


def _numbers(node: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """Dotted key and value of every number; an item of a list has the list's key."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _numbers(value, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _numbers(value, key)
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield key, node


def _widest(folder: Path) -> int:
    """The largest dimension of the folder's tensors, by the headers of its safetensors files."""
    found = [max(shape, default=0) for file in folder.glob("*.safetensors") for shape in _shapes(file)]
    return max(found, default=UNKNOWN)


def _shapes(file: Path) -> Iterator[list[int]]:
    try:
        with file.open("rb") as opened:
            (size,) = struct.unpack("<Q", opened.read(8))
            header = json.loads(opened.read(size)) if size <= LARGEST_HEADER else {}
    except (OSError, ValueError, RecursionError, struct.error):  # the library says what is wrong with it
        return
    for tensor in header.values() if isinstance(header, dict) else ():
        shape = tensor.get("shape") if isinstance(tensor, dict) else None
        if isinstance(shape, list) and all(isinstance(side, int) for side in shape):
            yield shape
