"""``python -m src verify``: a run, a sweep or an archive of them, held against itself and against a new training."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from src.compare.alike import TOLERANCE, distances
from src.runs.folders import find_folders
from src.runs.layout import RESULT
from src.runs.reading import Run, find_runs
from src.utils.errors import UserError
from src.utils.text import printable, shown_path
from src.verify.again import Train, rerun, spread, train
from src.verify.archive import ENDINGS, is_archive, unpacked
from src.verify.consistent import check_run
from src.verify.finding import Finding, Verdict, exit_status
from src.verify.here import differences
from src.verify.rebuild import Rebuilt, rebuild
from src.verify.study_files import check_copies, check_studies, packed_studies

WHY = "why"  # what a finding is called that says why others are what they are
PRINTS = {  # what two trainings of one config have in common
    "data_fingerprint": "the rows that were read are others",
    "backbone_fingerprint": "the backbone's weights are others",
    "batches_fingerprint": "the batches, or their order, are others",
}


@dataclass
class Verification:
    """What was found.

    Attributes:
        runs: the finished ones by their names, which are their places in the folder.
        unfinished: why each of the others is none of these.
        findings: of every finished run's folder.
        again: of each run that was trained again.
        elsewhere: what is another thing here, with the names of the runs of which that is true.
        folder: of the reruns; None where there was none.
        sealed: how many runs have hashes of their files.
    """

    runs: dict[str, Run] = field(default_factory=dict)
    unfinished: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    elsewhere: dict[str, list[str]] = field(default_factory=dict)
    again: dict[str, list[Finding]] = field(default_factory=dict)
    folder: Path | None = None
    sealed: int = 0

    @property
    def status(self) -> int:
        """The exit status, see ``exit_status``."""
        return exit_status([*self.findings, *(finding for found in self.again.values() for finding in found)])


@dataclass(frozen=True)
class Reruns:
    """How runs are trained again.

    Attributes:
        count: of how many.
        folder: where; by default a new one in outputs/verify.
        more: overrides of the user's own.
        do: what trains.
    """

    count: int = 0
    folder: Path | None = None
    more: Sequence[str] = ()
    do: Train = train


def verify(
    path: Path, reruns: Reruns | None = None, tolerance: float = TOLERANCE, tell: Callable[[str], None] = print
) -> Verification:
    """Check every run of a run folder, a folder above runs, or an archive, and the plan of a study. Nothing is written.

    A folder that holds no run, and one archive, is one that was published: the archive is checked, and that the study's
    files beside it are those in it.

    Args:
        path: the folder or archive.
        reruns: which runs to train again; none by default.
        tolerance: the largest distance, see ``src.compare.alike``, that counts as rounding.
        tell: is given a line before each training.

    Raises:
        UserError: if there is no such folder or archive, no finished run in it, or a place that no rerun may have.
    """
    reruns = reruns or Reruns()
    with _opened(path) as root:
        folder = _place(path, reruns) if reruns.count else None
        result = Verification(folder=folder)
        found = find_runs([root])
        for run in found:
            _sort(_name(run, root, path), run, result)
        if not result.runs and not result.findings:
            said = "".join(f"\n  {name}: {problem}" for name, problem in list(result.unfinished.items())[:5])
            raise UserError(f"{path} holds no finished run ({RESULT}), so there is nothing to verify{said}")
        result.findings += check_studies(root, {run.folder: run for run in found if run.problem is None})
        if path.is_dir() and root != path:
            result.findings += check_copies(path, root)
        rebuilt = {name: _rebuilt(run, reruns.more) for name, run in result.runs.items()}
        why = {name: _differences(run, rebuilt[name]) for name, run in result.runs.items()}
        for name, lines in why.items():
            for line in lines:
                result.elsewhere.setdefault(line, []).append(name)
        if folder is not None:
            for number, name in enumerate(spread(list(result.runs), reruns.count)):
                run = result.runs[name]
                tell(f"training {name} again{_time(run)}")
                trained = _trained(name, run, rebuilt[name], folder / f"{number:03}", reruns.do)
                result.again[name] = [trained] if isinstance(trained, Finding) else list(
                    compared(name, run, trained, why[name], tolerance))  # fmt: skip
        return result


def _sort(name: str, run: Run, result: Verification) -> None:
    status = run.record.status
    if status == "ok" and run.problem is None:
        result.runs[name] = run
        result.sealed += bool(run.record.seal.content)
        result.findings += check_run(name, run)
    elif status == "ok" or not run.record.content:
        result.findings.append(Finding(name, RESULT, Verdict.UNKNOWN, printable(run.problem)))
    else:
        result.unfinished[name] = printable(run.problem)


def _trained(name: str, run: Run, rebuilt: Rebuilt | UserError, folder: Path, do: Train) -> Run | Finding:
    """A new training of a run; why there is none, as a finding."""
    if isinstance(rebuilt, UserError):
        return Finding(name, "training", Verdict.UNKNOWN, printable(rebuilt))
    try:
        return rerun(run, rebuilt.overrides, folder, do)
    except UserError as error:
        return Finding(name, "training", Verdict.UNKNOWN, printable(error))


def compared(name: str, run: Run, other: Run, why: Sequence[str], tolerance: float) -> Iterator[Finding]:
    """What a new training of a run says of it."""
    found = list(distances(run, other))
    for distance in found:
        said = printable(distance.said)
        if distance.size is None:
            yield Finding(name, distance.what, Verdict.UNKNOWN, said)
        elif distance.size == 0:
            yield Finding(name, distance.what, Verdict.EQUAL, f"to the bit{f': {said}' if said else ''}")
        else:
            verdict = Verdict.WITHIN if distance.size <= tolerance else Verdict.DIFFERENT
            yield Finding(name, distance.what, verdict, f"{said} ({distance.size:.2g}, tolerance {tolerance:g})")
    if any(distance.size != 0 for distance in found):
        reasons = [*why, *_prints(run, other)] or ["nothing that is recorded differs: threads, or kernels that vary"]
        yield Finding(name, WHY, Verdict.EQUAL, "; ".join(reasons))


def _prints(run: Run, other: Run) -> Iterator[str]:
    for key, said in PRINTS.items():
        if getattr(run.record, key) != getattr(other.record, key):
            yield said
    if not run.record.alone:
        yield "it was trained beside other jobs, which rounds otherwise"
    there, here = run.record.hardware, other.record.hardware
    for key in ("device", "torch_threads"):
        if there.get(key) != here.get(key):
            yield f"{key.replace('_', ' ')} {printable(there.get(key))} there, {here.get(key)} here"


def _rebuilt(run: Run, more: Sequence[str]) -> Rebuilt | UserError:
    try:
        return rebuild(run.record.config.content, more)
    except UserError as error:
        return error


def _differences(run: Run, rebuilt: Rebuilt | UserError) -> list[str]:
    if isinstance(rebuilt, UserError):
        return [*differences(run.record, None), f"it cannot be trained here: {printable(rebuilt)}"]
    return [*differences(run.record, rebuilt.identity), *rebuilt.other]


@contextmanager
def _opened(path: Path) -> Iterator[Path]:
    if path.is_dir() and next(find_folders([path], RESULT), None) is None and len(packed_studies(path)) == 1:
        with unpacked(packed_studies(path)[0]) as folder:
            yield folder
    elif path.is_dir():
        yield path
    elif path.is_file() and is_archive(path):
        with unpacked(path) as folder:
            yield folder
    elif path.is_file():
        raise UserError(f"{path} is no folder and no archive; choices: a folder, or {', '.join(ENDINGS)}")
    else:
        raise UserError(f"{path}: no such folder or archive")


def _place(path: Path, reruns: Reruns) -> Path:
    """Where the reruns go: never into what is verified."""
    name = path.resolve().name.partition(".")[0] or "runs"
    folder = reruns.folder or Path("outputs", "verify", f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{name[:60]}")
    folder, real = Path(os.path.abspath(folder)), Path(os.path.realpath(folder))  # noqa: PTH100
    if path.is_dir() and real.is_relative_to(path.resolve()):
        raise UserError(f"--out={folder} lies within {path}, into which nothing is written; name another folder")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--out={folder} exists already: name a new or an empty folder")
    return folder


def _name(run: Run, root: Path, path: Path) -> str:
    """A run's place in the folder, which tells it from the others."""
    whole = root.resolve()
    inner = run.folder.relative_to(whole) if run.folder.is_relative_to(whole) else run.folder
    return shown_path(inner if inner.parts else Path(path.name or path))


def _time(run: Run) -> str:
    seconds = run.record.time.total_s
    return f" (it took {seconds:,.0f} s there)" if seconds else ""
