"""After a sweep: its comparison, printed and as a report in the sweep's folder."""

import logging
from pathlib import Path

from src.utils.errors import in_short
from src.utils.places import explain, place_error
from src.utils.resume_hint import shown_command
from src.utils.terminal import say

log = logging.getLogger(__name__)

REPORT = "report.html"


def after_sweep(folder: Path) -> None:
    """Print the comparison of the sweep's runs and write its report; also when some jobs failed.

    Whatever fails here is one line of the log: the runs are what the sweep was for, and how they ended is its outcome.
    """
    try:
        _compare(folder)
    except Exception as error:
        place = place_error(error)
        why = explain(place) if place is not None else in_short(error)
        log.error("the runs of %s are not compared, or without a report: %s", folder, why)


def _compare(folder: Path) -> None:
    from src.compare.comparison import compare_runs
    from src.compare.present.terminal_table import print_comparison
    from src.compare.report import write_report
    from src.runs.reading import find_runs
    from src.runs.store import open_store

    store = open_store()
    comparison = compare_runs(find_runs([folder], store), store=store)
    print_comparison(comparison, where=folder)
    if comparison.tables:
        write_report(comparison, folder / REPORT, command=shown_command())
        say(f"The report is in {folder / REPORT}")
