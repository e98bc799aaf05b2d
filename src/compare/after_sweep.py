"""After a sweep: its comparison, printed and as a report in the sweep's folder."""

from pathlib import Path

from src.utils.terminal import say

REPORT = "report.html"


def after_sweep(folder: Path) -> None:
    """Print the comparison of the sweep's runs and write its report; also when some jobs failed."""
    from src.commands.compare import open_store
    from src.compare.comparison import compare_runs
    from src.compare.present.table import print_comparison
    from src.compare.report import write_report
    from src.runs.reading import find_runs

    store = open_store()
    comparison = compare_runs(find_runs([folder], store), store=store)
    print_comparison(comparison, where=folder)
    if comparison.tables:
        write_report(comparison, folder / REPORT)
        say(f"The report is in {folder / REPORT}")
