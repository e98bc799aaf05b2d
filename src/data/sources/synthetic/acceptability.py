"""Is a sentence English? The bad ones break one rule of grammar in one place.

A broken sentence belongs to the split that owns its own template and that of the sentence it was made from.
"""

from collections.abc import Iterator

from src.data.sources.synthetic.dice import Dice
from src.data.sources.synthetic.example import Example
from src.data.sources.synthetic.meaning import Meaning, draw, draw_reflexive
from src.data.sources.synthetic.sentence import Sentence
from src.data.sources.synthetic.splits import split_of, write_in_split
from src.data.sources.synthetic.violations import VIOLATIONS

LABELS = ("unacceptable", "acceptable")
REFLEXIVE = 0.12  # share of sentences with a reflexive object
TRIES = 6


def examples(rng: Dice, split: str) -> Iterator[Example]:
    """Sentences without end, a good one, then a broken one (of another meaning)."""
    while True:
        good = bad = None
        while good is None:
            good = _good(rng, split)
        while bad is None:
            bad = _bad(rng, split)
        yield good
        yield bad


def _good(rng: Dice, split: str) -> Example | None:
    meaning: Meaning = draw_reflexive(rng) if rng.chance(REFLEXIVE) else draw(rng)
    sentence = write_in_split(meaning, split, rng)
    return Example((sentence,), 1, (sentence,)) if sentence else None


def _bad(rng: Dice, split: str) -> Example | None:
    good = _good(rng, split)
    if good is None:
        return None
    source = good.sentences[0]
    for _ in range(TRIES):
        tokens = rng.weighted(VIOLATIONS)(source.tokens, rng)
        if tokens is None:
            continue
        broken = Sentence(tuple(tokens))
        if broken.text != source.text and split_of(broken.template) == split:
            return Example((broken,), 0, (source,))
    return None
