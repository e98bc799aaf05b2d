"""What a sentence says, apart from how it is said: events, comparisons and pairs of events, and how to draw them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from src.data.sources.synthetic.dice import Dice
from src.data.sources.synthetic.lexicon import ANIMALS, CITIES, CLASSES, GENDERS, PEOPLE, PLACES, THINGS, TIMES, Concept

TENSES = ("past", "past", "past", "present", "future", "progressive")  # drawn uniformly: the past is the commonest


@dataclass(frozen=True)
class Entity:
    """A participant: `count` 1 is singular, 0 a bare plural ("the doctors"), 2 to 12 a numeral."""

    noun: Concept
    role_class: str  # person, animal or thing: which adjectives and verbs fit
    count: int = 1
    definite: bool = True
    quality: Concept | None = None
    origin: Concept | None = None


@dataclass(frozen=True)
class Event:
    """Somebody does something (to somebody or something), with circumstances."""

    verb: Concept
    agent: Entity
    patient: Entity | None = None
    recipient: Entity | None = None
    reflexive: bool = False  # done to oneself; then there is no patient
    tense: str = "past"
    negated: bool = False
    manner: Concept | None = None
    place: Concept | None = None
    time: Concept | None = None

    @property
    def roles(self) -> dict[str, Entity]:
        """The participants by role, in the order agent, patient, recipient."""
        named = {"agent": self.agent, "patient": self.patient, "recipient": self.recipient}
        return {role: entity for role, entity in named.items() if entity}


@dataclass(frozen=True)
class Comparison:
    """`left` is more `scale` than `right`."""

    scale: Concept
    left: Entity
    right: Entity
    tense: str = "past"

    @property
    def roles(self) -> dict[str, Entity]:
        """The two that are compared."""
        return {"left": self.left, "right": self.right}


@dataclass(frozen=True)
class Link:
    """Two events: `first` comes before `second` (relation "before") or brings it about (relation "cause")."""

    first: Event
    second: Event
    relation: str


Meaning = Event | Comparison | Link
Part = TypeVar("Part", bound=Entity | Event | Comparison | Link)


def vary(whole: Part, **parts: Any) -> Part:
    """A copy with other parts; unlike `dataclasses.replace` it lets a type checker pass parts named at run time."""
    return replace(whole, **parts)


_NOUNS = {
    "person": [concept for group in PEOPLE.values() for concept in group],
    "animal": [concept for group in ANIMALS.values() for concept in group],
    "thing": [concept for group in THINGS.values() for concept in group],
}
_GENDERED = [noun for noun in _NOUNS["person"] if noun.names[0] in GENDERS]
SISTERS: dict[str, tuple[Concept, ...]] = PEOPLE | ANIMALS | THINGS  # hypernym -> its nouns


def draw_entity(rng: Dice, role_class: str, *, bare: float = 0.5, avoid: Sequence[Concept] = ()) -> Entity:
    """A participant of a class; `bare` is the probability of no modifier, `avoid` are nouns already taken."""
    noun = rng.pick(_NOUNS[role_class])
    while noun in avoid:
        noun = rng.pick(_NOUNS[role_class])
    count = rng.pick((1, 1, 1, 0, rng.integer(2, 12)))
    entity = Entity(noun, role_class, count, definite=rng.chance(0.3 if count > 1 else 0.75))
    if rng.chance(bare):
        return entity
    if role_class == "person" and rng.chance(0.3):
        return vary(entity, origin=rng.pick(CITIES))
    return vary(entity, quality=rng.pick(CLASSES[role_class]))


def draw_event(rng: Dice, *, frames: Sequence[str] = (), bare: float = 0.5, circumstances: int = 2) -> Event:
    """An event in one of `frames` (all when empty), with up to `circumstances` of manner, place and time."""
    frame = rng.pick(frames or ("person_person", "person_person", "person_thing", "transfer", *_FRAMES))
    verb = rng.pick(CLASSES[frame])
    roles = _FRAMES[frame]
    bare = bare if len(roles) < 3 else max(bare, 0.75)  # a transfer is long enough with its three participants
    entities: dict[str, Any] = {}
    for role, role_class in roles.items():
        taken = [entity.noun for entity in entities.values()]
        entities[role] = draw_entity(rng, role_class, bare=bare, avoid=taken)
    event = Event(verb, tense=rng.pick(TENSES), negated=rng.chance(0.12), **entities)
    least = 1 if frame == "alone" else 0
    kinds = rng.sample(("manner", "place", "time"), rng.integer(least, max(least, circumstances - (len(roles) == 3))))
    return vary(event, **{kind: draw_circumstance(rng, kind, event.tense) for kind in kinds})


def draw_circumstance(rng: Dice, kind: str, tense: str) -> Concept:
    """A manner, place or time (which goes with the tense)."""
    if kind == "manner":
        return rng.pick(CLASSES["manner"])
    return rng.pick(PLACES if kind == "place" else TIMES[{"progressive": "past"}.get(tense, tense)])


def draw_reflexive(rng: Dice) -> Event:
    """What somebody does to himself, herself or themselves."""
    event = draw_event(rng, frames=("person_person",))
    agent = vary(event.agent, noun=rng.pick(_GENDERED), count=rng.pick((0, 1, 1, 1)))
    return vary(event, agent=agent, patient=None, reflexive=True)


def draw_comparison(rng: Dice) -> Comparison:
    """A comparison of two people or animals."""
    role_class = rng.pick(("person", "person", "animal"))
    left = vary(draw_entity(rng, role_class, bare=1.0), definite=True)
    right = vary(draw_entity(rng, role_class, bare=1.0, avoid=[left.noun]), definite=True)
    if role_class == "person" and rng.chance(0.5):
        left = vary(left, origin=rng.pick(CITIES))
    return Comparison(rng.pick(CLASSES[f"compare_{role_class}"]), left, right, rng.pick(("past", "present")))


def draw_link(rng: Dice) -> Link:
    """Two short events in the past, one before the other or because of it."""
    frames = ("person_person", "person_thing", "alone")
    first, second = (
        vary(
            draw_event(rng, frames=frames, bare=1.0, circumstances=0), tense="past", time=None, place=None, manner=None
        )
        for _ in range(2)
    )
    relation = rng.pick(("before", "cause"))
    if relation == "before":  # "before he did not arrive" says little
        first, second = vary(first, negated=False), vary(second, negated=False)
    return Link(first, second, relation)


def draw(rng: Dice) -> Meaning:
    """Any meaning: mostly single events."""
    kind = rng.random()
    if kind < 0.7:
        return draw_event(rng)
    return draw_comparison(rng) if kind < 0.82 else draw_link(rng)


_FRAMES: dict[str, dict[str, str]] = {
    "person_person": {"agent": "person", "patient": "person"},
    "animal_person": {"agent": "animal", "patient": "person"},
    "person_animal": {"agent": "person", "patient": "animal"},
    "person_thing": {"agent": "person", "patient": "thing"},
    "transfer": {"agent": "person", "patient": "thing", "recipient": "person"},
    "alone": {"agent": "person"},
}
