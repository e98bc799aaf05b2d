"""Unpacking an archive of run folders that somebody sent: plain files of a run's names, within bounds, and no more."""

import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from src.runs.claim import HYDRA, is_own_name
from src.runs.layout import ADAPTER, CHECKPOINT
from src.study.study_folder import OF_THE_STUDY, SUMS
from src.utils.errors import UserError, in_short

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MOST_MEMBERS, LARGEST = 200_000, 64 * 2**30  # bytes of all files together; also at most half of what the disk has free
DEEPEST, LONGEST = 32, 240  # folders within folders, letters of a name
BLOCK = 2**20
STUDY = frozenset({SUMS, *(PurePosixPath(name).name for name in OF_THE_STUDY)})

Member = tuple[str, Callable[[], IO[bytes]]]


def is_archive(path: Path) -> bool:
    """Whether the name is an archive's."""
    return path.name.endswith(ENDINGS)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A temporary folder with the run folders of an archive; it is gone after the block.

    Raises:
        UserError: if it is none, or holds a link, a device, a place outside of itself, or more than fits.
    """
    with tempfile.TemporaryDirectory(prefix="peft-verdict-archive-") as name:
        folder = Path(name)
        try:
            _unpack(path, folder)
        except UserError:
            raise
        except (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zlib.error, tarfile.TarError,
                zipfile.BadZipFile) as error:  # fmt: skip
            raise UserError(f"{path} cannot be unpacked: {in_short(error)}") from error
        yield folder


def _unpack(path: Path, folder: Path) -> None:
    left = min(LARGEST, shutil.disk_usage(folder).free // 2)
    members = _of_zip if path.suffix == ".zip" else _of_tar
    for number, (name, opened) in enumerate(members(path)):
        if number >= MOST_MEMBERS:
            raise UserError(f"{path} holds more than {MOST_MEMBERS:,} entries")
        parts = _parts(path, name)
        if not _is_wanted(parts):
            continue
        target = folder.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with opened() as source, target.open("xb") as out:  # a name that comes twice is refused
            while block := source.read(BLOCK):
                left -= len(block)
                if left < 0:
                    raise UserError(f"{path} unpacks to more than fits: at most {LARGEST // 2**30} GiB, and half the "
                                    "free disk")  # fmt: skip
                out.write(block)


def _parts(path: Path, name: str) -> tuple[str, ...]:
    """The folders and the file of a member's name; raises UserError if it leads anywhere else."""
    plain = PurePosixPath(name)
    parts = plain.parts
    outside = plain.is_absolute() or ".." in parts or "\\" in name or (parts and ":" in parts[0])
    if outside or not parts or not name.isprintable() or len(parts) > DEEPEST or max(map(len, parts)) > LONGEST:
        raise UserError(f"{path} holds {name[:200]!r}, which is no name within a folder")
    return parts


def _is_wanted(parts: tuple[str, ...]) -> bool:
    """Whether a file is one that a run or a study writes, and that verifying it may read."""
    if len(parts) > 1 and parts[-2] in (ADAPTER, HYDRA):
        return True
    if parts[-1] in STUDY:
        return True
    return is_own_name(parts[-1]) and parts[-1] not in (ADAPTER, HYDRA, CHECKPOINT)


def _of_zip(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.is_dir():
                continue
            if kind not in (0, stat.S_IFREG):
                raise UserError(f"{path} holds {info.filename[:200]!r}, which is no plain file")
            yield info.filename, lambda info=info: archive.open(info)  # type: ignore[misc]


def _of_tar(path: Path) -> Iterator[Member]:
    with tarfile.open(path, "r:*") as archive:
        for info in archive:
            if info.isdir():
                continue
            if not info.isreg():
                raise UserError(f"{path} holds {info.name[:200]!r}, which is no plain file")
            yield info.name, lambda info=info: archive.extractfile(info)  # type: ignore[misc]
