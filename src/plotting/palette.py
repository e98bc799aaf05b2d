"""One colour and one marker per method, the same in every plot of every report."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

# Okabe and Ito's colours, shifted so that each has a contrast of 3 to white paper and to the report's dark ground, and
# any two differ by 10 or more in CIELAB for normal, protanopic, deuteranopic and tritanopic sight (Machado 2009).
COLORS = ("#0072B2", "#C44E00", "#009E73", "#CC79A7", "#BD8E00", "#7B61D6", "#2B9BD3", "#757575")

# Shapes by plotly's and matplotlib's names, with their corners for the legend (a square of 12 by 12; None: a circle).
# Seven, so that with eight colours a pair comes again only after 56 methods.
SHAPES: tuple[tuple[str, str, str | None], ...] = (
    ("circle", "o", None),
    ("square", "s", "2,2 10,2 10,10 2,10"),
    ("diamond", "D", "6,0.5 11.5,6 6,11.5 0.5,6"),
    ("triangle-up", "^", "6,1 11.5,10.5 0.5,10.5"),
    ("triangle-down", "v", "6,11 11.5,1.5 0.5,1.5"),
    ("pentagon", "p", "6,0.5 11.5,4.6 9.4,11 2.6,11 0.5,4.6"),
    ("cross", "P", "4,1 8,1 8,4 11,4 11,8 8,8 8,11 4,11 4,8 1,8 1,4 4,4"),
)
DASHES = (("solid", "-"), ("dash", "--"), ("dot", ":"), ("dashdot", "-."))
PLACES = len(COLORS) * len(SHAPES)

# The place of a method is its style. It is never given to another one: new names are only added at the end, or have
# a place by their letters. The first eight are those that are compared most, and have a colour each.
KNOWN = (
    "full", "lora", "lsr", "lorafa", "hydralora", "svd_lorafa", "bitfit", "head", "loraplus", "vblora", "peft_lora",
    "peft_dora", "peft_adalora", "peft_fourierft", "peft_ia3", "peft_ln_tuning", "peft_loha", "peft_lokr", "peft_oft",
    "peft_pissa", "peft_prefix_tuning", "peft_rslora", "peft_vera", "dora", "c3a",
)  # fmt: skip


@dataclass(frozen=True)
class Style:
    """How a method looks: ``symbol`` and ``dash`` in plotly's words, ``marker`` and ``line`` in matplotlib's."""

    color: str
    symbol: str
    marker: str
    corners: str | None
    dash: str
    line: str


def styles(methods: Iterable[str]) -> dict[str, Style]:
    """A style for each method: that of its place, which does not depend on the others of a plot.

    Only of two unknown methods whose letters give one place does the second by name take the next free one.
    """
    names = sorted(set(methods))
    places = {name: KNOWN.index(name) for name in names if name in KNOWN}
    for name in names:
        if name not in places:
            places[name] = _free(zlib.crc32(name.encode()), set(places.values()))
    return {name: _style(places[name]) for name in names}


def _free(wished: int, taken: set[int]) -> int:
    """The place of a name's letters among those that no known method has; from there on the first that is free."""
    room = PLACES - len(KNOWN)
    places = [len(KNOWN) + (wished + step) % room for step in range(room)]
    return next((place for place in [*places, *range(len(KNOWN))] if place not in taken), wished % PLACES)


def _style(place: int) -> Style:
    symbol, marker, corners = SHAPES[place % len(SHAPES)]
    dash, line = DASHES[place // len(COLORS) % len(DASHES)]
    return Style(COLORS[place % len(COLORS)], symbol, marker, corners, dash, line)
