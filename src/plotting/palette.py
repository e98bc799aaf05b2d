"""One colour and one marker per method, the same in every plot."""

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
    """A style for each method, by the order of their names."""
    found = {}
    for index, method in enumerate(sorted(set(methods))):
        symbol, marker, corners = SHAPES[index % len(SHAPES)]
        dash, line = DASHES[index // len(COLORS) % len(DASHES)]
        found[method] = Style(COLORS[index % len(COLORS)], symbol, marker, corners, dash, line)
    return found
