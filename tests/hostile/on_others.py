"""Attacks by records, predictions and checkpoints."""

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.hostile.crafted import NANO, SECRET, Attack, Run


def on_others() -> Iterator[Attack]:
    def record(run: Run) -> None:
        run.module()
        call = {"_target_": "canary_module.Adapter", "_partial_": False}
        run.record(lambda own: own.update(
            adapter_config=call, init_from={"run": str(run.folder)}, packed=call, config={"model": {"adapter": call}},
            memory=call, versions=call, flags=[f"${{oc.env:{SECRET}}}"], hardware=call,
        ))  # fmt: skip

    yield Attack("names_in_the_record", "record", record)

    def history(run: Run) -> None:
        call = {"_target_": "os.system", "command": run.shell}
        run.file(
            "history.jsonl", json.dumps({"event": "diagnostics", "step": 1, "epoch": 1, "x": 1, "call": call}) + "\n"
        )

    yield Attack("names_in_the_history", "record", history)

    def late(run: Run) -> None:
        for name in ("matplotlib", "sklearn", "optuna", "evaluate", "peft", "scipy", "seaborn", "src_canary"):
            run.module(name)

    yield Attack("modules_of_known_names", "record", late)
    yield Attack("pickled_predictions", "record", lambda run: run.pickle("predictions.parquet"))
    yield Attack("pickled_checkpoint", "checkpoint", lambda run: (
        run.pickle("checkpoint.pt"), run.record(lambda own: own.update(status="interrupted"))
    ), lambda run: pickle.loads((run.folder / "checkpoint.pt").read_bytes()))  # fmt: skip
    yield Attack("pickled_peft_checkpoint", "peft", lambda run: (
        run.file("adapter_config.json", json.dumps({"peft_type": "LORA"})), run.pickle("adapter_model.bin")
    ))  # fmt: skip

    def checkpoint(run: Run) -> None:
        run.backbone({"model_type": "strangers_own", "auto_map": {"AutoConfig": "canary_code.Config"}})
        run.custom_code()
        run.module()
        _peft_checkpoint(run, run.folder / "backbone", megatron_config={"a": 1})

    yield Attack("peft_checkpoint_on_a_hostile_backbone", "peft", checkpoint)
    yield Attack("peft_checkpoint_that_names_modules", "peft", lambda run: (
        run.module(), _peft_checkpoint(run, NANO, megatron_config=None)
    ))  # fmt: skip


def _peft_checkpoint(run: Run, backbone: Path, **fields: Any) -> None:
    import torch
    from safetensors.torch import save_file

    config = {"peft_type": "LORA", "task_type": "SEQ_CLS", "r": 2, "lora_alpha": 2, "target_modules": ["query"],
              "modules_to_save": ["classifier"], "layers_to_transform": [0], "base_model_name_or_path": str(backbone),
              "megatron_core": "canary_module", "eva_config": {"canary_module": 1},
              "auto_mapping": {"base_model_class": "Adapter", "parent_library": "canary_module"}}  # fmt: skip
    run.file("adapter_config.json", json.dumps(config | fields))
    layer = "base_model.model.roberta.encoder.layer.0.attention.self.query"
    head = "base_model.model.classifier"
    shapes = {
        f"{layer}.lora_A.weight": (2, 128), f"{layer}.lora_B.weight": (128, 2), f"{head}.dense.weight": (128, 128),
        f"{head}.dense.bias": (128,), f"{head}.out_proj.weight": (2, 128), f"{head}.out_proj.bias": (2,),
    }  # fmt: skip
    save_file({name: torch.zeros(shape) for name, shape in shapes.items()}, run.folder / "adapter_model.safetensors")
