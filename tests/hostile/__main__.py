"""``python -m tests.hostile FOLDER``: make all of them."""

import sys
from pathlib import Path

from tests.hostile import attacks, harmless_run, make

home = Path(sys.argv[1])
(home / "runs").mkdir(parents=True)
(home / "canaries").mkdir()
own = harmless_run(home / "harmless")
for each in attacks():
    print(make(each, own, home / "runs", home / "canaries").folder, each.name)
