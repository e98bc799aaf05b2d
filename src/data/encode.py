"""Text to token numbers: once per data, tokenizer and length, then from a file that all processes share."""

import hashlib
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
from datasets import Dataset, Features, List, Value

from src.data.cut import CUT
from src.data.load import TaskData
from src.data.partition import fingerprint
from src.data.sources.stored import stored
from src.data.task import is_test
from src.tasks import TaskKind
from src.utils import reuse
from src.utils.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CHUNK = 8192  # rows tokenised at a time: bounds the memory that Python lists take
_ENCODED: reuse.Kept[tuple[Dataset, Dataset]] = reuse.Kept(12)
VERSION = 1  # part of the cache key; raise it when the layout below changes


def encode(
    data: TaskData,
    tokenizer: "PreTrainedTokenizerBase",
    max_length: int,
    splits: Iterable[str] | None = None,
    long: str = CUT,
) -> dict[str, Dataset]:
    """Tokenise splits, without padding (the collator pads each batch to its longest row).

    Args:
        data: a loaded task.
        tokenizer: the backbone's tokenizer.
        max_length: tokens per example, special tokens included; of a pair, the longer text is cut first.
        splits: which splits; by default all but the test splits, which no run scores.
        long: what becomes of longer texts: ``cut``, or ``window`` for several rows with the ``idx`` of their text.

    Returns:
        Per split, the columns ``input_ids``, ``attention_mask``, ``token_type_ids`` if the tokenizer makes them,
        ``labels`` (int64 or float32; absent without labels), ``idx`` and ``length`` (in tokens), and what the kind of
        task notes besides.

    Raises:
        UserError: a ``max_length`` that the tokenizer cannot keep.
    """
    _check_length(max_length, tokenizer, pair=len(data.task.text) > 1)
    # Workers of a DataLoader never tokenise; without this, each of them would print a warning about the fork.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    kind = data.task.space.kind
    key = f"{_tokenizer_key(tokenizer)}-{max_length}-{kind.name}-{VERSION}" + (f"-{long}" if long != CUT else "")
    if splits is None:
        splits = [name for name in data.splits if not is_test(name) or name in data.task.evaluation_splits]
    return {
        # The split itself is kept beside its tokens, so that no other can get its id.
        name: _ENCODED.get(
            (id(data.splits[name]), key),
            lambda split=data.splits[name]: (split, _encode_split(split, tokenizer, max_length, key, kind, long)),  # type: ignore[misc]
        )[1]
        for name in splits
    }


def _encode_split(
    data: Dataset, tokenizer: "PreTrainedTokenizerBase", max_length: int, key: str, kind: TaskKind, long: str
) -> Dataset:
    name = hashlib.sha256(f"{fingerprint(data)}-{data.features}-{key}".encode()).hexdigest()[:32]
    return stored("tokenized", name, lambda: _tokenise(data, tokenizer, max_length, kind, long))


def _tokenise(
    data: Dataset, tokenizer: "PreTrainedTokenizerBase", max_length: int, kind: TaskKind, long: str
) -> pa.Table:
    types: dict[str, Any] = {}
    chunks = []
    for start in range(0, len(data), CHUNK):
        rows = data[start : start + CHUNK]
        columns = (kind.encode if long == CUT else kind.encode_windows)(tokenizer, rows, max_length)
        labels = {name: columns.pop(name) for name in kind.label_columns if name in columns}
        if origins := columns.pop("origin", None):  # a row may become several
            rows["idx"] = [rows["idx"][origin] for origin in origins]
        columns |= {
            "idx": rows["idx"],
            "length": [_tokens(ids) for ids in cast("list[list[Any]]", columns["input_ids"])],
        } | labels
        types = types or {name: _feature(name, values[0]) for name, values in columns.items()}
        schema = Features(types).arrow_schema
        chunks.append(pa.table([pa.array(columns[name], schema.field(name).type) for name in types], schema=schema))
    return pa.concat_tables(chunks)


def _tokens(ids: list[Any]) -> int:
    """Of a row, or of all inputs of one that has several."""
    return sum(map(len, ids)) if isinstance(ids[0], list) else len(ids)


def _feature(name: str, value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], list):
        return List(_feature(name, value[0]))
    if isinstance(value, list):
        numbers = {"input_ids": "int32", "labels": "float32" if value and isinstance(value[0], float) else "int64"}
        numbers |= dict.fromkeys(("starts", "ends"), "int32")  # characters of a text
        return List(Value(numbers.get(name, "int8")))
    if isinstance(value, str):
        return Value("string")
    return Value("float32" if isinstance(value, float) else "int64")


def _tokenizer_key(tokenizer: "PreTrainedTokenizerBase") -> str:
    """Hash what decides the tokens."""
    if tokenizer.is_fast:
        backend = tokenizer.backend_tokenizer
        backend.no_padding()  # both are left over from the last call, and set anew by the next
        backend.no_truncation()
        state = backend.to_str()
    else:
        state = repr((sorted(tokenizer.get_vocab().items()), sorted(tokenizer.init_kwargs.items(), key=str)))
    call = (type(tokenizer).__qualname__, tokenizer.model_input_names, tokenizer.truncation_side)
    return hashlib.sha256(f"{state} {call}".encode()).hexdigest()


def _check_length(max_length: int, tokenizer: "PreTrainedTokenizerBase", *, pair: bool) -> None:
    least = tokenizer.num_special_tokens_to_add(pair=pair) + (2 if pair else 1)
    most = tokenizer.model_max_length
    if not least <= max_length <= most:
        raise UserError(f"data.max_length={max_length}: this backbone takes {least} to {most} tokens")
