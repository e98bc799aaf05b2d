"""Where a report's numbers come from: the command, the runs' commits, dates, machines and packages."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from src.compare.tables import Comparison
from src.runs.identity import code_version
from src.runs.reading import Run, read_again

MOST = 4  # different values of one kind


def provenance(comparison: Comparison, command: str | None, plan: str | None) -> dict[str, str]:
    """What the page says of its making: a text by its heading, only such as is known.

    Args:
        comparison: whose runs are meant.
        command: that wrote the report.
        plan: a locked plan's hash and time.
    """
    folders = (folder for table in comparison.tables for row in table.rows for folder in row.folders)
    runs = list(read_again(folders).values())
    started = sorted(str(run.record.started) for run in runs if run.record.started)
    found = {
        "Command": command or "",
        "Plan": plan or "",
        "Runs": f"{len(runs)}, started from {started[0]} to {started[-1]}" if started else str(len(runs)),
        "Commit": _listed(map(_commit, runs)),
        "Machine": _listed(map(_machine, runs)),
        "Packages": _listed(_versions(run.record.versions) for run in runs),
        "Report written": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, code {code_version()}",
    }
    return {heading: text for heading, text in found.items() if text}


def _commit(run: Run) -> str:
    commit = run.record.git.commit
    return f"{commit[:12]}{' with changes' if run.record.git.dirty else ''}" if commit else ""


def _machine(run: Run) -> str:
    hardware = run.record.hardware
    device = hardware.get("device_name") or hardware.get("cpu") or hardware.get("device")
    cores = f", {hardware['cpu_cores']} cores" if hardware.get("cpu_cores") else ""
    return f"{device}{cores}, {hardware.get('system', '')}".rstrip(", ") if device else ""


def _versions(versions: object) -> str:
    return ", ".join(f"{name} {value}" for name, value in versions.items()) if isinstance(versions, Mapping) else ""


def _listed(texts: Iterable[str]) -> str:
    """The different texts, the most frequent first, each with its number of runs where there are several."""
    counts = Counter(text for text in texts if text)
    shown = [f"{text} ({count} runs)" if len(counts) > 1 else text for text, count in counts.most_common(MOST)]
    more = f"; {len(counts) - MOST} more" if len(counts) > MOST else ""
    return "; ".join(shown) + more
