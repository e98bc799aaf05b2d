"""Attacks by the backbone that a run names, and its tokenizer."""

import json
import pickle
from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.crafted import Attack, Payload, Run


def on_backbone() -> Iterator[Attack]:
    def trusted(run: Run, kind: str = "AutoConfig") -> None:
        import transformers

        getattr(transformers, kind).from_pretrained(run.folder / "backbone", trust_remote_code=True)

    def custom(config: dict[str, Any], tokenizer: dict[str, Any]) -> Callable[[Run], None]:
        def craft(run: Run) -> None:
            run.backbone(config, tokenizer)
            run.custom_code()
            text = json.dumps(
                {"auto_map": {"AutoImageProcessor": "canary_code.Config", "AutoProcessor": "canary_code.Config"}}
            )
            for name in ("preprocessor_config.json", "processor_config.json"):
                run.file(f"backbone/{name}", text)

        return craft

    code = {"AutoConfig": "canary_code.Config", "AutoModelForSequenceClassification": "canary_code.Model"}
    theirs = {"AutoTokenizer": ["canary_code.Tokenizer", "canary_code.Tokenizer"]}
    yield Attack(
        "auto_map_of_a_new_type", "backbone", custom({"model_type": "strangers_own", "auto_map": code}, {}), trusted
    )
    yield Attack("auto_map_of_a_known_type", "backbone", custom({"auto_map": code}, {}), trusted)
    yield Attack("auto_map_of_the_model_alone", "backbone", custom(
        {"model_type": "strangers_other", "auto_map": {"AutoModelForSequenceClassification": "canary_code.Model"}}, {}
    ))  # fmt: skip
    yield Attack("auto_map_of_the_tokenizer", "backbone", custom({}, {"auto_map": theirs}),
                 lambda run: trusted(run, "AutoTokenizer"))  # fmt: skip
    yield Attack("auto_map_of_a_new_tokenizer", "backbone",
                 custom({}, {"auto_map": theirs, "tokenizer_class": "Canary"}))  # fmt: skip
    for name in ("AutoImageProcessor", "AutoProcessor", "AutoConfig", "AutoModel", "AutoTokenizer", "RagRetriever",
                 "pipeline", "pipelines", "Trainer"):  # fmt: skip
        yield Attack(f"tokenizer_class_{name}", "backbone",
                     custom({"auto_map": code, "model_type": "roberta"}, {"tokenizer_class": name}))  # fmt: skip

    def binary(run: Run, name: str = "pytorch_model.bin", index: dict[str, Any] | None = None) -> None:
        (run.backbone() / "model.safetensors").unlink()
        run.pickle(f"backbone/{name}")
        if index:
            run.file("backbone/pytorch_model.bin.index.json", json.dumps(index))

    def zipped(run: Run) -> None:
        import torch

        binary(run)
        torch.save({"weight": Payload(run.shell)}, run.folder / "backbone" / "pytorch_model.bin")

    def torch_load(run: Run) -> None:
        import torch

        torch.load(run.folder / "backbone" / "pytorch_model.bin", weights_only=False)

    yield Attack("pickled_weights", "backbone", binary,
                 lambda run: pickle.loads((run.folder / "backbone/pytorch_model.bin").read_bytes()))  # fmt: skip
    yield Attack("pickled_weights_of_torch", "backbone", zipped, torch_load)
    yield Attack("pickled_weights_as_safetensors", "backbone", lambda run: binary(run, "model.safetensors"))
    yield Attack("pickled_weights_in_shards", "backbone", lambda run: binary(
        run, "part.bin", {"metadata": {}, "weight_map": {"roberta.embeddings.word_embeddings.weight": "part.bin"}}
    ))  # fmt: skip

    def adapter(run: Run, tensors: str) -> None:
        run.backbone()
        run.module()
        config = {"peft_type": "LORA", "r": 2, "target_modules": ["query"], "megatron_core": "canary_module",
                  "megatron_config": {"a": 1}, "base_model_name_or_path": str(run.folder / "backbone")}  # fmt: skip
        run.file("backbone/adapter_config.json", json.dumps(config))
        run.pickle(f"backbone/{tensors}")

    yield Attack("adapter_in_the_backbone", "backbone", lambda run: adapter(run, "adapter_model.bin"))
    yield Attack("generation_code", "backbone", lambda run: (
        run.backbone({"is_decoder": True}), run.file("backbone/custom_generate/generate.py", run.python),
        run.file("backbone/generation_config.json", "{}"),
    ))  # fmt: skip
    yield Attack("attention_in_the_config", "backbone", lambda run: run.backbone(
        {"_attn_implementation": "canary/kernel", "attn_implementation": "canary/kernel"}
    ))  # fmt: skip
    yield Attack("quantizer", "backbone", lambda run: run.backbone(
        {"quantization_config": {"quant_method": "canary_module", "load_in_8bit": True}}
    ))  # fmt: skip
