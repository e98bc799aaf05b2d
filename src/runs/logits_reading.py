"""The column ``logits`` of ``predictions.parquet``, which only a comparison of two trainings asks for."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from src.runs.layout import PREDICTIONS
from src.runs.predictions_reading import LARGEST_FILE, MOST_ROWS, PredictionsError, naming_the_file
from src.utils.files import open_regular

MOST_VALUES = 2**28  # of all rows together: 1 GiB in single precision


def read_logits(folder: Path) -> dict[str, NDArray[np.float32]]:
    """Each split's logits, ``(rows, classes)`` in the order of the examples' index.

    Of examples with different numbers of them, sentences of words, those of shorter ones are filled up with 0.

    Raises:
        PredictionsError: if there are none, they are no numbers, or more than fit.
    """
    with naming_the_file():
        with open_regular(folder / PREDICTIONS, LARGEST_FILE) as file, pq.ParquetFile(file) as parquet:
            _check(parquet)
            table = parquet.read(columns=["split", "index", "logits"], use_threads=False)
        splits = pc.unique(table["split"]).to_pylist()
        return {split: _of_split(table.filter(pc.equal(table["split"], split))) for split in splits}


def _check(parquet: pq.ParquetFile) -> None:
    """By what the file says of itself, before a value is unpacked."""
    schema, described = parquet.schema_arrow, parquet.metadata
    for name in ("split", "index", "logits"):
        if schema.names.count(name) != 1:
            raise PredictionsError(f"holds not one column {name}")
    kind = schema.field("logits").type
    if not (pa.types.is_list(kind) and pa.types.is_floating(kind.value_type)):
        raise PredictionsError(f"holds {str(kind)[:80]} in the column logits, which is of lists of numbers")
    if not pa.types.is_integer(schema.field("index").type):
        raise PredictionsError("holds no whole numbers in the column index")
    groups = [described.row_group(number) for number in range(described.num_row_groups)]
    chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
    values = sum(chunk.num_values for chunk in chunks if chunk.path_in_schema.startswith("logits."))
    size = sum(chunk.total_uncompressed_size for chunk in chunks)
    if described.num_rows > MOST_ROWS or values > MOST_VALUES or size > 16 * MOST_VALUES:
        raise PredictionsError(f"claims {described.num_rows:,} rows with {values:,} logits, more than are read")


def _of_split(table: pa.Table) -> NDArray[np.float32]:
    lists = table["logits"].combine_chunks()
    lengths = pc.list_value_length(lists)
    if table["index"].null_count or lists.null_count:
        raise PredictionsError("holds rows without logits")
    order = np.argsort(table["index"].to_numpy(), kind="stable")
    flat = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    if pc.count_distinct(lengths).as_py() <= 1:
        return flat.reshape(len(order), -1)[order]
    sizes = lengths.to_numpy(zero_copy_only=False)
    if len(sizes) * int(sizes.max()) > MOST_VALUES:
        raise PredictionsError("holds rows with too different numbers of logits")
    found = np.zeros((len(sizes), int(sizes.max())), dtype=np.float32)
    found[np.arange(found.shape[1]) < sizes[:, None]] = flat
    return found[order]
