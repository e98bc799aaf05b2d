"""Attacks by the configs of the peft library."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.crafted import Attack, Run


def on_peft() -> Iterator[Attack]:
    peft = {"_target_": "peft.LoraConfig", "r": 2, "target_modules": ["query"]}
    prompt = {"_target_": "peft.PromptTuningConfig", "num_virtual_tokens": 2, "prompt_tuning_init": "TEXT",
              "prompt_tuning_init_text": "hello"}  # fmt: skip

    def node(name: str, make: Callable[[Run], dict[str, Any]]) -> Attack:
        def craft(run: Run) -> None:
            run.module()
            run.pickle("state.bin")
            run.adapter(make(run))

        return Attack(f"peft_{name}", "adapter", craft)

    yield node("megatron", lambda run: peft | {"megatron_core": "canary_module", "megatron_config": {"a": 1}})
    yield node("megatron_by_default", lambda run: peft | {"megatron_config": {"tensor_model_parallel_size": 1}})
    yield node("auto_mapping", lambda run: peft | {
        "auto_mapping": {"base_model_class": "Adapter", "parent_library": "canary_module"}
    })  # fmt: skip
    yield node("runtime_config", lambda run: peft | {"runtime_config": {"ephemeral_gpu_offload": True}})
    yield node("modules_to_save", lambda run: peft | {"modules_to_save": ["classifier"]})
    yield node("corda", lambda run: peft | {"init_lora_weights": "corda", "corda_config": {
        "cache_file": str(run.folder / "state.bin"), "covariance_file": str(run.folder / "state.bin")
    }})  # fmt: skip
    yield node("unknown_field", lambda run: peft | {"canary": 1})
    yield node("tokenizer", lambda run: prompt | {
        "tokenizer_name_or_path": str(run.folder), "tokenizer_kwargs": {"trust_remote_code": True}
    })  # fmt: skip
    yield node("state_dict_path", lambda run: prompt | {
        "_target_": "peft.MultitaskPromptTuningConfig", "prompt_tuning_init": "AVERAGE_SOURCE_TASKS",
        "prompt_tuning_init_state_dict_path": str(run.folder / "state.bin"), "num_tasks": 1,
    })  # fmt: skip
    yield node("adapters_elsewhere", lambda run: {
        "_target_": "peft.XLoraConfig", "hidden_size": 8, "adapters": {"0": str(run.folder)}
    })  # fmt: skip
    yield node("shadow_model", lambda run: {"_target_": "peft.ShadowConfig", "shadow_model": str(run.folder)})
    for target in ("peft.utils.save_and_load.os.system", "peft.config.importlib.import_module", "peft.PeftModel",
                   "peft.tuners.lora.config.LoraRuntimeConfig", "peft.PeftConfig", "peft.PromptLearningConfig",
                   "peft.canary_module.Adapter", "peft", "peft."):  # fmt: skip
        yield node(target, lambda run, target=target: peft | {"_target_": target})
