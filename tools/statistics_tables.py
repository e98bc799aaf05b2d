"""Write the simulated error rates into docs/statistics.md: ``python -m tools.statistics_tables --tables 1000``.

Each cell is kept in a file of its own, so that a run that is cut short goes on where it was, and several may share the
cells; the page is written from all that are there.
"""

import argparse
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from src.utils.files import write_whole
from src.utils.paths import ROOT
from src.utils.terminal import say
from tools.simulation import Cell, Counts, run

PAGE = ROOT / "docs" / "statistics.md"
FOLDER = ROOT / "outputs" / "simulated"
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
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the cells are kept")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for cell in cells(options.methods):
        found = kept(options.folder, cell)
        if found is None or found.tables < options.tables:
            found = run(cell, options.tables)
            write_whole(file_of(options.folder, cell), json.dumps(asdict(found)))
            say(f"{cell}: {found}")
    write([(cell, found) for cell in cells(METHODS) if (found := kept(options.folder, cell)) is not None])


def cells(methods: Sequence[int]) -> Iterator[Cell]:
    """In the order of the page."""
    for number, seeds, share in itertools.product(methods, SEEDS, SHARES):
        yield Cell(number, seeds, share)


def file_of(folder: Path, cell: Cell) -> Path:
    return folder / f"{cell.methods}_{cell.seeds}_{cell.share:g}.json"


def kept(folder: Path, cell: Cell) -> Counts | None:
    """What became of a cell, if it was simulated."""
    file = file_of(folder, cell)
    return Counts(**json.loads(file.read_text())) if file.exists() else None


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
