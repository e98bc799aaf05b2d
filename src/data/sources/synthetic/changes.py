"""Small changes of a meaning, each of which makes it say something else.

Every change takes a meaning and a generator and returns the changed meaning, or None where it does not apply.
"""

from collections.abc import Callable

from src.data.sources.synthetic.dice import Dice
from src.data.sources.synthetic.lexicon import NUMBERS, OPPOSITES
from src.data.sources.synthetic.meaning import SISTERS, Comparison, Event, Link, Meaning, draw_circumstance, vary

Change = Callable[[Meaning, Dice], Meaning | None]


def swap_roles(meaning: Meaning, rng: Dice) -> Meaning | None:
    """Who did it to whom, which was more than which, what came first: exchanged, so that no word changes."""
    if isinstance(meaning, Comparison):
        return vary(meaning, left=meaning.right, right=meaning.left)
    if isinstance(meaning, Link):
        return vary(meaning, first=meaning.second, second=meaning.first)
    for role in ("patient", "recipient"):
        other = meaning.roles.get(role)
        if other and other.role_class == meaning.agent.role_class:
            return vary(meaning, agent=other, **{role: meaning.agent})
    return None


def move_quality(meaning: Meaning, rng: Dice) -> Meaning | None:
    """The adjective or origin of one participant given to another of its class."""
    if not isinstance(meaning, Event):
        return None
    roles = list(meaning.roles.items())
    moves = [
        {giver: vary(a, quality=b.quality, origin=b.origin), taker: vary(b, quality=a.quality, origin=a.origin)}
        for giver, a in roles
        for taker, b in roles
        if a.role_class == b.role_class and (a.quality or a.origin) and (a.quality, a.origin) != (b.quality, b.origin)
    ]
    return vary(meaning, **rng.pick(moves)) if moves else None


def oppose_verb(meaning: Meaning, rng: Dice) -> Meaning | None:
    """The verb, or the scale of a comparison, replaced by its opposite."""
    if isinstance(meaning, Comparison):
        return vary(meaning, scale=OPPOSITES[meaning.scale])
    if isinstance(meaning, Link):
        return _in_one_event(meaning, rng, oppose_verb)
    return vary(meaning, verb=OPPOSITES[meaning.verb]) if meaning.verb in OPPOSITES else None


def oppose_modifier(meaning: Meaning, rng: Dice) -> Meaning | None:
    """One adjective or adverb of manner replaced by its opposite."""
    if not isinstance(meaning, Event):
        return None
    choices: list[dict[str, object]] = [
        {role: vary(entity, quality=OPPOSITES[entity.quality])}
        for role, entity in meaning.roles.items()
        if entity.quality in OPPOSITES
    ]
    if meaning.manner in OPPOSITES:
        choices.append({"manner": OPPOSITES[meaning.manner]})
    return vary(meaning, **rng.pick(choices)) if choices else None


def negate(meaning: Meaning, rng: Dice) -> Meaning | None:
    """A negation added or taken away."""
    if isinstance(meaning, Event):
        return vary(meaning, negated=not meaning.negated)
    if isinstance(meaning, Link) and meaning.relation == "cause":
        return _in_one_event(meaning, rng, negate)
    return None


def renumber(meaning: Meaning, rng: Dice) -> Meaning | None:
    """One numeral replaced by another."""
    if isinstance(meaning, Link):
        return _in_one_event(meaning, rng, renumber)
    if not isinstance(meaning, Event):
        return None
    counted = [(role, entity) for role, entity in meaning.roles.items() if entity.count > 1]
    if not counted:
        return None
    role, entity = rng.pick(counted)
    count = rng.pick([number for number in NUMBERS if number != entity.count])
    return vary(meaning, **{role: vary(entity, count=count)})


def change_noun(meaning: Meaning, rng: Dice) -> Meaning | None:
    """One participant replaced by another of the same hypernym."""
    if isinstance(meaning, Link):
        return _in_one_event(meaning, rng, change_noun)
    roles = meaning.roles
    role = rng.pick(list(roles))
    taken = {entity.noun for entity in roles.values()}
    others = [noun for noun in SISTERS[roles[role].noun.kind] if noun not in taken]
    return vary(meaning, **{role: vary(roles[role], noun=rng.pick(others))})


def change_circumstance(meaning: Meaning, rng: Dice) -> Meaning | None:
    """The time or the place replaced by another."""
    if not isinstance(meaning, Event):
        return None
    kinds = [kind for kind in ("place", "time") if getattr(meaning, kind)]
    if not kinds:
        return None
    kind = rng.pick(kinds)
    old = new = getattr(meaning, kind)
    while new == old:
        new = draw_circumstance(rng, kind, meaning.tense)
    return vary(meaning, **{kind: new})


def _in_one_event(link: Link, rng: Dice, change: Change) -> Meaning | None:
    name = rng.pick(("first", "second"))
    changed = change(getattr(link, name), rng)
    return vary(link, **{name: changed}) if changed else None
