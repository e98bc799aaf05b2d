"""The peft library's own published comparison, ``method_comparison/MetaMathQA/results/*.json``: one run a file."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from src.compare.audit.entries import Entry, PublishedTable, make_table
from src.utils.errors import UserError
from src.utils.files import read_given
from src.utils.strict_json import read_json

LARGEST_FILE = 16 * 2**20  # bytes
METRIC = "test accuracy"
MOST_EXAMPLES = 100_000
# A score is k / n; what is left of k after one division and one product in double precision.
ROUNDING = 1e-9
OLDER = re.compile(r"--\d{4}-\d\d-\d\dT[\d+-]+$")  # what the library's script adds to the name of a rerun


def read_results(folder: Path, examples: int | None = None) -> tuple[PublishedTable, list[str]]:
    """The results of a folder as one table, one run a row.

    Args:
        folder: holds the JSON files.
        examples: that the test split has; by default the fewest that give every score to the last digit, since the
            files hold scores as unrounded quotients and not the number.

    Returns:
        The table, and for each file that is left out a line with the reason.

    Raises:
        UserError: if no file is such a result, or the number of examples cannot be told.
    """
    files = sorted(folder.glob("*.json"))
    found: dict[str, float] = {}
    left_out = []
    for path in files:
        result = _result(read_json_of(path))
        if isinstance(result, str):
            left_out.append(f"{path.name}: {result}")
        elif OLDER.search(path.stem):
            left_out.append(f"{path.name}: an earlier run of the same experiment, by its name")
        else:
            name, score = result
            found[name] = score
    if not found:
        raise UserError(f"{folder}: none of {len(files)} JSON files is a result of peft's method comparison")
    size = examples or fewest_examples(list(found.values()))
    if size is None:
        raise UserError(f"{folder}: no number of examples gives all scores; --examples N says it")
    entries = (Entry(name, score, 1, None, size) for name, score in found.items())
    return make_table("MetaMathQA", "accuracy", entries), left_out


def read_json_of(path: Path) -> object:
    """What a JSON file holds; raises UserError if it holds none."""
    try:
        return read_json(read_given(path, LARGEST_FILE))
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error


def fewest_examples(scores: Sequence[float]) -> int | None:
    """The smallest n for which every score is a whole number of n-ths; None if there is none up to 100,000.

    A multiple of it gives the same scores: it is the true number unless all counts share a divisor with it.
    """
    for size in range(2, MOST_EXAMPLES + 1):
        if all(abs(score * size - round(score * size)) <= ROUNDING * size for score in scores):
            return size
    return None


def _result(content: Any) -> tuple[str, float] | str:
    """The experiment's name and its score; or why the file is no finished result."""
    try:
        name, info = content["run_info"]["experiment_name"], content["train_info"]
        if info["status"] != "success":
            return f"status {str(info['status'])[:40]!r}"
        last = info["metrics"][-1]
    except (KeyError, IndexError, TypeError):
        return "no result of peft's method comparison"
    score = last.get(METRIC) if isinstance(last, Mapping) else None
    if not isinstance(name, str) or isinstance(score, bool) or not isinstance(score, int | float):
        return f"no {METRIC} in its last metrics"
    return (name, float(score)) if 0 <= score <= 1 else f"{METRIC} {score:g} is no share"
