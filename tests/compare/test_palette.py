"""A method looks the same in every plot, whatever stands beside it, and no two look alike."""

import itertools

from src.config.choices import choices
from src.plotting.palette import COLORS, KNOWN, PLACES, styles


def look(style):
    return style.color, style.symbol


def test_a_methods_style_does_not_depend_on_the_others():
    together = styles([*KNOWN, "mine", "another"])
    for name in (*KNOWN, "mine", "another"):
        assert styles([name])[name] == together[name]
    assert styles(["lora", "full"])["lora"] == styles(["lora", "alpha", "zeta"])["lora"]


def test_no_two_known_methods_look_alike_and_the_first_differ_by_colour_alone():
    found = styles(KNOWN)
    assert len({look(style) for style in found.values()}) == len(KNOWN) == len(set(KNOWN))
    assert len({found[name].color for name in KNOWN[: len(COLORS)]}) == len(COLORS)


def test_unknown_ones_take_no_known_place_and_no_place_twice():
    names = [f"method{number}" for number in range(PLACES - len(KNOWN))]
    found = styles([*KNOWN, *names])
    assert all(look(a) != look(b) for a, b in itertools.combinations(found.values(), 2))
    assert len(styles([f"m{number}" for number in range(3 * PLACES)])) == 3 * PLACES  # then some look alike


def test_the_methods_of_the_configs_have_looks_of_their_own():
    names = [name.removeprefix("roberta_") for name in choices("model")]
    found = styles(names)
    assert len({look(style) for style in found.values()}) == len(names)
