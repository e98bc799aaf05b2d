"""What older records and saved adapters call keys and methods, as it is called today."""

from collections.abc import Mapping
from typing import Any

from src.config.key_rules import RENAMED
from src.config.method_names import named


def renewed(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config of then in the words of today; what it holds besides stays.

    Args:
        config: nodes by their groups, as far as there are any.
    """
    found = dict(config)
    for old, new in RENAMED.items():
        (group, _, key), name = old.partition("."), new.partition(".")[2]
        node = found.get(group)
        if isinstance(node, Mapping) and key in node:
            found[group] = {name if k == key else k: value for k, value in node.items() if k == key or k != name}
    if isinstance(found.get("model"), Mapping):
        found["model"] = named(found["model"])
    return found
