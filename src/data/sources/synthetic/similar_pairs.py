"""How alike are two sentences in meaning, from 0 to 5?

The score is 5 times the weighted share of what the two events have in common, over what either says:

    verb 3, each participant 2, polarity 1, manner, place and time 1 each

A verb, manner, place or time counts 1 if it is the same concept, 1/4 if it is the opposite, else 0. A participant
counts 1/2 for the noun (half of that for another noun of the same hypernym), 1/4 for its number and 1/4 for its
modifiers. How a thing is said (voice, order, synonyms) does not count.
"""

from collections.abc import Iterator

from src.data.sources.synthetic import changes
from src.data.sources.synthetic.dice import Dice
from src.data.sources.synthetic.example import Example
from src.data.sources.synthetic.lexicon import OPPOSITES, Concept
from src.data.sources.synthetic.meaning import Entity, Event, Meaning, draw_event, vary
from src.data.sources.synthetic.splits import write_in_split

WEIGHTS = {"verb": 3, "agent": 2, "patient": 2, "recipient": 2, "negated": 1, "manner": 1, "place": 1, "time": 1}
CHANGES: tuple[changes.Change, ...] = (
    changes.swap_roles,
    changes.oppose_verb,
    changes.oppose_modifier,
    changes.negate,
    changes.renumber,
    changes.change_noun,
    changes.change_circumstance,
)
MOST_CHANGES = 5
MIXED = 0.5  # share of pairs whose second event takes verb or participants from another event


def score(first: Event, second: Event) -> float:
    """The similarity of two events, 0 to 5, to two decimals."""
    total = common = 0.0
    for part, weight in WEIGHTS.items():
        a, b = getattr(first, part), getattr(second, part)
        if a is None and b is None:
            continue
        total += weight
        common += weight * _part(a, b)
    return round(5 * common / total, 2)


def _part(a: object, b: object) -> float:
    if isinstance(a, Entity) and isinstance(b, Entity):
        noun = 1.0 if a.noun == b.noun else 0.5 * (a.noun.kind == b.noun.kind)
        return 0.5 * noun + 0.25 * (a.count == b.count) + 0.25 * ((a.quality, a.origin) == (b.quality, b.origin))
    if isinstance(a, Concept) and OPPOSITES.get(a) == b:
        return 0.25
    return float(a == b)


def examples(rng: Dice, split: str) -> Iterator[Example]:
    """Pairs without end: the second event is the first after none to five changes, or is partly another event."""
    while True:
        first = draw_event(rng)
        second: Meaning = first
        for _ in range(rng.integer(0, MOST_CHANGES)):
            second = rng.pick(CHANGES)(second, rng) or second
        if rng.chance(MIXED):
            second = _mix(second, draw_event(rng, frames=(first.verb.kind,)), rng)
        assert isinstance(second, Event)
        a, b = write_in_split(first, split, rng), write_in_split(second, split, rng)
        if a and b and a.text != b.text:
            yield Example((a, b), score(first, second), (first, second))


def _mix(event: Meaning, other: Event, rng: Dice) -> Event:
    """`event` with some of the verb and participants of `other`, unless somebody would then appear twice."""
    assert isinstance(event, Event)
    mixed = vary(event, **{part: getattr(other, part) for part in ("verb", *other.roles) if rng.chance(0.5)})
    nouns = [entity.noun for entity in mixed.roles.values()]
    return mixed if len(set(nouns)) == len(nouns) else event
