"""``python -m src export``: to the peft library's format, and back."""

import importlib.util
import warnings
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from src.backbones.backbone import load_backbone, locate, quiet
from src.backbones.probe import probe_logits
from src.backbones.remote_code import NO_REMOTE_CODE
from src.deploy.output import new_folder
from src.deploy.peft_format import PeftLora, base_model, plain_fields, read_peft, write_peft
from src.deploy.trained_run import LONGEST, load_run
from src.models.classifier import Classifier, build_classifier, save_classifier
from src.models.inject import some
from src.runs.layout import RunFolder
from src.runs.record import write_record
from src.runs.run_record import SCHEMA_VERSION
from src.tasks import LabelSpace
from src.tasks.kinds import kind_with, space_with
from src.utils.errors import UserError, in_short
from src.utils.files import filled
from src.utils.foreign import opened
from src.utils.terminal import say

LIKE_PEFT = 1e-4  # of the largest logit: two ways to the same sums


def export_run(path: Path, out: Path) -> None:
    """Write a run in the format that ``peft.PeftModel.from_pretrained`` reads, tokenizer beside it.

    Raises:
        UserError: if the library has no such update.
    """
    new_folder(out)
    run = load_run(path)
    with filled(out):
        title = write_peft(run.classifier, out)
        run.classifier.backbone.tokenizer.save_pretrained(out)
    model: Any = run.classifier.model
    base = f"{base_model(run.classifier)!r}, num_labels={model.config.num_labels}, ignore_mismatched_sizes=True"
    say(f"written as {title}; to open it:")
    say(f"  base = {run.classifier.space.kind.opened_as().__name__}.from_pretrained({base})")
    say(f"  model = PeftModel.from_pretrained(base, {str(out)!r})")
    if run.classifier.space.kind.has_classes:
        say(f"  its classes are, in this order: {', '.join(run.label_names)}")


def import_peft(folder: Path, out: Path, backbone: str | None = None, label_names: list[str] | None = None) -> None:
    """Make a run folder from a LoRA that the peft library has saved.

    Args:
        folder: the checkpoint.
        out: the new run folder.
        backbone: hub id or folder of the model it was trained on; by default as the checkpoint says.
        label_names: the classes in the order of the head's outputs.

    Raises:
        UserError: if the checkpoint is no plain LoRA with a head, or does not fit the backbone, or gives other logits
            than where the peft library opens it; nothing is written then.
    """
    new_folder(out)
    lora = read_peft(folder)
    kind = kind_with(lora.task_type)
    if not lora.head and not kind.headless:
        raise UserError(f"{folder} holds no classification head (modules_to_save), so it is no classifier")
    source = _source(folder, lora, backbone)
    with opened(folder):
        space = _label_space(folder, lora, source, label_names)
    classifier = _build(folder, lora, source, space)
    compared = _compare_with_peft(classifier, folder, source)
    with filled(out):
        size = save_classifier(classifier, RunFolder(out).adapter)
        write_record(out, _record(classifier, folder, compared) | {"adapter_bytes": size})
    if compared is None:
        say("not compared with the peft library's own load: it is not installed (requirements-peft.txt)")
    say(f"{len(lora.layers)} adapters of rank {lora.r} and a head for {space.described()} in {out}")


def _source(folder: Path, lora: PeftLora, backbone: str | None) -> dict[str, Any]:
    """The ``backbone`` node of the model that the checkpoint was trained on."""
    path = backbone or lora.base
    if not path:
        raise UserError(f"{folder} does not say which model it was trained on: give --backbone")
    named = lora.revision and backbone is None
    return {"name": Path(path).name, "path": path} | ({"revision": lora.revision} if named else {})


def _build(folder: Path, lora: PeftLora, source: Mapping[str, Any], space: LabelSpace) -> Classifier:
    """A classifier of ours with the checkpoint's tensors."""
    model: Any = load_backbone(source, label_names=space.names, kind=space.kind.name, seed=0).model
    encoder = f"{model.base_model_prefix}."
    if space.kind.headless:  # the checkpoint is of an encoder alone, and names its layers so
        lora = replace(lora, layers={f"{encoder}{name}": pair for name, pair in lora.layers.items()})
    if outside := [name for name in lora.layers if not name.startswith(encoder)]:
        raise UserError(f"{folder} adapts layers outside the encoder: {some(outside)}")
    adapter = {
        "r": lora.r,
        "alpha": lora.alpha,
        "dropout": lora.dropout,
        "target_modules": [name.removeprefix(encoder) for name in lora.layers],
    }
    model_cfg = {
        "name": "peft_lora",
        "method": "lora",
        "adapter": adapter,
        "train_parameters": [],
        "head": {"train": True},
    }
    state = {f"{name}.{part}": t for name, pair in lora.layers.items() for part, t in zip("AB", pair, strict=True)}
    with opened(folder), torch.no_grad():
        classifier = build_classifier(model_cfg, source, tasks={"": space}, seed=0)
        classifier.load_state(state | lora.head)
    return classifier


def _record(classifier: Classifier, folder: Path, compared: float | None) -> dict[str, Any]:
    """What an imported run's record can say."""
    backbone = classifier.backbone
    return {
        "schema_version": SCHEMA_VERSION,
        "status": "ok",
        "error": None,
        "method": "lora",
        "backbone": classifier.description["backbone"]["name"],
        "data": None,
        "seed": 0,
        "imported_from": str(folder),
        "import_max_difference": compared,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "training": {"precision": "fp32"},
        "max_length": min(backbone.tokenizer.model_max_length, LONGEST),
        "params": classifier.counts,
        "adapted_modules": classifier.adapted,
        "adapter_config": classifier.description["model"]["adapter"],
        "backbone_fingerprint": backbone.fingerprint,
        "flags": ["imported"],
    }


def _compare_with_peft(classifier: Classifier, folder: Path, source: Mapping[str, Any]) -> float | None:
    """The largest difference to the logits of the library's own load, on a small batch; None where it is missing.

    Raises:
        UserError: if they differ by more than rounding: the checkpoint holds something that was not understood.
    """
    if importlib.util.find_spec("peft") is None:
        return None
    import peft

    place = {key: source[key] for key in ("revision",) if key in source}
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            base = classifier.space.kind.opened_as().from_pretrained(
                locate(source), num_labels=classifier.space.outputs, dtype=torch.float32,
                ignore_mismatched_sizes=True, **place, **NO_REMOTE_CODE,
            )  # fmt: skip
            fields: dict[str, Any] = plain_fields(folder)
            config = peft.LoraConfig(**fields)
            theirs = probe_logits(peft.PeftModel.from_pretrained(base, folder, config=config))
    except Exception as error:  # whatever the library finds in another's files
        raise UserError(f"{folder}: the peft library itself cannot open it: {in_short(error)}") from error
    difference = float((probe_logits(classifier.model) - theirs).abs().max())
    allowed = LIKE_PEFT * max(1.0, float(theirs.abs().max()))
    if not difference <= allowed:
        raise UserError(
            f"{folder} is not imported: its logits differ by {difference:.3g} from those of the peft library's "
            f"own load (allowed {allowed:.3g}), so it holds something that has no counterpart here"
        )
    return difference


def _label_space(folder: Path, lora: PeftLora, source: Mapping[str, Any], given: list[str] | None) -> LabelSpace:
    """The classes: as many as the head's output layer, its last matrix, has rows."""
    kind = kind_with(lora.task_type)
    if kind.headless:
        return LabelSpace(kind, tuple(given or ()))
    trial = load_backbone(source, label_names=("LABEL_0", "LABEL_1"), kind=kind.name, seed=0)
    matrices = [name for name, p in trial.model.named_parameters() if name in trial.head and p.ndim == 2]
    if missing := sorted(trial.head - lora.head.keys()):
        raise UserError(f"{folder} lacks parts of the head of {source['path']}: {some(missing)}")
    outputs = len(lora.head[matrices[-1]])
    if given is not None and len(given) != outputs:
        raise UserError(f"--label-names names {len(given)} classes, but the head has {outputs} outputs")
    return space_with(outputs, given, lora.task_type)
