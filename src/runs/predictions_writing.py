"""``predictions.parquet``: one row per example of every evaluation split, at the selected epoch."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from src.utils.files import whole


def write_predictions(
    path: Path,
    logits: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    index: Mapping[str, list[int]],
    regression: Mapping[str, bool],
) -> None:
    """Write columns ``split``, ``index`` (row of the source split), ``label``, ``prediction`` and ``logits``.

    Args:
        path: the file, replaced as a whole.
        logits: of the selected evaluation, by split.
        labels: likewise.
        index: per split to be written, the source row of each output.
        regression: per split, whether the prediction is the single logit, else the number of the largest. Where splits
            are of both kinds, labels and predictions are written as floats.
    """
    both = len({regression[split] for split in index}) > 1
    tables = []
    for split, rows in index.items():
        order = np.argsort(rows)
        outputs = np.asarray(logits[split], dtype=np.float32).reshape(len(rows), -1)[order]
        predictions = outputs[:, 0] if regression[split] else outputs.argmax(-1)
        kind = np.float64 if both else np.float32 if regression[split] else np.int64
        columns = {
            "split": [split] * len(rows),
            "index": np.asarray(rows)[order],
            "label": labels[split][order].astype(kind),
            "prediction": predictions.astype(kind),
            "logits": list(outputs),
        }
        tables.append(pa.table(columns))
    with whole(path) as temporary:
        pq.write_table(pa.concat_tables(tables), temporary)
