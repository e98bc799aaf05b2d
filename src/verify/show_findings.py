"""A verification in words: what is wrong first named, then what differs here, then the verdict."""

from collections.abc import Iterator
from pathlib import Path

from src.utils.text import shown_path
from src.verify.consistent import NO_SEAL
from src.verify.finding import Verdict
from src.verify.verify import WHY, Verification

MOST = 20  # lines of one kind
OF_A_STUDY = {
    "plan": "the plan is what its hash says",
    "sums": "files as they were packed",
    "copies": "files as in the archive",
}
LAST = {
    0: "Verified: all equal, or within the tolerance.",
    1: "Not verified: something differs.",
    2: "Not verified: something could not be checked.",
}


def lines(result: Verification, path: Path) -> Iterator[str]:
    """What to print."""
    unfinished = f", {len(result.unfinished)} not finished" if result.unfinished else ""
    yield f"{len(result.runs)} finished run{'s' * (len(result.runs) != 1)}{unfinished} in {shown_path(path)}"
    yield from _counts(result)
    bad = [finding for finding in result.findings if finding.verdict in (Verdict.DIFFERENT, Verdict.UNKNOWN)]
    yield from _listed([f"  {found.verdict}: {found.run}: {found.what}: {found.said}" for found in bad])
    yield from _listed([f"  not finished: {name}: {problem}" for name, problem in result.unfinished.items()])
    if result.elsewhere:
        yield "Here it is not as it was there:"
        yield from _listed([f"  {line}{_of(names, result)}" for line, names in result.elsewhere.items()])
    elif result.runs:
        yield "Packages, code, machine, data and backbone are the same here."
    if result.again:
        yield f"Trained again, in {shown_path(result.folder or Path())}:"
    for name, found in result.again.items():
        yield f"  {name}"
        for finding in found:
            yield f"    {finding.what}: {'' if finding.what == WHY else f'{finding.verdict}, '}{finding.said}"
    yield LAST[result.status]


def _counts(result: Verification) -> Iterator[str]:
    total = len(result.runs)
    if result.sealed:
        equal = sum(finding.what == "files" and finding.verdict == Verdict.EQUAL for finding in result.findings)
        yield f"  files as the runs left them: {equal} of {result.sealed}"
    if result.sealed < total:
        yield f"  {total - result.sealed} of {total}: {NO_SEAL}"
    equal = sum(finding.what == "scores" and finding.verdict == Verdict.EQUAL for finding in result.findings)
    yield f"  scores computed again from the predictions: {equal} of {total} runs"
    for finding in result.findings:
        if finding.verdict == Verdict.EQUAL and finding.what in OF_A_STUDY:
            yield f"  {OF_A_STUDY[finding.what]}: {finding.run}, {finding.said}"


def _of(names: list[str], result: Verification) -> str:
    return "" if len(names) == len(result.runs) else f" ({len(names)} of {len(result.runs)} runs)"


def _listed(found: list[str]) -> Iterator[str]:
    yield from found[:MOST]
    if len(found) > MOST:
        yield f"  and {len(found) - MOST} more"
