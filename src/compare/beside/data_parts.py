"""Which part of the data each example belongs to: by its label, its length, or a column of the data or a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from src.runs.predictions_reading import Predictions
from src.runs.reading import read_run
from src.utils.errors import UserError

if TYPE_CHECKING:  # takes seconds to import
    from src.data.load import TaskData

LABEL, LENGTH = "label", "length"
AS_CLUSTER = "data.cluster="  # what begins the loaders' messages on a column
MOST = 12  # parts; numbers of more values are cut into thirds
THIRDS = ("low", "middle", "high")
Index = NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """What ``--by`` names.

    Args:
        name: ``label``, ``length`` (words of the texts), or a column of ``rows``, else of the data that the run read.
        rows: a table of the evaluation split's examples, by its column ``index`` where it has one, else with example
            i in row i; None for the data themselves.
    """

    name: str
    rows: Path | None = None

    def parts(self, known: Predictions, folder: Path, split: str) -> dict[str, Index]:
        """The places of the examples of each part, in the order of ``known``.

        Args:
            known: labels and index of the evaluation split.
            folder: of a run on it, for its texts.
            split: its name.

        Raises:
            UserError: if there is no such column, it has not a value for every example, or too many different ones; if
                the data are not at hand, or are others than the run's record says.
        """
        if self.rows is not None:
            return _grouped(self.name, _of_table(self.rows, self.name, known))
        if self.name == LABEL and known.labels.ndim > 1:
            raise UserError(
                f"--by {LABEL}: an example has several labels; --rows FILE names a table with other columns"
            )
        if self.name == LABEL:
            return _grouped(self.name, known.labels.tolist())
        if self.name == LENGTH:
            return _grouped(self.name, _lengths(folder, split, known))
        return _grouped(self.name, _of_data(folder, split, known, self.name))


def _of_table(path: Path, name: str, known: Predictions) -> list[Any]:
    from src.data.sources.table_files import read_table  # takes a second to import

    columns = read_table(path).values
    if name not in columns:
        raise UserError(f"--by {name}: {path} has no such column; choices: {', '.join(columns)}")
    index = columns.get("index") or range(len(columns[name]))
    values = {str(place): value for place, value in zip(index, columns[name], strict=True)}
    if missing := [int(place) for place in known.index if str(place) not in values]:
        raise UserError(f"--rows {path} lacks the example {missing[0]:,}, and {len(missing):,} in all")
    return [values[str(place)] for place in known.index]


def _of_data(folder: Path, split: str, known: Predictions, name: str) -> list[str]:
    """A column of the data that the run's folder describes."""
    try:
        values = _read(folder, name).clusters.get(split, {})
    except UserError as error:
        reason = str(error).removeprefix(f"{AS_CLUSTER}{name}: ")
        raise UserError(
            f"--by {name}: neither {LABEL} nor {LENGTH}, and of the run's data it cannot be taken: {reason}; "
            "--rows FILE names a table that has the column"
        ) from error
    if missing := [int(place) for place in known.index if int(place) not in values]:
        raise UserError(f"--by {name}: the example {missing[0]:,} is not in the data of {folder} any more")
    return [values[int(place)] for place in known.index]


def _read(folder: Path, column: str | None = None) -> "TaskData":
    """The data of a run, the rows that its record names, and one column of them as ``clusters``."""
    from src.data.load import HOLDOUT, load_data
    from src.data.saved import read_data

    config = read_data(folder)
    if "tasks" in config.data:
        raise UserError(f"{folder} is a run on a mix of tasks")
    if column is not None:
        config.data.cluster = column  # what carries a column along, and leaves the rows what they are
    record = read_run(folder).record
    found = load_data(config.data, holdout=HOLDOUT in record.rows)
    if record.data_fingerprint not in (None, found.fingerprint):
        raise UserError(f"the data that {folder} names are other rows now than those that its record was made on")
    return found


def _lengths(folder: Path, split: str, known: Predictions) -> list[int]:
    """Words of each example's texts, of the data that the run's folder describes."""
    rows = _read(folder).splits.get(split)
    if rows is None:
        raise UserError(f"--by {LENGTH}: the data of {folder} has no split {split} any more")
    texts: Mapping[int, int] = {
        idx: sum(len(str(text).split()) for text in found)
        for idx, *found in zip(
            rows["idx"], *(rows[c] for c in ("text", "text_pair") if c in rows.column_names), strict=True
        )
    }
    if missing := [int(place) for place in known.index if int(place) not in texts]:
        raise UserError(f"--by {LENGTH}: the example {missing[0]:,} is not in the data of {folder} any more")
    return [texts[int(place)] for place in known.index]


def _grouped(name: str, values: list[Any]) -> dict[str, Index]:
    """By value; numbers with more than twelve different ones in thirds of about equal size."""
    distinct = sorted(set(values), key=lambda value: (str(type(value)), value))
    if len(distinct) <= MOST:
        texts = np.array([str(value) for value in values], dtype=object)
        return {str(value): np.flatnonzero(texts == str(value)) for value in distinct}
    numbers = _numbers(name, values, len(distinct))
    cuts = np.quantile(numbers, [1 / 3, 2 / 3], method="inverted_cdf")
    third = np.searchsorted(cuts, numbers, side="left")
    found = {}
    for number, word in enumerate(THIRDS):
        places = np.flatnonzero(third == number)
        if len(places):
            found[f"{word} ({numbers[places].min():g} to {numbers[places].max():g})"] = places
    return found


def _numbers(name: str, values: list[Any], distinct: int) -> NDArray[np.float64]:
    try:
        found = np.array([float(value) for value in values])
    except (TypeError, ValueError):
        raise UserError(f"--by {name}: {distinct} different values, and at most {MOST} are compared") from None
    if not np.isfinite(found).all():
        raise UserError(f"--by {name}: a value is no finite number")
    return found
