"""The column ``cluster`` of ``predictions.parquet``, where a run's data named one."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from src.runs.layout import RunFolder
from src.runs.predictions_reading import LARGEST_FILE, MOST_ROWS
from src.utils.files import open_regular

COLUMNS = ["split", "index", "cluster"]
LARGEST = 2**31  # bytes of the three columns


def read_clusters_of(folder: Path, split: str) -> dict[int, str]:
    """What each example of a split is part of, by its index; empty where the file does not say so for every one.

    The file may be a stranger's: whatever is wrong with it, and is not said where predictions are read, counts as none.
    """
    try:
        with open_regular(RunFolder(folder).predictions, LARGEST_FILE) as file, pq.ParquetFile(file) as parquet:
            if not _fits(parquet):
                return {}
            rows = parquet.read(columns=COLUMNS, use_threads=False).to_pydict()
    except Exception:
        return {}
    own = [
        (index, cluster) for name, index, cluster in zip(*(rows[key] for key in COLUMNS), strict=True) if name == split
    ]
    return {} if any(cluster is None for _, cluster in own) else dict(own)


def _fits(parquet: pq.ParquetFile) -> bool:
    schema, described = parquet.schema_arrow, parquet.metadata
    names = [field.name for field in schema]
    if any(names.count(name) != 1 for name in COLUMNS) or not pa.types.is_string(schema.field("cluster").type):
        return False
    groups = (described.row_group(number) for number in range(described.num_row_groups))
    chunks = (group.column(number) for group in groups for number in range(group.num_columns))
    size = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in COLUMNS)
    return described.num_rows <= MOST_ROWS and size <= LARGEST
