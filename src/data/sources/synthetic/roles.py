"""Who does what to whom, where and when? One tag a word, of five types of entities.

    agent       who does it, also where the sentence begins with somebody else: "the letter was sent by the judge"
    patient     to whom or what it is done
    recipient   who gets it: "the judge" of "the judge received the letter from the mayor"
    place, time where and when

An entity is a noun with what stands before it (article, numeral, adjective); what follows a noun is not part of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from src.data.sources.synthetic.dice import Dice
from src.data.sources.synthetic.example import Example
from src.data.sources.synthetic.meaning import Event, draw_event
from src.data.sources.synthetic.sentence import Sentence
from src.data.sources.synthetic.splits import write_in_split

TYPES = ("agent", "patient", "recipient", "place", "time")
LABELS = ("O", *(f"{mark}-{name}" for name in TYPES for mark in "BI"))
BEFORE_A_NOUN = ("ADJ", "NUM")
ARTICLES = ("the", "a", "an")


@dataclass(frozen=True)
class TaggedExample(Example):
    """A sentence as words with a space between them, the full stop one of them; ``label`` has the tag of each."""

    @property
    def texts(self) -> tuple[str, ...]:
        return (" ".join(word for word, _ in words_of(self.sentences[0])),)


def examples(rng: Dice, split: str) -> Iterator[Example]:
    """Sentences of one event without end."""
    while True:
        event = draw_event(rng)
        assert isinstance(event, Event)
        if sentence := write_in_split(event, split, rng):
            yield TaggedExample((sentence,), tags_of(sentence, event), (event,))


def words_of(sentence: Sentence) -> list[tuple[str, int]]:
    """The words, and the number of the token that each is of; the full stop is of none, -1."""
    found = [(word, number) for number, token in enumerate(sentence.tokens) for word in token.text.split(" ")]
    first, number = found[0]
    return [(f"{first[0].upper()}{first[1:]}", number), *found[1:], (".", -1)]


def tags_of(sentence: Sentence, event: Event) -> tuple[int, ...]:
    """The number of each word's tag."""
    types: dict[int, str] = {}
    begins = set()
    for number, token in enumerate(sentence.tokens):
        if token.tag in ("PLACE", "TIME"):
            types[number] = token.tag.lower()
            begins.add(number)
        elif token.tag.startswith("N."):
            role = next(role for role, entity in event.roles.items() if token.base in entity.noun.names)
            first = number
            while first and _is_before_a_noun(sentence.tokens[first - 1].tag, sentence.tokens[first - 1].text):
                first -= 1
            types |= dict.fromkeys(range(first, number + 1), role)
            begins.add(first)
    found = []
    before = -1
    for _, number in words_of(sentence):
        name = types.get(number)
        begin = number in begins and number != before
        found.append(0 if name is None else 2 * TYPES.index(name) + (1 if begin else 2))
        before = number
    return tuple(found)


def _is_before_a_noun(tag: str, text: str) -> bool:
    return tag in BEFORE_A_NOUN or text in ARTICLES
