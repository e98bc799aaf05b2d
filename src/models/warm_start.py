"""A warm start: a run whose adapters are first those of another run, ``init_from=RUN``."""

from pathlib import Path
from typing import Any

import torch

from src.config.rules import show
from src.models.classifier import Classifier, load_tensors
from src.models.description import read_description
from src.models.inject import copy_state
from src.runs.layout import RunFolder
from src.tasks.kinds import spaces_in
from src.utils.errors import UserError


def warm_start(classifier: Classifier, run: str | None) -> dict[str, object] | None:
    """Copy another run's adapters into a fresh classifier, and its head if that means the same.

    A head is left out whole if the other task's classes are not the same in the same order: part of it would have been
    trained for other answers (the LoRA paper, too, takes from MNLI what is LoRA's alone).

    Args:
        classifier: as built, not yet trained; changed in place.
        run: the other run's folder, found to be a finished run by ``validate``; None changes nothing.

    Returns:
        What was done, for the record; None if nothing was asked for.

    Raises:
        UserError: if the run was trained on other weights, or its adapters do not fit this model.
    """
    if run is None:
        return None
    folder = RunFolder(Path(run).expanduser()).adapter
    saved: dict[str, Any] = read_description(folder, own=True)  # none of its names is looked up
    ours = classifier.description
    if saved["backbone_fingerprint"] != ours["backbone_fingerprint"]:
        raise UserError(
            f"init_from={run}: its adapters belong to the weights {show(saved['backbone_fingerprint'])} of "
            f"{show(saved['backbone']['name'])}, and the backbone here has {ours['backbone_fingerprint']}"
        )
    state, own = load_tensors(folder), classifier.state()
    head = classifier.backbone.head
    same_head = spaces_in(saved) == spaces_in(ours)
    # Heads of other tasks may have other names; they stand outside the encoder, or are what its checkpoint lacks.
    encoder = f"{classifier.model.base_model_prefix}."
    chosen = {name: tensor for name, tensor in own.items() if same_head or name not in head}
    fitting = {
        name: tensor for name, tensor in state.items() if same_head or (name not in head and name.startswith(encoder))
    }
    try:
        with torch.no_grad():
            copy_state(chosen, fitting)
    except UserError as error:
        raise UserError(
            f"init_from={run}: {show(saved['model']['name'])} there does not fit {ours['model']['name']} here: {error}"
        ) from error
    classifier.adaptation.started_elsewhere()
    return {
        "run": run,
        "model": saved["model"]["name"],
        "label_names": saved["label_names"],
        "seed": saved["seed"],
        "copied": sorted(chosen),
        "left_out": sorted(own.keys() - chosen.keys()),
    }
