"""Do two sentences say the same? The negatives differ in one small thing, and share as many words as the positives."""

from collections.abc import Iterator

from src.data.sources.synthetic import changes
from src.data.sources.synthetic.dice import Dice
from src.data.sources.synthetic.example import Example
from src.data.sources.synthetic.meaning import Meaning, draw
from src.data.sources.synthetic.sentence import Sentence
from src.data.sources.synthetic.splits import write_in_split

LABELS = ("not_paraphrase", "paraphrase")
CHANGES: dict[changes.Change, int] = {
    changes.swap_roles: 4,
    changes.move_quality: 1,
    changes.oppose_verb: 2,
    changes.oppose_modifier: 1,
    changes.negate: 1,
    changes.renumber: 1,
    changes.change_noun: 1,
    changes.change_circumstance: 1,
}
CANDIDATES = 2  # negatives to choose from, so that their word overlap follows that of the positives


def overlap(first: Sentence, second: Sentence) -> float:
    """Jaccard index of the two sentences' words."""
    a, b = ({token.text for token in sentence.tokens} for sentence in (first, second))
    return len(a & b) / len(a | b)


def examples(rng: Dice, split: str) -> Iterator[Example]:
    """Pairs without end: a paraphrase, then a pair that is none and overlaps as much."""
    while True:
        positive = _pair(meaning := draw(rng), meaning, split, rng)
        if positive is None:
            continue
        target = overlap(*positive.sentences)
        negatives = [pair for _ in range(CANDIDATES) if (pair := _contrast(draw(rng), split, rng))]
        if negatives:
            yield positive
            yield min(negatives, key=lambda pair: abs(overlap(*pair.sentences) - target))


def _contrast(meaning: Meaning, split: str, rng: Dice) -> Example | None:
    change = rng.weighted(CHANGES)
    changed = change(meaning, rng)
    return _pair(meaning, changed, split, rng) if changed else None


def _pair(a: Meaning, b: Meaning, split: str, rng: Dice) -> Example | None:
    first, second = write_in_split(a, split, rng), write_in_split(b, split, rng)
    if first is None or second is None or first.text == second.text:
        return None
    return Example((first, second), int(a == b), (a, b))
