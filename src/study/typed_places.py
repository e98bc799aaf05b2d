"""Folders of a machine that stand in a study's records because its author typed them: the one trace a pack leaves."""

import json
import re
from collections.abc import Iterator
from typing import Any

# /home/me, ~/me, C:\Users, \\host\share: alone, or the value of an override
PLACE = re.compile(r"""(?:^|[=\[{,:\s"'])((?:~?/[\w.@+-]+/|~/|[A-Za-z]:[\\/]|\\\\)\w[^\s"',\]}]*)""")


def typed_places(content: bytes) -> set[str]:
    """The values in a JSON file that are absolute folders or files.

    Args:
        content: of the file; what is no JSON holds none.
    """
    try:
        return set(_places(json.loads(content)))
    except ValueError:
        return set()


def _places(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(key)
            yield from _places(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _places(inner)
    elif isinstance(value, str):
        yield from PLACE.findall(value)
