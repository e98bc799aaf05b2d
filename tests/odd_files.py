"""Damaged and odd files: every leaf of a JSON tree changed in turn, every way a file can be none."""

import copy
import functools
import json
import os
import pickle
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

DEEP = 100_000  # brackets: deeper than any parser goes
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2, 0.5, -0.0, 10**12, 2**63, -(2**70), float("nan"), float("inf"), float("-inf"), "",
    "x", "1", "nan", "auto", "../..", "/dev/zero", "\x1b[31m", "a\nb", "${oc.env:HOME}", "\ud800", "x" * 100_000, [],
    [None], [1], ["x"], [["x"]], {}, {"a": 1}, {"": None}, {"_target_": "os.system"}, [True, 0.5, "x", None],
]  # fmt: skip
Path_ = tuple[Any, ...]


def paths(node: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Where every value of a tree stands, the inner ones too, the whole as the empty path."""
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from paths(value, (*path, key))


def changed(tree: Any, path: Path_, change: Callable[[Any, Any], None]) -> Any:
    """A copy in which ``change`` was given the container of the value and its key there."""
    root = [copy.deepcopy(tree)]
    holder: Any = root
    for key in (0, *path)[:-1]:
        holder = holder[key]
    change(holder, (0, *path)[-1])
    return root[0] if root else None


def replaced(tree: Any, path: Path_, value: Any) -> Any:
    return changed(tree, path, lambda holder, key: holder.__setitem__(key, value))


def mutations(tree: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Name and maker of every mutant: each value replaced by each odd one, removed, renamed, wrapped; a key added."""

    def mutant(path: Path_, change: Callable[[Any, Any], None]) -> Callable[[], Any]:
        return lambda: changed(tree, path, change)

    for path in paths(tree):
        where = ".".join(map(str, path)) or "all"
        for value in ODD:
            yield f"{where}={value!r:.40}", functools.partial(replaced, tree, path, value)
        if not path:
            continue
        yield f"{where} removed", mutant(path, lambda holder, key: holder.__delitem__(key))
        yield f"{where} in a list", mutant(path, lambda holder, key: holder.__setitem__(key, [holder[key]]))
        yield f"{where} in a map", mutant(path, lambda holder, key: holder.__setitem__(key, {"a": holder[key]}))
        if isinstance(path[-1], str):
            yield f"{where} renamed", mutant(path, _rename)
        yield f"{where} twice as large", mutant(path, _double)
        yield f"{where} with a key more", mutant(path, _add)


def _rename(holder: Any, key: Any) -> None:
    holder[f"{key}_"] = holder.pop(key)


def _add(holder: Any, key: Any) -> None:
    if isinstance(holder[key], dict):
        holder[key]["canary"] = 1
    elif isinstance(holder[key], list):
        holder[key].append("canary")
    elif isinstance(holder, dict):
        holder["canary"] = holder[key]


def _double(holder: Any, key: Any) -> None:
    value = holder[key]
    holder[key] = value * 2 if isinstance(value, int | float | str | list) and not isinstance(value, bool) else [value]


def texts(good: str) -> Iterator[tuple[str, bytes]]:
    """Contents that are no such text: cut short, of other encodings, without end."""
    whole = good.encode()
    for share in (0, 0.1, 0.5, 0.9):
        yield f"cut at {share}", whole[: int(len(whole) * share)]
    yield "not UTF-8", whole.replace(b"a", b"\xff", 1)
    yield "UTF-16", good.encode("utf-16")
    yield "zeros", bytes(1000)
    yield "deep lists", b"[" * DEEP
    yield "deep maps", b'{"a":' * DEEP
    yield "deep and closed", b"[" * DEEP + b"]" * DEEP
    yield "1e400", b"1e400"
    yield "a number of 10,000 digits", b"9" * 10_000
    yield "a field of 10,000 digits", b'{"a": ' + b"9" * 10_000 + b"}"
    yield "twice", whole + whole
    yield "pickle", pickle.dumps({"a": 1})
    yield "NaN", b"NaN"
    yield "a byte-order mark", b"\xef\xbb\xbf" + whole


def files(path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """What may stand in a file's place that is no regular file, or has no end; each takes the place when called."""

    def in_place(make: Callable[[], Any]) -> Callable[[], None]:
        def craft() -> None:
            path.unlink()
            make()

        return craft

    yield "missing", in_place(lambda: None)
    yield "folder", in_place(path.mkdir)
    yield "pipe", in_place(lambda: os.mkfifo(path))
    yield "link to nothing", in_place(lambda: path.symlink_to("nowhere"))
    yield "link to itself", in_place(lambda: path.symlink_to(path.name))
    yield "link to a device", in_place(lambda: path.symlink_to("/dev/zero"))
    yield "link to a folder", in_place(lambda: path.symlink_to("."))
    yield "huge", in_place(lambda: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 2**40))


def tensors(path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Odd files of tensors; each takes the place of a good one when called."""
    good = {name: tensor.clone() for name, tensor in load_file(path).items()}  # the file itself will change
    first = min(good)

    def saved(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[], None]:
        def craft() -> None:
            own = {name: tensor.clone() for name, tensor in good.items()}
            change(own)
            save_file(own, path)

        return craft

    def put(value: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[], None]:
        return saved(lambda own: own.__setitem__(first, value(own[first]).contiguous()))

    for name in sorted(good):
        yield f"without {name}", saved(lambda own, name=name: own.pop(name))
    yield "one more", saved(lambda own: own.__setitem__("canary", torch.zeros(2)))
    yield "renamed", saved(lambda own: own.__setitem__(f"{first}_", own.pop(first)))
    yield "no tensor", saved(lambda own: own.clear())
    for kind in (torch.int64, torch.int8, torch.uint8, torch.bool, torch.float8_e4m3fn, torch.float8_e5m2,
                 torch.complex64):  # fmt: skip
        yield f"{kind}", put(lambda tensor, kind=kind: tensor.to(kind))
    for value in (float("nan"), float("inf"), float("-inf")):
        yield f"{value}", put(lambda tensor, value=value: tensor.flatten().index_fill(
            0, torch.tensor([0]), value).view_as(tensor))  # fmt: skip
    yield "transposed", put(lambda tensor: tensor.T if tensor.ndim > 1 else tensor[None])
    yield "one row more", put(lambda tensor: torch.cat([tensor, tensor[:1]]))
    yield "a scalar", put(lambda tensor: torch.tensor(1.0))
    yield "empty", put(lambda tensor: tensor[:0])
    yield "five dimensions", put(lambda tensor: tensor[None, None, None])
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])

    def raw(data: bytes) -> Callable[[], None]:
        return lambda: path.write_bytes(data) and None

    def with_header(own: Any) -> Callable[[], None]:
        text = own if isinstance(own, bytes) else json.dumps(own).encode()
        return raw(struct.pack("<Q", len(text)) + text + content[8 + size :])

    for share in (0, 0.001, 0.5, 0.99):
        yield f"cut at {share}", raw(content[: int(len(content) * share)])
    for length in (0, 1, 2**31, 2**62, 2**64 - 1):
        yield f"header of {length}", raw(struct.pack("<Q", length) + content[8:])
    yield "header is no JSON", with_header(b"{" * size)
    yield "header is deep", with_header(b'{"a":' * DEEP)
    yield "pickle", raw(pickle.dumps(dict.fromkeys(good, 1)))
    yield "longer", raw(content + b"x")
    entry = {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 8]}
    yield "huge shape", with_header(header | {first: entry})
    yield "other end", with_header(header | {first: header[first] | {"data_offsets": [0, 2**62]}})
    for name, make in mutations({first: header[first]}):
        yield f"header {name}", lambda make=make: with_header(make())()


def sample(found: Iterator[Any] | list[Any], most: int, seed: int = 0) -> list[Any]:
    """So many of them, always the same; with PEFT_VERDICT_FUZZ=N of N times as many."""
    found = list(found)
    return found if len(found) <= most else random.Random(seed).sample(found, most)
