"""All that reads run folders, called on one that may hold anything."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from src.analysis.history import diagnostics
from src.analysis.svd_init import compare_inits
from src.compare.comparison import compare_runs
from src.compare.present.formats import FORMATS, write_tidy
from src.compare.present.learning_curves import learning_curves
from src.compare.present.terminal_table import print_comparison
from src.compare.report import write_report
from src.compare.tables import Comparison
from src.runs.finished import open_run
from src.runs.history_reading import last_lines, read_history
from src.runs.reading import find_runs, read_record, unchecked_record
from src.runs.store import Store
from src.utils.errors import UserError
from tests.compare.factory import ALPHA, NOTHING, make_run

GOOD = {f"good_{method.name}_{seed}": (method, seed) for method in (ALPHA, NOTHING) for seed in range(3)}
SHOWN = ("mean", "values", "interval", "best", "last", "adapter", "trainable", "total", "adapter_bytes", "consistency")


def make_good(root: Path) -> dict[str, dict[str, Any]]:
    """Six runs that nothing is wrong with, and what is said of them, by method."""
    for name, (method, seed) in GOOD.items():
        make_run(root / name, method, seed)
    return said_of_good(compare_runs(find_runs([root]), baseline="alpha", resamples=100))


def said_of_good(comparison: Comparison) -> dict[str, dict[str, Any]]:
    rows = [row for table in comparison.tables for row in table.rows if "good_" in row.folders[0]]
    return {row.method: {key: getattr(row, key) for key in SHOWN} | {"gap": row.difference and row.difference.mean}
            for row in rows}  # fmt: skip


def read_everything(root: Path, out: Path, report: bool = True) -> Comparison:
    """Compare the folder and show it in every way there is; raises what any of that raises."""
    store = Store(out / "store.sqlite")
    runs = find_runs([root], store)
    comparison = compare_runs(runs, baseline="alpha", resamples=100, store=store)
    assert compare_runs(find_runs([root], store), baseline="alpha", resamples=100, store=store) == comparison
    screen = io.StringIO()
    print_comparison(comparison, Console(file=screen, width=250), with_pscp=True)
    texts = {name: form(comparison, True) for name, form in FORMATS.items()}
    total = f"{len(runs):,} folders: {comparison.runs:,} runs, {len(comparison.left_out):,} left out"
    assert comparison.folders == len(runs) and comparison.total == total
    assert total in screen.getvalue() and json.loads(texts["json"])["total"] == total
    for name in ("tidy.csv", "tidy.parquet"):
        write_tidy(runs, out / name, store)
    if report:
        write_report(comparison, out / "report.html", published=True)
        assert total in (out / "report.html").read_text(encoding="utf-8")
    comparable = [run for run in runs if run.problem is None]
    for table in comparison.tables:
        learning_curves(table, {str(run.folder): run for run in comparable})
    compare_inits(comparable)
    for run in runs:
        read_record(run.folder)
        unchecked_record(run.folder)
        read_history(run.folder)
        last_lines(run.folder)
        with contextlib.suppress(UserError):
            open_run(run.folder)
        with contextlib.suppress(UserError):
            diagnostics({run.name: run})
    return comparison
