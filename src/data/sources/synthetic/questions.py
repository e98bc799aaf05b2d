"""Who, to whom, where, when? Questions about a sentence, each answered by some of its words.

The answer is a noun with what stands before it, an adverbial of place or one of time, see `roles`. Some sentences
are asked about twice; statistics draw these whole.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from src.data.sources.synthetic.dice import Dice
from src.data.sources.synthetic.example import Example
from src.data.sources.synthetic.meaning import Event, draw_event
from src.data.sources.synthetic.roles import TYPES, tags_of, words_of
from src.data.sources.synthetic.splits import write_in_split

QUESTIONS = {
    "agent": "Who does it?",
    "patient": "To whom or what is it done?",
    "recipient": "Who gets it?",
    "place": "Where is it?",
    "time": "When is it?",
}
ASKED = 2  # questions about one sentence, at most


@dataclass(frozen=True)
class QuestionExample(Example):
    """A question about a sentence; `label` is where the answer stands in it, as ``[[first character, text]]``."""

    question: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.question, " ".join(word for word, _ in words_of(self.sentences[0])))

    @property
    def cluster(self) -> str | None:
        return self.texts[1]


def examples(rng: Dice, split: str) -> Iterator[Example]:
    """Questions without end, those about one sentence one behind the other."""
    while True:
        event = draw_event(rng, circumstances=2)
        assert isinstance(event, Event)
        if not (sentence := write_in_split(event, split, rng)):
            continue
        words = [word for word, _ in words_of(sentence)]
        found = spans(words, tags_of(sentence, event))
        for name in rng.sample(sorted(found), min(rng.integer(1, ASKED), len(found))):
            yield QuestionExample((sentence,), json.dumps([found[name]]), (event,), QUESTIONS[name])


def spans(words: Sequence[str], tags: Sequence[int]) -> dict[str, tuple[int, str]]:
    """By type of entity, of which there is one, its first character in the text and its words."""
    starts = [sum(len(word) + 1 for word in words[:place]) for place in range(len(words))]
    found: dict[str, tuple[int, str]] = {}
    for number, name in enumerate(TYPES):
        places = [place for place, tag in enumerate(tags) if tag in (2 * number + 1, 2 * number + 2)]
        if sum(tag == 2 * number + 1 for tag in tags) == 1 and places[-1] - places[0] == len(places) - 1:
            found[name] = (starts[places[0]], " ".join(words[places[0] : places[-1] + 1]))
    return found
