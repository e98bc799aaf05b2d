"""One row of a task, with the sentences it was made of (for checks; a data set has their text only)."""

from dataclasses import dataclass

from src.data.sources.synthetic.meaning import Meaning
from src.data.sources.synthetic.sentence import Sentence


@dataclass(frozen=True)
class Example:
    """One or two sentences, or one and candidates, and their label; `origin` is what a test needs of their making."""

    sentences: tuple[Sentence, ...]
    label: int | float | tuple[int, ...] | str
    origin: tuple[Meaning | Sentence, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """What a model reads."""
        return tuple(sentence.text for sentence in self.sentences)

    @property
    def cluster(self) -> str | None:
        """What the row is part of, where rows share it; None where each stands for itself."""
        return None
