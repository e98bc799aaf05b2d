"""Where files that can be made again are kept between processes."""

import os
from pathlib import Path

from src.utils.places import make_folder


def cache_dir(*parts: str) -> Path:
    """Return (and create) a folder below the user's cache.

    ``PEFT_VERDICT_CACHE`` names the cache; without it, ``XDG_CACHE_HOME/peft-verdict`` or ``~/.cache/peft-verdict``.

    Raises:
        UnwritableError: if it cannot be made.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("PEFT_VERDICT_CACHE") or Path(home) / "peft-verdict", *parts)
    return make_folder(folder)
