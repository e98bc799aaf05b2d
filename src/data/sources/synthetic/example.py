"""One row of a task, with the sentences it was made of (for checks; a data set has their text only)."""

from dataclasses import dataclass

from src.data.sources.synthetic.meaning import Meaning
from src.data.sources.synthetic.sentence import Sentence


@dataclass(frozen=True)
class Example:
    """One or two sentences, or one and candidates, and their label; `origin` is what a test needs of their making."""

    sentences: tuple[Sentence, ...]
    label: int | float | tuple[int, ...]
    origin: tuple[Meaning | Sentence, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """What a model reads."""
        return tuple(sentence.text for sentence in self.sentences)
