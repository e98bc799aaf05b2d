"""What is kept of a run: the predictions and the adapter of its selected epoch, and the proof that it is the one."""

import numpy as np
import torch
from torch import Tensor, nn

from src.models.classifier import load_classifier, save_classifier
from src.runs.layout import ADAPTER, PREDICTIONS
from src.runs.predictions_writing import write_predictions
from src.runs.record import Record
from src.training.evaluation import Evaluation
from src.training.prepared_job import Job
from src.training.trainer import DIVERGED
from src.utils.errors import UserError

RELOAD_TOLERANCE = 1e-4  # of a logit: a GPU may choose another kernel for the same product


def keep(record: Record, job: Job, selected: Evaluation, state: dict[str, Tensor], probe: dict[str, Tensor]) -> None:
    """Write predictions and adapter of the selected epoch; then prove that the saved adapter is the trained one.

    Args:
        record: of the run.
        job: as it was trained.
        selected: the epoch's evaluation.
        state: what was trained, as it was then.
        probe: a batch on which the two are compared.

    Raises:
        UserError: if the logits are not finite.
        RuntimeError: if the saved adapter does not give the trained model's logits again.
    """
    if not all(np.isfinite(logits).all() for logits in selected.logits.values()):
        raise UserError(f"the trained model's logits are not finite: {DIVERGED}")
    kinds = {split: task.space.kind for split, task in job.reported.items()}
    index = {split: kind.unit_index(job.evaluation_rows[split]) for split, kind in kinds.items()}
    write_predictions(record.folder / PREDICTIONS, selected.logits, selected.labels, index, kinds, job.data.clusters())
    folder = record.folder / ADAPTER
    size = save_classifier(job.classifier, folder, state)
    job.classifier.load_state(state)
    difference = reload_difference(job.classifier.model, load_classifier(folder, own=True).model, probe)
    if not difference <= RELOAD_TOLERANCE:
        raise RuntimeError(
            f"the adapter loaded from {folder} gives other logits than the trained model: they differ by "
            f"{difference:.3g}, and at most {RELOAD_TOLERANCE:g} is allowed"
        )
    record.update(adapter_bytes=size, reload_max_difference=difference)


@torch.no_grad()
def reload_difference(trained: nn.Module, reloaded: nn.Module, batch: dict[str, Tensor]) -> float:
    """Largest difference between the two models' logits on a batch, in eval mode."""
    trained.eval()
    device = next(trained.parameters()).device
    inputs = {name: tensor.to(device) for name, tensor in batch.items()}
    return float((trained(**inputs).logits - reloaded.to(device).eval()(**inputs).logits).abs().max())
