"""``predictions.parquet``: one row per unit (example) of every evaluation split, at the selected epoch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from src.tasks import TaskKind
from src.utils.files import whole


def write_predictions(
    path: Path,
    logits: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    index: Mapping[str, list[int]],
    kinds: Mapping[str, TaskKind],
    clusters: Mapping[str, Mapping[int, str]] | None = None,
) -> None:
    """Write columns ``split``, ``index`` (row of the source split), ``label``, ``prediction`` and ``logits``.

    Of a unit with several answers (a sentence of words) labels and predictions are lists, too.

    Args:
        path: the file, replaced as a whole.
        logits: of the selected evaluation, by split.
        labels: likewise.
        index: per split to be written, the source row of each output.
        kinds: per split, the kind of its task, which says what the logits mean. Where splits are of kinds that keep
            their answers in different types, labels and predictions are written as floats, and where one keeps lists
            of them, those of the others are lists of one.
        clusters: by split what each source row is part of; written as a last column ``cluster``, where any split has
            them.
    """
    types = {kinds[split].kept_as for split in index}
    lists = any(kinds[split].several_labels for split in index)
    tables = []
    for split, rows in index.items():
        order = np.argsort(rows)
        outputs = np.asarray(logits[split], dtype=np.float32)[order]
        kept_as = np.float64 if len(types) > 1 else kinds[split].kept_as
        columns: dict[str, Any] = {"split": [split] * len(rows), "index": np.asarray(rows)[order]}
        columns |= kinds[split].kept(outputs, labels[split][order], kept_as)
        if lists and not kinds[split].several_labels:
            columns |= {name: list(columns[name].reshape(-1, 1)) for name in ("label", "prediction")}
        if clusters:
            columns["cluster"] = pa.array([clusters.get(split, {}).get(row) for row in columns["index"]], pa.string())
        tables.append(pa.table(columns))
    with whole(path) as temporary:
        pq.write_table(pa.concat_tables(tables), temporary)
