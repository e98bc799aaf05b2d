"""A written sentence: tokens that know their class, the text, and the template."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple


class Token(NamedTuple):
    """A word, its class in the template (a function word is its own class) and, if inflected, its base form."""

    text: str
    tag: str
    base: str = ""


@dataclass(frozen=True)
class Sentence:
    """A written sentence; `text` is what a model reads."""

    tokens: tuple[Token, ...]

    @property
    def text(self) -> str:
        """The sentence with its capital and its full stop."""
        words = " ".join(token.text for token in self.tokens).replace(" ,", ",")
        return f"{words[0].upper()}{words[1:]}."

    @property
    def template(self) -> str:
        """The sentence's derivation: function words, and the classes of the content words."""
        return " ".join(token.tag for token in self.tokens)


Tokens = Sequence[Token]


@cache
def words(text: str) -> tuple[Token, ...]:
    """Function words, each its own tag."""
    return tuple(Token(word, word) for word in text.split())
