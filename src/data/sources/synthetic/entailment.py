"""Does the first sentence imply the second, contradict it, or neither? (Both speak of the same occasion.)

entailment     the same said again; less said (a modifier or a circumstance left out); a hypernym for a noun. Under
               negation the other way round: "did not call" implies "did not call at noon".
contradiction  the opposite verb, adjective or manner; another numeral; a negation added or taken away.
neutral        the reverse of an implication; roles exchanged; another participant of the same kind.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from src.data.sources.synthetic import changes
from src.data.sources.synthetic.changes import Change
from src.data.sources.synthetic.dice import Dice
from src.data.sources.synthetic.example import Example
from src.data.sources.synthetic.lexicon import Concept
from src.data.sources.synthetic.meaning import Event, Meaning, draw_event, vary
from src.data.sources.synthetic.splits import write_in_split

LABELS = ("entailment", "neutral", "contradiction")
NEGATED = 0.2  # share of negated premises


def restate(event: Meaning, rng: Dice) -> Meaning:
    """The same again, in other words."""
    return event


def drop_circumstance(event: Meaning, rng: Dice) -> Meaning | None:
    """Manner, place or time left out."""
    if not isinstance(event, Event):
        return None
    said = [kind for kind in ("manner", "place", "time") if getattr(event, kind)]
    return vary(event, **{rng.pick(said): None}) if said else None


def drop_modifier(event: Meaning, rng: Dice) -> Meaning | None:
    """An adjective or an origin left out."""
    if not isinstance(event, Event):
        return None
    said = [role for role, entity in event.roles.items() if entity.quality or entity.origin]
    if not said:
        return None
    role = rng.pick(said)
    return vary(event, **{role: vary(event.roles[role], quality=None, origin=None)})


def generalize(event: Meaning, rng: Dice) -> Meaning | None:
    """A noun replaced by its hypernym."""
    if not isinstance(event, Event):
        return None
    role = rng.pick(list(event.roles))
    kind = event.roles[role].noun.kind
    return vary(event, **{role: vary(event.roles[role], noun=Concept((kind,), kind))})


@dataclass(frozen=True)
class Edit:
    """How a premise becomes a hypothesis; `backward` turns the pair round: the changed event is the premise."""

    change: Change
    backward: bool = False


# what is left is implied by what was said
LESS: tuple[Change, ...] = (drop_modifier, drop_circumstance, generalize)
EDITS: dict[bool, dict[str, tuple[Edit, ...]]] = {
    False: {
        "entailment": (Edit(restate), *map(Edit, LESS)),
        "neutral": (
            *(Edit(change, backward=True) for change in LESS),
            Edit(changes.swap_roles),
            Edit(changes.change_noun),
        ),
        "contradiction": tuple(
            map(Edit, (changes.oppose_verb, changes.oppose_modifier, changes.renumber, changes.negate))
        ),
    },
    True: {
        "entailment": (Edit(restate), Edit(drop_circumstance, backward=True)),
        "neutral": (Edit(drop_circumstance), Edit(changes.swap_roles), Edit(changes.change_noun)),
        "contradiction": (Edit(changes.negate),),
    },
}


def examples(rng: Dice, split: str) -> Iterator[Example]:
    """Pairs without end, the three classes in turn."""
    while True:
        for label, name in enumerate(LABELS):
            example = None
            while example is None:
                example = _example(rng, split, label, name)
            yield example


def _example(rng: Dice, split: str, label: int, name: str) -> Example | None:
    premise: Meaning = vary(draw_event(rng, bare=0.4, circumstances=3), negated=rng.chance(NEGATED))
    assert isinstance(premise, Event)
    edit = rng.pick(EDITS[premise.negated][name])
    hypothesis = edit.change(premise, rng)
    if hypothesis is None:
        return None
    if edit.backward:
        premise, hypothesis = hypothesis, premise
    first, second = write_in_split(premise, split, rng), write_in_split(hypothesis, split, rng)
    if first is None or second is None or first.text == second.text:
        return None
    return Example((first, second), label, (premise, hypothesis))
