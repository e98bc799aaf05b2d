"""The text the embedded backbone is pretrained on: templates that no task uses, and no label of any task."""

from collections.abc import Iterator
from typing import NamedTuple

from src.data.sources.synthetic import changes
from src.data.sources.synthetic.dice import Dice
from src.data.sources.synthetic.grammar import write
from src.data.sources.synthetic.meaning import Meaning, draw, draw_reflexive
from src.data.sources.synthetic.sentence import Sentence
from src.data.sources.synthetic.splits import split_of, write_in_split

ALONE, REFLEXIVE, TAMPERED, MOST_CHANGES = 0.1, 0.05, 0.75, 3
TRIES = 8
# the changes that leave the construction, and so the number of words, as it is
CHANGES: dict[changes.Change, int] = {
    changes.swap_roles: 4,
    changes.move_quality: 2,
    changes.oppose_verb: 2,
    changes.oppose_modifier: 2,
    changes.change_noun: 2,
    changes.change_circumstance: 1,
    changes.renumber: 1,
}


class Passage(NamedTuple):
    """A sentence and, mostly, its restatement; `tampered` is that with some words replaced or exchanged."""

    first: str
    second: str = ""
    tampered: str = ""


def passages(rng: Dice) -> Iterator[Passage]:
    """Passages without end."""
    while True:
        reflexive = rng.chance(REFLEXIVE)
        meaning = draw_reflexive(rng) if reflexive else draw(rng)
        first = write_in_split(meaning, "pretrain", rng)
        if first is None:
            continue
        if rng.chance(ALONE):
            yield Passage(first.text)
            continue
        seed = f"{rng.random()}"
        second = write(meaning, Dice(seed))
        if split_of(second.template) != "pretrain":
            continue
        tampered = second
        if not reflexive and rng.chance(TAMPERED):
            tampered = _tamper(meaning, second, seed, rng)
        yield Passage(first.text, second.text, tampered.text)


def _tamper(meaning: Meaning, sentence: Sentence, seed: str, rng: Dice) -> Sentence:
    """The sentence of another meaning, written with the same choices and so with the same template."""
    left = rng.integer(1, MOST_CHANGES)
    for _ in range(TRIES):
        changed = rng.weighted(CHANGES)(meaning, rng) or meaning
        other = write(changed, Dice(seed))
        if other.template == sentence.template and other.text != sentence.text:
            meaning, sentence, left = changed, other, left - 1
        if not left:
            break
    return sentence
