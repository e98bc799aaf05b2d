"""How a table was judged, as a paper says it: the test, what it controls and what it assumes."""

from src.compare.present.table_sentences import percent
from src.compare.tables import Table


def how_judged(table: Table) -> list[str]:
    """A sentence each; nothing where no difference was judged."""
    if table.baseline is None or not table.comparisons:
        return []
    one, drawn = ("example", "examples") if table.clusters is None else ("cluster", "clusters of examples")
    several = table.comparisons > 1
    moderated = "; mean squares between seeds moderated over the rows, Smyth 2004" if several else ""
    found = [
        f"Test: differences to {table.baseline} are paired by seed and {one}; their standard error allows for other "
        f"seeds and other {drawn} (two-way random effects, Hillis 2007{moderated}), with Student's quantiles."
    ]
    if several:
        found.append(
            f"The intervals of all {table.comparisons} differences hold at once (max-t, Westfall and Young 1993), so "
            f"that at most {percent(table.alpha)} of such tables make a false claim; p is adjusted likewise."
        )
    if table.margin is not None:
        adjusted = ", adjusted by Holm" if several else ""
        found.append(
            f"Equivalence within ±{table.margin:g} is shown by two one-sided tests at {percent(table.alpha)} "
            f"(Schuirmann 1987){adjusted}."
        )
    return [
        *found,
        f"Assumed: seeds and {drawn} are draws from all there could have been; the training sample is given.",
    ]
