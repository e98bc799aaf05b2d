"""``python -m src doctor``: what this machine has, and what of it a run would stumble over."""

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from src.backbones.packages import install_line, installed
from src.config.known_names import records
from src.utils.cache import cache_dir
from src.utils.errors import UserError
from src.utils.hub_access import why_unreachable
from src.utils.paths import ROOT
from src.utils.terminal import say

HUB_TIMEOUT = 2.0  # seconds
GIB = 2**30
FOR_DEVELOPMENT = ("requirements-dev.txt", "requirements-docs.txt")  # no run needs them


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        name: what was looked at.
        text: what was found, and what to do about it.
        bad: whether runs fail because of it.
    """

    name: str
    text: str
    bad: bool = False


def main(arguments: Sequence[str]) -> int:
    """Print the report; 1 if something has to be mended before a run can succeed."""
    parser = argparse.ArgumentParser("python -m src doctor", description=__doc__)
    parser.parse_args(arguments)
    bad = 0
    for title, findings in sections():
        print(title)
        for finding in findings:
            bad += finding.bad
            say(f"  {'!' if finding.bad else ' '} {finding.name:<24} {finding.text}")
        print()
    print(f"{bad} to mend, marked with !" if bad else "Nothing to mend.")
    return int(bad > 0)


def sections() -> Iterator[tuple[str, list[Finding]]]:
    """The report, a part at a time: the first ones need no import."""
    yield "packages", list(packages())
    yield "extras", list(extras())
    yield "places", list(places())
    yield "machine", list(machine())


def packages() -> Iterator[Finding]:
    """What requirements.txt asks for: the version here, the range, and the version that the suite passed with."""
    yield Finding("python", platform.python_version(), sys.version_info < (3, 11))
    lock = {canonicalize_name(r.name): r.specifier for r in _requirements("constraints.txt")}
    for wanted in _requirements("requirements.txt"):
        yield _package(wanted, str(lock.get(canonicalize_name(wanted.name), "")).removeprefix("=="))


def _package(wanted: Requirement, locked: str) -> Finding:
    install = f"pip install '{wanted.name}{wanted.specifier}'"
    try:
        version = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return Finding(wanted.name, f"not installed: {install}", bad=True)
    if not wanted.specifier.contains(version, prereleases=True):
        return Finding(wanted.name, f"{version}, outside the range {wanted.specifier}: {install}", bad=True)
    if version.partition("+")[0] == locked:
        return Finding(wanted.name, f"{version}, the version that the suite passed with")
    return Finding(wanted.name, f"{version}, in the range {wanted.specifier}; the suite passed with {locked}")


def extras() -> Iterator[Finding]:
    """What only some choices need."""
    for file in sorted(ROOT.glob("requirements-*.txt")):
        if file.name in FOR_DEVELOPMENT:
            continue
        for wanted in _requirements(file.name):
            try:
                yield Finding(wanted.name, metadata.version(wanted.name))
            except metadata.PackageNotFoundError:
                yield Finding(wanted.name, f"not installed: pip install -r {file.name} -c constraints.txt")
    for name, record in records("backbone").items():
        if package := record.get("package"):
            found = installed(package)
            there = ", ".join(f"{part} {version}" for part, version in found.items())
            missing = f"not installed: {install_line(package)}"
            yield Finding(f"backbone={name}", there if all(found.values()) else missing)


def places() -> Iterator[Finding]:
    """The folders that runs write to: whether that works, and how much room is left."""
    try:
        cache = str(cache_dir())
    except (OSError, UserError) as error:
        yield Finding("cache", f"{error}; PEFT_VERDICT_CACHE=FOLDER names another", bad=True)
    else:
        yield _place("cache", Path(cache), "PEFT_VERDICT_CACHE=FOLDER names another")
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    hub = Path(os.environ.get("HF_HOME") or Path(home, "huggingface")).expanduser()
    yield _place("Hugging Face cache", hub, "HF_HOME=FOLDER names another")
    yield _place("outputs", Path("outputs").absolute(), "hydra.run.dir=FOLDER, hydra.sweep.dir=FOLDER name another")
    yield _place("temporary files", Path(tempfile.gettempdir()), "TMPDIR=FOLDER names another")


def _place(name: str, folder: Path, way_out: str) -> Finding:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Finding(name, f"{folder} cannot be written ({error.strerror or error}); {way_out}", bad=True)
    size = _size(folder) if name == "cache" else None
    used = "" if size is None else f", {size / GIB:.2f} GiB used"
    return Finding(name, f"{folder}: can be written{used}, {free / GIB:.0f} GiB free", bad=free < GIB / 4)


def _size(folder: Path) -> int:
    """Bytes of the files in a folder; one that another process takes away meanwhile has none."""
    size = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            size += 0 if file.is_symlink() else file.lstat().st_size
    return size


def machine() -> Iterator[Finding]:
    """Processor, memory, GPU and hub."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB if hasattr(os, "sysconf") else None
    yield Finding("CPU", f"{os.cpu_count()} cores" + (f", {memory:.0f} GiB of memory" if memory else ""))
    yield _gpu()
    reason = why_unreachable(HUB_TIMEOUT)
    yield Finding(
        "Hugging Face hub",
        "can be reached" if reason is None else f"cannot be reached: {reason}; what is embedded or on disk works",
    )


def _gpu() -> Finding:
    try:
        import torch
    except ImportError as error:
        return Finding("GPU", f"unknown: torch cannot be imported ({error})", bad=True)
    if not torch.cuda.is_available():
        return Finding("GPU", f"none that torch {torch.__version__} can use: runs take the CPU")
    names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
    bf16 = "" if torch.cuda.is_bf16_supported(including_emulation=False) else ", without bfloat16"
    return Finding("GPU", names + bf16)


def _requirements(file: str) -> Iterator[Requirement]:
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text and not text.startswith("-"):
            yield Requirement(text)
