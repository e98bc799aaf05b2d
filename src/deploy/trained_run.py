"""A run folder as something to use: its classifier, ready for text."""

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import torch
from omegaconf import DictConfig
from torch import Tensor, nn
from tqdm.auto import tqdm

from src.data.cut import CUT
from src.data.normalise import check_characters
from src.data.saved import read_data
from src.models.classifier import Classifier, load_classifier
from src.runs.finished import open_run
from src.runs.layout import RunFolder
from src.runs.run_record import RunRecord
from src.tasks import Prediction
from src.tasks.signatures import Cell, Rows
from src.utils.errors import UserError

LONGEST = 512  # tokens, where neither the record nor the model bounds an input
Row: TypeAlias = Mapping[str, Cell]  # of each name numbers, or a list of them for each of several inputs
AUTOCAST = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}  # as the record names a run's precision


@dataclass(frozen=True)
class Encoded:
    """Texts as a model takes them, a row each or, of one that is too long, several.

    Attributes:
        inputs: the model's, of every row.
        notes: what the task's kind makes one entry a text of the rows by, see ``TaskKind.gather``.
    """

    inputs: list[Row]
    notes: dict[str, list[Cell]]


@dataclass(frozen=True)
class TrainedRun:
    """A finished run's classifier in eval mode, on a GPU where there is one.

    Attributes:
        folder: the run's folder.
        record: its ``result.json``.
        classifier: the adapted model on its backbone.
    """

    folder: Path
    record: RunRecord
    classifier: Classifier

    @property
    def label_names(self) -> tuple[str, ...]:
        """The classes in the order of the logits; none where answers are numbers."""
        return self.classifier.space.names

    @property
    def text(self) -> tuple[str, ...] | None:
        """The task's text columns, one or two of most kinds; None where the record does not name them."""
        return tuple(self.record.text) or None

    @property
    def max_length(self) -> int:
        """Tokens an input is cut to: as in training, and no more than the model has positions for."""
        most = self.classifier.backbone.tokenizer.model_max_length
        return min(self.record.max_length or LONGEST, most)

    def encode(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> Encoded:
        """Texts as the model takes them, not padded, cut or windowed as in training.

        Raises:
            UserError: if the task takes pairs and there are none, or the reverse; if a text holds what is no character.
        """
        if self.text is not None and (len(self.text) > 1) != (pairs is not None):
            wanted = f"two texts ({' and '.join(self.text)})" if len(self.text) > 1 else f"one text ({self.text[0]})"
            raise UserError(f"{self.folder} was trained on {wanted} a row, not {2 if pairs is not None else 1}")
        for column in (texts, *([] if pairs is None else [pairs])):
            for row, text in enumerate(column):
                check_characters(text, functools.partial("text {}".format, row))
        if pairs is not None and len(pairs) != len(texts):
            raise UserError(f"{len(texts)} texts and {len(pairs)} second texts")
        if not len(texts):
            return Encoded([], {"idx": []})
        kind, tokenizer = self.classifier.space.kind, self.classifier.backbone.tokenizer
        rows = {"text": list(texts)} | ({} if pairs is None else {"text_pair": list(pairs)})
        columns = (kind.encode if self.record.long == CUT else kind.encode_windows)(tokenizer, rows, self.max_length)
        notes: dict[str, list[Cell]] = {"idx": columns.pop("origin", list(range(len(texts))))}
        notes |= {name: columns.pop(name) for name in kind.note_columns}
        inputs = cast("dict[str, list[list[int]]]", columns)
        return Encoded([dict(zip(inputs, row, strict=True)) for row in zip(*inputs.values(), strict=True)], notes)

    def gather(self, outputs: Sequence[Tensor], notes: Rows) -> Tensor:
        """What the model gave for encoded texts, one entry a text."""
        kind = self.classifier.space.kind
        whole, _ = kind.gather(torch.nn.utils.rnn.pad_sequence(list(outputs), batch_first=True).numpy(), None, notes)
        return torch.from_numpy(whole)

    def logits(
        self,
        texts: Sequence[str],
        pairs: Sequence[str] | None = None,
        *,
        batch_size: int = 64,
        precision: str = "fp32",
        progress: bool = False,
    ) -> Tensor:
        """The model's outputs, ``(rows, outputs)`` in float32 on the CPU; of a kind that answers every word one a word.

        Args:
            texts: one text a row.
            pairs: the second text of each row, if the task takes two.
            batch_size: rows at a time; rows of like length go together, the longest first.
            precision: fp32, or bf16 or fp16 for autocast to it.
            progress: show a bar.
        """
        encoded = self.encode(texts, pairs)
        if not encoded.inputs:
            config: Any = self.classifier.model.config
            return torch.empty(0, config.num_labels)
        pad = self.classifier.space.kind.collator(self.classifier.backbone.tokenizer)
        found = batched_logits(self.classifier.model, pad, encoded.inputs, batch_size, precision, progress)
        return self.gather(found, encoded.notes)

    def predict(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, batch_size: int = 64, progress: bool = False
    ) -> list[Prediction]:
        """Each row's answer."""
        logits = self.logits(texts, pairs, batch_size=batch_size, progress=progress)
        return self.answers(logits, texts if pairs is None else pairs)

    def answers(self, logits: Tensor, texts: Sequence[str] = ()) -> list[Prediction]:
        """What logits of this run's head, ``(rows, outputs)``, mean, of these texts (of two the second)."""
        return self.classifier.space.kind.tuned_answers(logits, self.label_names, texts, self.record.scores())

    @property
    def said(self) -> str:
        """What its answers go by besides the logits, for people; empty for most kinds."""
        return self.classifier.space.kind.picked_said(self.record.scores())

    def config(self) -> DictConfig:
        """Of the config that Hydra left in the folder the node ``data``, checked; see ``read_data``."""
        return read_data(self.folder)


def load_run(path: str | Path) -> TrainedRun:
    """Load a finished run: ``load_run("outputs/...").predict(["A sentence."])``.

    Raises:
        UserError: if the folder is no run or the run has failed, or the weights of its backbone have changed.
    """
    folder, record = open_run(path)
    classifier = load_classifier(RunFolder(folder).adapter)
    classifier.model.to("cuda" if torch.cuda.is_available() else "cpu")
    return TrainedRun(folder, record, classifier)


@torch.no_grad()
def batched_logits(
    model: nn.Module,
    pad: Callable[[list[Row]], Mapping[str, Tensor]],
    rows: Sequence[Row],
    batch_size: int = 64,
    precision: str = "fp32",
    progress: bool = False,
) -> list[Tensor]:
    """A model's logits for each of some tokenised rows, which ``pad`` makes batches of; see ``TrainedRun.logits``."""
    device = next(model.parameters()).device
    found: list[Tensor] = [torch.empty(0)] * len(rows)
    order = sorted(range(len(rows)), key=lambda row: -_longest(rows[row]["input_ids"]))
    dtype = AUTOCAST[precision]
    with tqdm(total=len(rows), unit="row", dynamic_ncols=True, disable=None if progress else True) as bar:
        for start in range(0, len(rows), batch_size):
            chosen = order[start : start + batch_size]
            batch = {name: tensor.to(device) for name, tensor in pad([rows[row] for row in chosen]).items()}
            with torch.autocast(device.type, dtype) if dtype else nullcontext():
                outputs = model(**batch).logits.float().cpu()
            for row, output in zip(chosen, outputs, strict=True):
                found[row] = output
            bar.update(len(chosen))
    return found


def _longest(ids: Cell) -> int:
    """Tokens of a row's input, or of the longest of its several."""
    assert isinstance(ids, list)
    return max((len(own) for own in ids if isinstance(own, list)), default=len(ids))
