"""``python -m src merge RUN --out DIR``: a trained run as a plain transformers model."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from src.backbones.backbone import quiet
from src.deploy.output import new_folder
from src.deploy.probe_texts import probe_texts
from src.deploy.trained_run import TrainedRun, load_run
from src.models.inject import adapters, merge_all
from src.utils.errors import UserError
from src.utils.files import filled, write_whole
from src.utils.terminal import say

REPORT = "merge.json"
# What adding the update to the weight may change, as a share of the largest logit (at least of 1). The sum is rounded
# once more than the two products: 2^-24 of a weight in fp32, 2^-11 in fp16, 2^-8 in bf16, over a dozen layers.
TOLERANCE = {"fp32": 1e-4, "fp16": 2e-2, "bf16": 1e-1}


@dataclass(frozen=True)
class Comparison:
    """Merged against unmerged logits in one precision.

    Attributes:
        max_difference: of a logit.
        largest_logit: what it is measured by.
        label_flips: rows whose label has changed.
        rows: rows compared.
        tolerance: the largest difference allowed, ``share * max(1, largest_logit)``.
    """

    max_difference: float
    largest_logit: float
    label_flips: int
    rows: int
    tolerance: float

    @property
    def holds(self) -> bool:
        return self.max_difference <= self.tolerance  # False for NaN


def merge_run(path: Path, out: Path, *, rows: int = 256, tolerance: float | None = None) -> dict[str, Comparison]:
    """Merge a run, compare the logits, and write model, tokenizer and ``merge.json``.

    Args:
        path: the run's folder.
        out: where the model goes; must not exist, or be empty.
        rows: evaluation rows that are compared.
        tolerance: the difference allowed, as a share of the largest logit; by default ``TOLERANCE`` of the precision.

    Returns:
        The comparison in fp32 and, if it is another, in the run's own precision.

    Raises:
        UserError: if an adapter cannot be merged, or a difference is above the tolerance; nothing is written then.
    """
    new_folder(out)
    run = load_run(path)
    run.classifier.require_own_adapters("merged")
    probe = probe_texts(run, rows)
    precisions = list(dict.fromkeys(["fp32", run.record.training.precision or "fp32"]))
    before = {name: run.logits(probe.texts, probe.pairs, precision=name) for name in precisions}
    merge_all(run.classifier.model)
    compared = {
        name: _compare(logits, run.logits(probe.texts, probe.pairs, precision=name), name, run, tolerance)
        for name, logits in before.items()
    }
    for name, found in compared.items():
        say(
            f"{name}: logits differ by at most {found.max_difference:.3g} (allowed {found.tolerance:.3g}), "
            f"{found.label_flips} of {found.rows} labels flip ({probe.source})"
        )
    if wrong := [name for name, found in compared.items() if not found.holds]:
        raise UserError(f"{path} is not merged: in {', '.join(wrong)} the logits differ by more than the tolerance")
    report: dict[str, Any] = {"run": str(path), "compared_on": probe.source}
    report |= {"comparisons": {name: asdict(found) for name, found in compared.items()}}
    with filled(out):
        write_plain(run, out)
        write_whole(out / REPORT, json.dumps(report, indent=2) + "\n")
    say(f"{run.classifier.space.kind.opened_as().__name__}.from_pretrained({str(out)!r}) opens the merged model")
    return compared


def _compare(before: Tensor, after: Tensor, precision: str, run: TrainedRun, tolerance: float | None) -> Comparison:
    share = TOLERANCE[precision] if tolerance is None else tolerance
    kind = run.classifier.space.kind
    largest = kind.present(before).abs().max().item()
    flips = kind.flips(before.numpy(), after.numpy())
    difference = kind.compared(before) - kind.compared(after)
    return Comparison(difference.abs().max().item(), largest, flips, len(before), share * max(1.0, largest))


def write_plain(run: TrainedRun, out: Path) -> None:
    """Save the model with every (merged) adapter replaced by its Linear, and the tokenizer."""
    model: Any = run.classifier.model
    remove_merged(model)
    with quiet():
        model.cpu().save_pretrained(out)
    run.classifier.backbone.tokenizer.save_pretrained(out)


def remove_merged(model: nn.Module) -> None:
    """Put the Linear that each merged adapter wraps back in its place: the model is a plain one again."""
    for name, adapter in list(adapters(model)):
        if not adapter.merged:
            raise RuntimeError(f"{name} is not merged: its update would be lost")
        parent, _, attribute = name.rpartition(".")
        setattr(model.get_submodule(parent), attribute, adapter.base)
