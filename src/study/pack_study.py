"""``study NAME pack``: one archive that others can read, compare and verify: records, predictions, weights if asked."""

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from src.runs.layout import ADAPTER, DESCRIPTION, HISTORY, PREDICTIONS, RESULT, SUMMARY, TENSORS
from src.study.evidence import read_evidence
from src.study.locked_plan import read_plan
from src.study.study_folder import OF_THE_STUDY, RUNS, SUMS
from src.study.typed_places import typed_places
from src.utils.errors import UserError
from src.utils.files import whole
from src.utils.terminal import say
from src.utils.text import shown_path

OF_A_RUN = (RESULT, HISTORY, PREDICTIONS, SUMMARY)
WEIGHTS = (f"{ADAPTER}/{DESCRIPTION}", f"{ADAPTER}/{TENSORS}")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the date of every member: the same study gives the same archive


def pack_study(folder: Path, weights: bool = False) -> Path:
    """Write ``FOLDER.zip`` beside the study's folder.

    Args:
        folder: the study's.
        weights: take the trained values along, too.

    Returns:
        The archive.

    Raises:
        UserError: if the folder holds no study, nothing has run, or the record of a run that counts is missing.
    """
    read_plan(folder)
    target = folder.with_name(f"{folder.name}.zip")
    files = list(_files(folder, OF_A_RUN + WEIGHTS if weights else OF_A_RUN))
    with whole(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        sums, places = [], set()
        for name in files:
            content = (folder / name).read_bytes()
            places |= typed_places(content) if name.endswith(".json") else set()
            sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
            _add(archive, f"{folder.name}/{name}", content)
        _add(archive, f"{folder.name}/{SUMS}", "".join(sums).encode())
    say(
        f"{len(files)} files in {target} ({target.stat().st_size / 1e6:.1f} MB); "
        f"python -m src verify {target} checks it"
    )
    if places:
        say(
            f"It says where {shown_path(Path(min(places)))}{f' and {len(places) - 1} more' if len(places) > 1 else ''} "
            "is on this machine: the settings name it, and a record stays as it was written. A folder that is given "
            "relative to where the command runs says no such thing"
        )
    return target


def _files(folder: Path, of_a_run: Sequence[str]) -> Iterator[str]:
    """The names of the members, relative to the study's folder."""
    yield from (name for name in OF_THE_STUDY if (folder / name).is_file())
    for run in sorted(read_evidence(folder).runs):
        own = [f"{RUNS}/{run}/{name}" for name in of_a_run if (folder / RUNS / run / name).is_file()]
        if f"{RUNS}/{run}/{RESULT}" not in own:
            raise UserError(f"{folder / RUNS / run} has no {RESULT}, and the study counts it")
        yield from own


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    member = zipfile.ZipInfo(name, EPOCH)
    member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    archive.writestr(member, content)
