"""Which code a number or a kept file comes from."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from src.utils.paths import ROOT


def code_hash(paths: Iterable[Path]) -> str:
    """Hash of the names and contents of Python files of this project, and of those below folders."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.relative_to(ROOT).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:16]
