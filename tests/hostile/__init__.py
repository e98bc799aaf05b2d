"""Run folders whose every file tries to have code run: what a stranger may send. Each leaves a canary if it succeeds.

``python -m tests.hostile FOLDER`` makes them all, to be opened by hand.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.crafted import SECRET, Attack, Run
from tests.hostile.harmless import harmless_run
from tests.hostile.on_adapter import on_adapter
from tests.hostile.on_backbone import on_backbone
from tests.hostile.on_data import on_data
from tests.hostile.on_others import on_others
from tests.hostile.on_peft import on_peft

__all__ = ["SECRET", "Attack", "Run", "attacks", "harmless_run", "make"]


def attacks() -> Iterator[Attack]:
    """All of them."""
    yield from on_adapter()
    yield from on_peft()
    yield from on_data()
    yield from on_backbone()
    yield from on_others()


def make(attack: Attack, harmless: Path, parent: Path, canaries: Path) -> Run:
    """A copy of the harmless run with the attack in it."""
    number = len(list(parent.iterdir()))
    folder = parent / f"{number:03}"
    shutil.copytree(harmless, folder)
    run = Run(folder, canaries / f"canary_{number:03}")
    attack.craft(run)
    return run
