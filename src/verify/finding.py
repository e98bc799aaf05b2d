"""What a verification finds, and the exit status that this is."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How something stands to what the run says of it."""

    EQUAL = "equal"
    WITHIN = "within tolerance"
    DIFFERENT = "different"
    UNKNOWN = "cannot be verified"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        run: the run's name.
        what: a file, a score, or what else was held against another.
        verdict: how it stands.
        said: the numbers, or the reason, in words; may be empty where all is equal.
    """

    run: str
    what: str
    verdict: Verdict
    said: str = ""


def exit_status(findings: Iterable[Finding]) -> int:
    """0: all equal, or within the tolerance; 1: something differs; 2: something could not be verified."""
    verdicts = {finding.verdict for finding in findings}
    return 1 if Verdict.DIFFERENT in verdicts else 2 if Verdict.UNKNOWN in verdicts else 0
