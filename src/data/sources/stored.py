"""Tables that take long to make, kept in the user's cache for all processes."""

import logging
from collections.abc import Callable

import pyarrow as pa
from datasets import Dataset

from src.utils.cache import cache_dir
from src.utils.files import whole

log = logging.getLogger(__name__)


def stored(kind: str, name: str, make: Callable[[], pa.Table]) -> Dataset:
    """The table of that name, mapped from its file; made if there is no file, or none that can be read.

    Args:
        kind: folder of the cache.
        name: says all that decides the content.
        make: called only if it is needed.
    """
    path = cache_dir(kind) / f"{name}.arrow"
    try:
        return Dataset.from_file(str(path))
    except FileNotFoundError:
        pass
    except (pa.ArrowInvalid, OSError) as error:
        log.warning("%s cannot be read and is made again: %s", path, error)
    table = make()
    with whole(path) as temporary, pa.ipc.new_stream(str(temporary), table.schema) as writer:
        writer.write_table(table)
    return Dataset.from_file(str(path))
