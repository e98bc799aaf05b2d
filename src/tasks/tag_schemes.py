"""Tags of words that mark entities, as files write them, and as they are kept: O, B-TYPE and I-TYPE.

Files begin an entity with B (IOB2), or with I where no other of its type stands before it (IOB1), and may mark its last
word with E or L and an only one with S or U (IOBES, BILOU). One rule reads them all: an entity begins at B, S and U,
and at any other mark that does not go on with an entity of the same type.
"""

import re
from collections.abc import Iterable, Sequence

OUTSIDE = "O"
MARKED = re.compile(r"([BIESLUM])-(.+)")
BEGINS, LAST = "BSU", "ESLU"


def is_marked(tags: Iterable[str]) -> bool:
    """Whether tags mark entities; else they are classes of words, such as parts of speech."""
    found = set(tags) - {OUTSIDE}
    return bool(found) and all(MARKED.fullmatch(tag) for tag in found)


def entity_types(tags: Iterable[str]) -> list[str]:
    """The types of entities that tags name, each once, in their order."""
    return list(dict.fromkeys(found[2] for tag in tags if (found := MARKED.fullmatch(tag))))


def tags_of(types: Iterable[str]) -> tuple[str, ...]:
    """All tags of some types of entities, as they are numbered: O, B-X, I-X, B-Y, I-Y ..."""
    return (OUTSIDE, *(f"{mark}-{name}" for name in types for mark in "BI"))


def marks_entities(names: Sequence[str]) -> bool:
    """Whether these are all tags of some types of entities, in the order of their numbers."""
    return len(names) > 1 and tuple(names) == tags_of(entity_types(names))


def as_iob2(tags: Sequence[str]) -> list[str]:
    """The tags of one sentence in any of the schemes, as O, B-TYPE and I-TYPE."""
    found = []
    inside = None  # the type of the entity that may go on
    for tag in tags:
        mark = MARKED.fullmatch(tag)
        if mark is None:
            found.append(tag)
            inside = None
            continue
        begins = mark[1] in BEGINS or inside != mark[2]
        found.append(f"{'B' if begins else 'I'}-{mark[2]}")
        inside = None if mark[1] in LAST else mark[2]
    return found
