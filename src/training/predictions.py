"""``predictions.parquet``: one row per example of every evaluation split, at the selected epoch."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from src.training.trainer import Evaluation


def write_predictions(path: Path, evaluation: Evaluation, index: dict[str, list[int]], regression: bool) -> None:
    """Write columns ``split``, ``index`` (row of the source split), ``label``, ``prediction`` and ``logits``.

    Args:
        path: the file, replaced as a whole.
        evaluation: the selected evaluation.
        index: per split to be written, the source row of each output.
        regression: the prediction is the single logit, else the number of the largest.
    """
    tables = []
    for split, rows in index.items():
        order = np.argsort(rows)
        logits = np.asarray(evaluation.logits[split], dtype=np.float32).reshape(len(rows), -1)[order]
        predictions = logits[:, 0] if regression else logits.argmax(-1)
        columns = {
            "split": [split] * len(rows),
            "index": np.asarray(rows)[order],
            "label": evaluation.labels[split][order],
            "prediction": predictions,
            "logits": list(logits),
        }
        tables.append(pa.table(columns))
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    pq.write_table(pa.concat_tables(tables), temporary)
    temporary.replace(path)
