"""Which split a template belongs to.

A template goes to one split by a hash of itself, so no template, and hence no sentence, is in two splits, whatever the
seed and the number of rows. The embedded backbone is pretrained on a share of its own.
"""

import hashlib
from functools import lru_cache

from src.data.sources.synthetic.dice import Dice
from src.data.sources.synthetic.grammar import write
from src.data.sources.synthetic.meaning import Meaning
from src.data.sources.synthetic.sentence import Sentence

# share of the templates, in per cent
SHARES = {"pretrain": 25, "train": 35, "validation": 20, "test": 20}


@lru_cache(maxsize=200_000)
def split_of(template: str) -> str:
    """The split that owns a template: pretrain, train, validation or test."""
    point = int.from_bytes(hashlib.sha256(template.encode()).digest()[:4], "big") % 100
    for split, share in SHARES.items():
        point -= share
        if point < 0:
            return split
    raise AssertionError("the shares add up to 100")


def write_in_split(meaning: Meaning, split: str, rng: Dice, tries: int = 16) -> Sentence | None:
    """One way to say `meaning` with a template of `split`; None where `tries` attempts found none."""
    for _ in range(tries):
        sentence = write(meaning, rng)
        if split_of(sentence.template) == split:
            return sentence
    return None
