"""Write the simulated error rates into docs/statistics.md: ``python -m tools.statistics_tables --tables 1000``.

The page is written after every cell, so that a run that is cut short leaves what it has.
"""

import argparse
import itertools
from collections.abc import Sequence

from src.utils.files import write_whole
from src.utils.paths import ROOT
from src.utils.terminal import say
from tools.simulation import Cell, Counts, run

PAGE = ROOT / "docs" / "statistics.md"
BEGIN, END = "<!-- simulated: begin -->", "<!-- simulated: end -->"
METHODS, SEEDS, SHARES = (2, 4, 9, 21), (3, 5, 10), (0.0, 0.3, 0.6)
HEADINGS = (
    "methods", "seeds", "seeds' share", "tables", "false claim %", "before %", "coverage %", "power %", "before %",
    "best in its set %",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulate tables of methods, and write what came of it.")
    parser.add_argument("--tables", type=int, default=1000, help="of each cell, without a difference and with one")
    parser.add_argument("--methods", type=int, nargs="+", default=METHODS)
    options = parser.parse_args()
    found: list[tuple[Cell, Counts]] = []
    for methods, seeds, share in itertools.product(options.methods, SEEDS, SHARES):
        cell = Cell(methods, seeds, share)
        found.append((cell, run(cell, options.tables)))
        say(f"{cell}: {found[-1][1]}")
        write(found)


def write(found: Sequence[tuple[Cell, Counts]]) -> None:
    """Put the table between the page's markers."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [f"| {' | '.join(HEADINGS)} |", "|" + "---:|" * len(HEADINGS)]
    lines += [f"| {' | '.join(_cells(cell, counts))} |" for cell, counts in found]
    write_whole(PAGE, f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}")


def _cells(cell: Cell, counts: Counts) -> list[str]:
    shares = (counts.false_claim, counts.unmoderated, counts.covered, counts.power, counts.power_unmoderated,
              counts.best_kept)  # fmt: skip
    return [str(cell.methods), str(cell.seeds), f"{cell.share:g}", f"{counts.tables:,}",
            *(f"{100 * share:.1f}" for share in shares)]  # fmt: skip


if __name__ == "__main__":
    main()
