"""Examples that belong together: sentences of one document, pairs with a premise in common.

They are right or wrong together, and count for fewer than they are. A file, or a column of the data, says which example
is part of what; what is drawn anew are then the clusters (Miller 2024, arXiv 2411.00640).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.compare.grouping import Group
from src.compare.statistics.features import Array
from src.runs.clusters_reading import read_clusters_of
from src.utils.errors import UserError

NEEDED = ("index", "cluster")
FEWEST = 10  # clusters, below which their variance is hardly known


@dataclass(frozen=True)
class Clusters:
    """The cluster of each example by its index, which is its row in the source's split.

    Attributes:
        source: what names them in messages: ``--clusters FILE``, or the column of the data.
        of: the cluster by the example's index.
        given: whether somebody asked for them, and is told what is wrong with them.
    """

    source: str
    of: Mapping[int, str]
    given: bool = True

    @property
    def digest(self) -> str:
        """A name of what the file says."""
        return hashlib.sha256(json.dumps(sorted(self.of.items())).encode()).hexdigest()

    def numbers(self, index: Array) -> Array | None:
        """(n,) numbers from 0 of the examples' clusters; None where those of the data cannot be used.

        Raises:
            UserError: if a file was given and an example has no cluster, or there are fewer than ten clusters.
        """
        missing = [int(place) for place in index if int(place) not in self.of]
        names, numbers = np.unique([self.of.get(int(place), "") for place in index], return_inverse=True)
        if not missing and len(names) >= FEWEST:
            return numbers
        if not self.given:
            return None
        if missing:
            raise UserError(f"{self.source}: no cluster for the example {missing[0]}, and {len(missing)} in all")
        raise UserError(f"{self.source}: {len(names)} clusters; intervals need {FEWEST} at least")


def read_clusters(path: Path) -> Clusters:
    """Read a .csv, .tsv, .jsonl or .parquet file with the columns ``index`` and ``cluster``.

    Raises:
        UserError: for another file, a column that is missing, an index that is none, or one that stands there twice.
    """
    from src.data.sources.table_files import read_table  # takes a second to import

    found = read_table(path)
    if missing := [name for name in NEEDED if name not in found.values]:
        raise UserError(f"{path} has no column {missing[0]}; it has: {', '.join(found.values)}")
    of: dict[int, str] = {}
    for number, (place, cluster) in enumerate(zip(*(found.values[name] for name in NEEDED), strict=True)):
        try:
            index = int(place)
        except (TypeError, ValueError):
            raise UserError(f"{found.place(number)}: index {place!r} is no whole number") from None
        if index in of:
            raise UserError(f"{found.place(number)}: the index {index} stands there twice")
        of[index] = str(cluster)
    return Clusters(f"--clusters {path}", of)


def clusters_of(group: Group, given: Clusters | None) -> Clusters | None:
    """What a group's examples are parts of: what was given, else what the runs' own data say (``data.cluster``).

    The first run whose predictions have them speaks for all, who are judged on the same examples. Where these are
    fewer than ten clusters, each example is taken by itself.
    """
    if given is not None:
        return given
    for run in group.runs:
        found = read_clusters_of(run.folder, str(group.fixed["split"]))
        if found:
            return Clusters("data.cluster", found, given=False)
    return None
