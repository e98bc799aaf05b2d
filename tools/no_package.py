"""The build backend that pip asks for a package: there is none, and it says what to do instead.

A wheel would hold neither ``conf/`` nor ``assets/`` nor ``main.py``, which lie beside ``src/`` and not in it, and would
install a top-level package called ``src``.
"""

import sys
from typing import NoReturn

MESSAGE = """\
PEFT Verdict is run from its clone and is not installed as a package: a wheel would lack conf/, assets/ and main.py.
In the clone:
  make demo                         set up a virtual environment, then a first comparison
  pip install -r requirements.txt   or only what it needs, into an environment of your own
  python main.py --help             then run it from here"""


def _refuse(*_: object, **__: object) -> NoReturn:
    """Every hook of PEP 517 and PEP 660: end with the message, without a traceback."""
    sys.exit(MESSAGE)


get_requires_for_build_wheel = get_requires_for_build_sdist = get_requires_for_build_editable = _refuse
prepare_metadata_for_build_wheel = prepare_metadata_for_build_editable = _refuse
build_wheel = build_sdist = build_editable = _refuse
