"""``training.class_weights``: how much an example of each class counts in the training loss."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from src.tasks import LabelSpace
from src.utils.errors import UserError

BALANCED = "balanced"


def class_weights(setting: object, spaces: Sequence[LabelSpace], labels: Sequence[float]) -> Tensor | None:
    """The weight of each class; None without any.

    Args:
        setting: the config's: null, ``balanced`` (n / (k n_c), as scikit-learn's: every class counts the same) or a
            number for each class in the order of ``data.label_names``.
        spaces: what the heads answer, one for each task.
        labels: of the training rows.

    Raises:
        UserError: for several tasks, a kind of task whose label is not one class, or numbers that do not fit.
    """
    if setting is None:
        return None
    if len(spaces) != 1:
        raise UserError("training.class_weights: several tasks have classes of their own; choices: null")
    (space,) = spaces
    if not space.kind.picks_one:
        raise UserError(f"training.class_weights: {space.kind.title} has no one class an example; choices: null")
    counts = torch.bincount(torch.as_tensor(labels, dtype=torch.long), minlength=len(space.names))
    if setting == BALANCED:
        if missing := [name for name, n in zip(space.names, counts.tolist(), strict=True) if not n]:
            raise UserError(f"training.class_weights=balanced: no training row is of the class {', '.join(missing)}")
        return counts.sum() / (len(counts) * counts.float())
    weights = torch.as_tensor(setting, dtype=torch.float32)
    if weights.shape != counts.shape or not (weights > 0).all():
        names = ", ".join(space.names)
        raise UserError(f"training.class_weights={setting}: a number above 0 for each class: {names}; or balanced")
    return weights


def check_sampling(setting: object, spaces: Sequence[LabelSpace]) -> None:
    """Refuse to draw rows by their class where they have none, or several tasks have their own."""
    if setting is None:
        return
    if len(spaces) != 1:
        raise UserError(
            f"training.sampling={setting}: several tasks are drawn from by the data's own sampling; choices: null"
        )
    if not spaces[0].kind.picks_one:
        raise UserError(f"training.sampling={setting}: {spaces[0].kind.title} has no one class an example")


def weighted_loss(logits: Tensor, labels: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Cross entropy of (n, classes) logits, over the examples' weights: their mean where all are 1."""
    weights = weights.to(logits.device, torch.float32)
    return F.cross_entropy(logits.float(), labels.long(), weight=weights, label_smoothing=smoothing)
