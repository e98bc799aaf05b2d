"""``python -m src export``: to the peft library's format, and back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from src.deploy.output import new_folder
from src.deploy.peft_format import PeftLora, base_model, read_peft, write_peft
from src.deploy.runs import load_run
from src.errors import UserError
from src.files import filled
from src.models.backbone import load_backbone
from src.models.classifier import build_classifier, save_classifier
from src.training.record import ADAPTER, RESULT, SCHEMA_VERSION, write_json

LONGEST = 512  # tokens; a tokenizer without a limit of its own claims 1e30


def export_run(path: Path, out: Path) -> None:
    """Write a run in the format that ``peft.PeftModel.from_pretrained`` reads, tokenizer beside it.

    Raises:
        UserError: if the run's update is no LoRA.
    """
    new_folder(out)
    run = load_run(path)
    with filled(out):
        rank = write_peft(run.classifier, out)
        run.classifier.backbone.tokenizer.save_pretrained(out)
    model: Any = run.classifier.model
    print(f"written as a LoRA of rank {rank}; to open it:")
    print(f"  base = AutoModelForSequenceClassification.from_pretrained({base_model(run.classifier)!r}, ", end="")
    print(f"num_labels={model.config.num_labels})")
    print(f"  model = PeftModel.from_pretrained(base, {str(out)!r})")
    if run.label_names:
        print(f"  its classes are, in this order: {', '.join(run.label_names)}")


def import_peft(folder: Path, out: Path, backbone: str | None = None, label_names: list[str] | None = None) -> None:
    """Make a run folder from a LoRA that the peft library has saved.

    Args:
        folder: the checkpoint.
        out: the new run folder.
        backbone: hub id or folder of the model it was trained on; by default as the checkpoint says.
        label_names: the classes in the order of the head's outputs.

    Raises:
        UserError: if the checkpoint is no plain LoRA with a head, or does not fit the backbone.
    """
    new_folder(out)
    lora = read_peft(folder)
    if not lora.head:
        raise UserError(f"{folder} holds no classification head (modules_to_save), so it is no classifier")
    source = {"name": Path(backbone or lora.base).name, "path": backbone or lora.base}
    names = _label_names(folder, lora, source, label_names)
    loaded = load_backbone(source, label_names=names, seed=0)
    model: Any = loaded.model
    encoder = f"{model.base_model_prefix}."
    if outside := [name for name in lora.layers if not name.startswith(encoder)]:
        raise UserError(f"{folder} adapts layers outside the encoder: {', '.join(outside)}")
    adapter = {
        "_target_": "src.models.lora.LoRALinear",
        "_partial_": True,
        "r": lora.r,
        "alpha": lora.alpha,
        "dropout": lora.dropout,
        "target_modules": [name.removeprefix(encoder) for name in lora.layers],
    }
    model_cfg = {"name": "peft_lora", "adapter": adapter, "train_parameters": [], "head": {"train": True}}
    classifier = build_classifier(model_cfg, source, label_names=names, seed=0)
    state = {f"{name}.{part}": t for name, pair in lora.layers.items() for part, t in zip("AB", pair, strict=True)}
    with torch.no_grad():
        classifier.load_state(state | lora.head)
    record = {
        "schema_version": SCHEMA_VERSION,
        "status": "ok",
        "error": None,
        "method": "lora",
        "backbone": source["name"],
        "data": None,
        "seed": 0,
        "imported_from": str(folder),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "training": {"precision": "fp32"},
        "max_length": min(loaded.tokenizer.model_max_length, LONGEST),
        "params": classifier.counts,
        "adapted_modules": classifier.adapted,
        "adapter_config": adapter,
        "backbone_fingerprint": loaded.fingerprint,
        "flags": ["imported"],
    }
    with filled(out):
        size = save_classifier(classifier, out / ADAPTER)
        write_json(out / RESULT, record | {"adapter_bytes": size})
    print(f"{len(lora.layers)} adapters of rank {lora.r} and a head for {', '.join(names) or 'a regression'} in {out}")


def _label_names(folder: Path, lora: PeftLora, source: dict[str, str], given: list[str] | None) -> tuple[str, ...]:
    """The classes: as many as the head's output layer, its last matrix, has rows."""
    trial = load_backbone(source, label_names=("LABEL_0", "LABEL_1"), seed=0)
    matrices = [name for name, p in trial.model.named_parameters() if name in trial.head and p.ndim == 2]
    if missing := sorted(trial.head - lora.head.keys()):
        raise UserError(f"{folder} lacks parts of the head of {source['path']}: {', '.join(missing)}")
    outputs = len(lora.head[matrices[-1]])
    if given is not None and len(given) != outputs:
        raise UserError(f"--label-names names {len(given)} classes, but the head has {outputs} outputs")
    if outputs == 1:
        return ()
    return tuple(given or (f"LABEL_{i}" for i in range(outputs)))
