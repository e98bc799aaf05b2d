"""What papers report for a table's backbone, task and metric. Set beside the table, never part of a test."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from src.compare.tables import Table

FILE = Path(__file__).with_suffix(".yaml")
WARM_STARTS = {True: "warm start from MNLI", False: "no warm start from MNLI", None: "warm start not stated"}
SELECTIONS = {"best epoch": "best epoch on the reported set", "held out": "epoch picked on held-out rows"}


@dataclass(frozen=True)
class Published:
    """One cell of a paper's table.

    Attributes:
        method: the row's name in the paper.
        parameters: trained outside the head, rounded as published.
        score: a fraction, as in our tables; ``deviation`` its published standard deviation.
        source: paper and table; ``url`` leads there.
        protocol: what was averaged, how the epoch was picked, where the weights started.
    """

    method: str
    parameters: int
    score: float
    deviation: float | None
    source: str
    url: str
    protocol: str


def published_rows(table: Table) -> list[Published]:
    """The published scores of the same backbone, task and metric, best first."""
    content = _content()
    task, metric = table.fixed["data"], table.metric
    if task not in content["metrics"].get(metric, ()):
        return []
    rows = [row for paper in content["tables"] if paper["backbone"] == table.fixed["backbone"]
            for row in _rows(paper, task)]  # fmt: skip
    return sorted(rows, key=lambda row: (-row.score, row.parameters, row.method))


@cache
def _content() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def _rows(paper: Mapping[str, Any], task: str) -> Iterator[Published]:
    for row in paper["rows"]:
        if task not in row["scores"]:
            continue
        cell = row["scores"][task]
        score, deviation = cell if isinstance(cell, list) else (cell, None)
        yield Published(
            method=row["method"],
            parameters=row["parameters"],
            score=score / 100,
            deviation=None if deviation is None else deviation / 100,
            source=f"{paper['paper']}, table {paper['table']}",
            url=f"https://arxiv.org/abs/{paper['arxiv']}",
            protocol=", ".join(_protocol(paper, row, task)),
        )


def _protocol(paper: Mapping[str, Any], row: Mapping[str, Any], task: str) -> Iterator[str]:
    tasks = row.get("mnli_start", paper["mnli_start"])
    yield paper["statistic"]
    yield SELECTIONS[paper["selection"]]
    yield WARM_STARTS[None if tasks is None else task in tasks]
    if remark := paper.get("remarks", {}).get(task):
        yield remark
    if row.get("copied"):
        yield "copied there from earlier work"
