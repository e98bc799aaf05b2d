"""``data.cluster``: the column that says what a row is part of, such as its document; statistics draw these whole."""

from collections.abc import Mapping

from datasets import Dataset

from src.tasks.signatures import Place, Raw
from src.utils.errors import UserError

CLUSTER = "cluster"  # the column of a normalised data set
RULE = "the name of a column that every split has, test splits aside, with a value in every row"


def cluster_names(columns: Mapping[str, Raw], name: str, place: Place) -> list[str]:
    """The cluster of each row, as text.

    Args:
        columns: the source's columns by name.
        name: of the one that is meant.
        place: where a row came from.

    Raises:
        UserError: if there is no such column, or a row without a value.
    """
    if name not in columns:
        known = ", ".join(repr(str(other)) for other in columns)
        raise UserError(f"data.cluster={name}: {place(0)}: no such column; the columns are {known}; rule: {RULE}")
    values = columns[name]
    for row, value in enumerate(values):
        if value is None or value == "" or value != value:
            raise UserError(f"data.cluster={name}: {place(row)}: no value; rule: {RULE}")
    return [str(value) for value in values]


def taken_out(splits: dict[str, Dataset]) -> dict[str, dict[int, str]]:
    """By split the cluster of each row by its ``idx``; the column is taken out of the splits.

    What is left is what the rows were without ``data.cluster``: their tokens, hashes and numbers stay the same.
    """
    found = {}
    for split, rows in splits.items():
        if CLUSTER in rows.column_names:
            found[split] = dict(zip(rows["idx"][:], rows[CLUSTER][:], strict=True))
            splits[split] = rows.remove_columns(CLUSTER)
    return found
