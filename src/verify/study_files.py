"""A study's own files: its plan by its hash, the runs that it counts, the sums of its pack, the copies beside that."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from src.runs.reading import Run
from src.study.evidence import read_evidence
from src.study.locked_plan import FIXED, hashes_of, planned_parts
from src.study.study_folder import LOOKS, OF_THE_STUDY, PLAN, RUNS, SUMS
from src.utils.errors import UserError
from src.utils.foreign import read_text
from src.utils.text import printable
from src.verify.archive import is_archive
from src.verify.finding import Finding, Verdict

LARGEST = 2**26  # bytes
LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def packed_studies(folder: Path) -> list[Path]:
    """The archives right in a folder, by their names."""
    return sorted(path for path in folder.iterdir() if path.is_file() and is_archive(path))


def check_studies(root: Path, runs: Mapping[Path, Run]) -> Iterator[Finding]:
    """What is to be said of each study in a folder, or in one right below it.

    Args:
        root: what is verified, unpacked.
        runs: the finished ones by their folders, as ``find_runs`` gives them.
    """
    root = root.resolve()  # the runs' folders begin with it
    for folder in (root, *sorted(path for path in root.iterdir() if path.is_dir())):
        if (folder / SUMS).is_file():
            yield from _sums(folder)
        if (folder / PLAN).is_file():
            yield from _study(folder, runs)


def check_copies(folder: Path, root: Path) -> Iterator[Finding]:
    """Whether a study's files that lie beside its archive are those in it.

    Args:
        folder: that holds the archive.
        root: the archive, unpacked.
    """
    inside = next((path for path in root.iterdir() if path.is_dir()), root)
    beside = [name for name in OF_THE_STUDY if (folder / name).is_file()]
    others = [name for name in beside if not (inside / name).is_file() or _sum(folder / name) != _sum(inside / name)]
    for name in others:
        yield Finding("beside the archive", name, Verdict.DIFFERENT, "is not the one in the archive")
    if beside and not others:
        yield Finding("beside the archive", "copies", Verdict.EQUAL, f"{len(beside)} files")


def _study(folder: Path, runs: Mapping[Path, Run]) -> Iterator[Finding]:
    name = printable(folder.name)
    try:
        said, found = hashes_of(folder)
        parts = planned_parts(folder)
        counted = read_evidence(folder).runs if (folder / LOOKS).is_file() else {}
    except UserError as error:
        yield Finding(name, PLAN, Verdict.UNKNOWN, printable(error))
        return
    if said != found:
        yield Finding(name, PLAN, Verdict.DIFFERENT, f"says the hash {printable(said)}, and is {found}: it was changed")
    else:
        yield Finding(name, "plan", Verdict.EQUAL, said)
    if not counted:
        yield Finding(name, LOOKS, Verdict.UNKNOWN, "is missing: no run of the plan counts yet")
    for run, arm in sorted(counted.items()):
        yield from _counted(folder / RUNS / run, arm, parts, runs)
    here = {path.name for path in runs if path.parent == folder / RUNS}
    for run in sorted(here - counted.keys() if counted else ()):
        yield Finding(printable(run), LOOKS, Verdict.UNKNOWN, "has finished, and no look of the study counts it")


def _counted(
    folder: Path, arm: str, parts: Mapping[str, Mapping[str, str]], runs: Mapping[Path, Run]
) -> Iterator[Finding]:
    name = printable(folder.name)
    if arm not in parts:
        yield Finding(name, LOOKS, Verdict.DIFFERENT, f"counts as {printable(arm)}, which is no arm of the plan")
    elif folder not in runs:
        yield Finding(name, LOOKS, Verdict.UNKNOWN, f"counts for {printable(arm)}, and is missing here")
    else:
        own, planned = runs[folder].record.identity, parts[arm]
        for part in FIXED[1:]:  # the config of a run has the run's own seed
            if own.get(part) != planned.get(part):
                yield Finding(name, PLAN, Verdict.DIFFERENT, f"its {part} is another than the plan's")


def _sums(folder: Path) -> Iterator[Finding]:
    """The files of a pack by the sums that lie in it."""
    name = printable(folder.name)
    lines = read_text(folder / SUMS, LARGEST).splitlines()
    found = [LINE.fullmatch(line) for line in lines]
    if not all(found):
        yield Finding(name, SUMS, Verdict.UNKNOWN, "is no list of sums")
        return
    wrong = 0
    for match in found:
        assert match is not None
        file = folder / match[2]
        inside = ".." not in Path(match[2]).parts and not Path(match[2]).is_absolute()
        if not inside or not file.is_file():
            yield Finding(name, printable(match[2]), Verdict.DIFFERENT, "is in the sums of the pack, and missing")
        elif _sum(file) != match[1]:
            yield Finding(name, printable(match[2]), Verdict.DIFFERENT, "was changed after it was packed")
        else:
            continue
        wrong += 1
    if not wrong:
        yield Finding(name, "sums", Verdict.EQUAL, f"{len(lines)} files")


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
