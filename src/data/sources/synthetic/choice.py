"""Which of three sentences says the same as the first? The others differ from it in one small thing each."""

from collections.abc import Iterator

from src.data.sources.synthetic.dice import Dice
from src.data.sources.synthetic.example import Example
from src.data.sources.synthetic.meaning import Meaning, draw
from src.data.sources.synthetic.paraphrase import CHANGES
from src.data.sources.synthetic.sentence import Sentence
from src.data.sources.synthetic.splits import write_in_split

CANDIDATES = 3


def examples(rng: Dice, split: str) -> Iterator[Example]:
    """A sentence and its candidates without end; the label is the position of the paraphrase."""
    while True:
        meaning = draw(rng)
        first, right = write_in_split(meaning, split, rng), write_in_split(meaning, split, rng)
        wrong = [found for _ in range(CANDIDATES - 1) if (found := _changed(meaning, split, rng))]
        if first is None or right is None or len(wrong) < CANDIDATES - 1:
            continue
        position = rng.integer(0, CANDIDATES - 1)
        candidates = [*wrong[:position], right, *wrong[position:]]
        if len({first.text, *(own.text for own in candidates)}) == CANDIDATES + 1:
            yield Example((first, *candidates), position, (meaning,))


def _changed(meaning: Meaning, split: str, rng: Dice) -> Sentence | None:
    changed = rng.weighted(CHANGES)(meaning, rng)
    return write_in_split(changed, split, rng) if changed else None
