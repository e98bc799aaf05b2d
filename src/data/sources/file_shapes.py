"""Files that hold a task's rows in another shape than a row a line: nested objects, other names, other languages."""

from collections.abc import Mapping, Sequence
from typing import Any

from src.data.sources.file_columns import Columns
from src.tasks.signatures import Place
from src.utils.errors import UserError

EACH = "[]"  # behind a key of a list: a row for each of its entries


def unnested(table: Columns, paths: Mapping[str, str]) -> Columns:
    """Rows out of nested objects, such as each answer to each question about a paragraph.

    Args:
        table: a row an object.
        paths: where each column stands, as ``passage.questions[].answers[].text``. Lists stand within one another.

    Returns:
        The columns; the table itself where it has no column of a path's first key, and is flat already.

    Raises:
        UserError: where an object is not of this shape. The last key alone may be missing: its value is None.
    """
    if not paths:
        return table
    first = next(iter(paths.values())).replace(EACH, "").split(".")[0]
    if first not in table.values:
        return table
    lists = sorted({path[: place + 2] for path in paths.values() for place in _places(path)}, key=len)
    values: dict[str, list[Any]] = {name: [] for name in paths}
    rows: list[int] = []
    for row in range(len(table.values[first])):
        found: list[dict[str, Any]] = [{"": {name: column[row] for name, column in table.values.items()}}]
        for prefix in lists:
            found = [
                own | {prefix: entry}
                for own in found
                for entry in _list(_value(own, prefix.removesuffix(EACH), table.place, row), prefix, table.place, row)
            ]
        for own in found:
            rows.append(row)
            for name, path in paths.items():
                values[name].append(_value(own, path, table.place, row))
    return Columns(values, lambda row: table.place(rows[row]))


def _places(path: str) -> list[int]:
    return [place for place in range(len(path)) if path.startswith(EACH, place)]


def _value(known: Mapping[str, Any], path: str, place: Place, row: int) -> Any:
    """What stands at a path, from the innermost list entry that is known on."""
    prefix = max((own for own in known if path.startswith(own)), key=len)
    value = known[prefix]
    for key in path.removeprefix(prefix).strip(".").split("."):
        if not isinstance(value, Mapping):
            raise UserError(f"{place(row)}: no object with the key {key!r}, which is expected as {path}")
        value = value.get(key)
    return value


def _list(value: Any, path: str, place: Place, row: int) -> Sequence[Any]:
    if not isinstance(value, list):
        raise UserError(f"{place(row)}: no list at {path.removesuffix(EACH)}")
    return value


def renamed(table: Columns, names: Mapping[str, Sequence[str]]) -> Columns:
    """The table with columns under other names: each the first of several that it has, if it has one."""
    found = {name: next((table.values[own] for own in known if own in table.values), None)
             for name, known in names.items()}  # fmt: skip
    return Columns(table.values | {name: own for name, own in found.items() if own is not None}, table.place)


def only_rows(table: Columns, wanted: Mapping[str, str]) -> Columns:
    """The rows whose columns have these values; a column that is not there restricts nothing.

    Raises:
        UserError: if no row is left.
    """
    wanted = {name: value for name, value in wanted.items() if name in table.values}
    if not wanted:
        return table
    columns = [table.values[name] for name in wanted]
    rows = [row for row, own in enumerate(zip(*columns, strict=True)) if list(own) == list(wanted.values())]
    if not rows:
        shown = ", ".join(f"{name} {value!r}" for name, value in wanted.items())
        choices = ", ".join(sorted(set(map(str, columns[0])))[:20])
        raise UserError(f"{table.place(0)}: no row of this file has {shown}; choices: {choices}")
    values = {name: [column[row] for row in rows] for name, column in table.values.items()}
    return Columns(values, lambda row: table.place(rows[row]))
