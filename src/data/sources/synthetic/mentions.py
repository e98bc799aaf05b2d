"""What does a sentence mention, besides who does what? Any number of six things.

negation, future    that it did not, or will, happen
manner, place, time how, where, when
number              how many there are of a participant, as a numeral
"""

from collections.abc import Iterator

from src.data.sources.synthetic.dice import Dice
from src.data.sources.synthetic.example import Example
from src.data.sources.synthetic.meaning import Event, draw_event, vary
from src.data.sources.synthetic.splits import write_in_split

LABELS = ("negation", "future", "manner", "place", "time", "number")
NEGATED = 0.3


def examples(rng: Dice, split: str) -> Iterator[Example]:
    """Sentences of one event without end."""
    while True:
        event = vary(draw_event(rng, circumstances=3), negated=rng.chance(NEGATED))
        assert isinstance(event, Event)
        if sentence := write_in_split(event, split, rng):
            yield Example((sentence,), mentioned(event), (event,))


def mentioned(event: Event) -> tuple[int, ...]:
    """For each of ``LABELS`` 1 if the event has it, else 0."""
    numeral = any(entity.count > 1 for entity in event.roles.values())
    found = (event.negated, event.tense == "future", event.manner, event.place, event.time, numeral)
    return tuple(int(bool(value)) for value in found)
