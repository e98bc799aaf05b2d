"""Which part of the data each example belongs to: by its label, its length, or a column of a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from src.runs.predictions_reading import Predictions
from src.utils.errors import UserError

LABEL, LENGTH = "label", "length"
MOST = 12  # parts; numbers of more values are cut into thirds
THIRDS = ("low", "middle", "high")
Index = NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """What ``--by`` names.

    Args:
        name: ``label``, ``length`` (words of the texts) or a column of ``rows``.
        rows: a table of the evaluation split's examples, by its column ``index`` where it has one, else with example
            i in row i; None if the name needs none.
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
            UserError: if there is no such column, it has not a value for every example, or too many different ones.
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
        raise UserError(
            f"--by {self.name}: by itself there are {LABEL} and {LENGTH}; --rows FILE names a table with other columns"
        )


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


def _lengths(folder: Path, split: str, known: Predictions) -> list[int]:
    """Words of each example's texts, of the data that the run's folder describes."""
    from src.data.load import load_data
    from src.data.saved import read_data

    rows = load_data(read_data(folder).data, holdout=False).splits.get(split)
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
