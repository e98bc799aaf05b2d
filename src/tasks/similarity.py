"""Similarity of two texts, each read by itself: the cosine of their embeddings."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from src.tasks.kind import MARK
from src.tasks.regression import Regression
from src.tasks.side_by_side import pad_inputs, side_by_side
from src.tasks.signatures import Cell, Collator, Place, Raw
from src.utils.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets.features.features import FeatureType
    from torch import Tensor
    from transformers import PretrainedConfig, PreTrainedTokenizerBase
    from transformers.models.auto.auto_factory import _BaseAutoModelClass

SCALE = 20.0  # of cosines in CoSENT's exponents


class Similarity(Regression):
    """A bi-encoder: the cosine of two texts' embeddings, each the mean of its tokens' last states; no head.

    CoSENT (Su 2022): ``log(1 + sum exp(20 (cos_j - cos_i)))`` over the pairs i, j of a batch's rows of which i has the
    larger label. It asks for the right order alone, so labels may be of any scale.
    """

    name: ClassVar[str] = "similarity"
    title: ClassVar[str] = "a similarity"
    reads_every_token: ClassVar[bool] = True
    several_inputs: ClassVar[bool] = True
    windows_texts: ClassVar[bool] = False  # a row is two inputs already
    headless: ClassVar[bool] = True
    text_columns: ClassVar[tuple[int, int]] = (2, 2)
    text_rule: ClassVar[str] = "two columns, one for each text of a pair"
    peft_type: ClassVar[str] = "FEATURE_EXTRACTION"
    model_title: ClassVar[str] = "token classifier"

    def check_names(self, names: Sequence[str]) -> None:
        if len(names) and not (len(names) == 2 and _number(names[0]) < _number(names[1])):
            raise UserError(
                f"data.label_names={list(names)}: {self.title} has none, [], or the ends of its labels' scale, as [0,5]"
            )

    def find_names(self, values: Raw, names: Raw | None, column: str, place: Place) -> tuple[str, ...]:
        return tuple(map(str, names or ()))

    def read_labels(
        self,
        values: Raw,
        names: Sequence[str],
        label_encoding: Sequence[str | int],
        column: str,
        place: Place,
    ) -> "tuple[FeatureType, pa.Array]":
        """As of a regression; with the ends of the scale labels are from 0 to 1."""
        import pyarrow.compute as pc

        feature, labels = super().read_labels(values, names, label_encoding, column, place)
        if not len(names):
            return feature, labels
        low, high = map(_number, names)
        return feature, pc.divide(pc.subtract(labels, low), high - low)

    def inputs(self, rows: Mapping[str, Sequence[Cell]]) -> list[list[tuple[str, ...]]]:
        pairs = zip(map(str, rows["text"]), map(str, rows["text_pair"]), strict=True)
        return [[(first,), (second,)] for first, second in pairs]

    def encode(
        self, tokenizer: "PreTrainedTokenizerBase", rows: Mapping[str, Sequence[Cell]], max_length: int
    ) -> dict[str, list[Cell]]:
        if "text_pair" not in rows:
            raise UserError(f"data.text: {self.title} reads {self.text_rule}")
        found = side_by_side(tokenizer, self.inputs(rows), max_length)
        return found | ({"labels": list(rows["label"])} if "label" in rows else {})

    def model_class(self) -> "type[_BaseAutoModelClass]":
        from transformers import AutoModelForTokenClassification

        return AutoModelForTokenClassification  # the encoder with its tokens' states, and no pooler in any architecture

    def opened_as(self) -> "type[_BaseAutoModelClass]":
        from transformers import AutoModel

        return AutoModel

    def configure(self, config: "PretrainedConfig", names: Sequence[str]) -> None:
        config.problem_type = None
        config.num_labels = 1
        setattr(config, MARK, self.name)

    def names_of(self, config: "PretrainedConfig") -> tuple[str, ...] | None:
        return () if getattr(config, MARK, None) == self.name else None

    def collator(self, tokenizer: "PreTrainedTokenizerBase") -> Collator:
        return lambda rows: pad_inputs(tokenizer, rows)

    def combined(self, outputs: "Tensor", present: "Tensor", mask: "Tensor") -> "Tensor":
        import torch.nn.functional as F

        weights = mask.unsqueeze(-1).to(outputs.dtype)
        means = (outputs * weights).sum(1) / weights.sum(1)
        return F.cosine_similarity(means[::2], means[1::2]).unsqueeze(-1)

    def loss(self, logits: "Tensor", labels: "Tensor", reduction: str = "mean") -> "Tensor":
        import torch

        cosines, given = logits.view(-1), labels.view(-1)
        apart = SCALE * (cosines[None, :] - cosines[:, None])  # [i, j]: by how much j is above i
        wrong = apart[given[:, None] > given[None, :]]
        found = torch.logsumexp(torch.cat([wrong.new_zeros(1), wrong]), dim=0)
        return found if reduction == "mean" else found * len(given)


class SimilarityBySquares(Similarity):
    """The same by the squared error of the cosine; labels are cosines, or tell the ends of their scale."""

    name: ClassVar[str] = "similarity_mse"
    title: ClassVar[str] = "a similarity by squared error"

    def loss(self, logits: "Tensor", labels: "Tensor", reduction: str = "mean") -> "Tensor":
        return Regression.loss(self, logits, labels, reduction)


def _number(name: str) -> float:
    try:
        return float(name)
    except ValueError:
        return math.nan
