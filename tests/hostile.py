"""Run folders whose every file tries to have code run: what a stranger may send. Each leaves a canary if it succeeds.

``python -m tests.hostile FOLDER`` makes them all, to be opened by hand.
"""

import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from src.config.known_names import packages
from src.utils.paths import ROOT

NANO = ROOT / "assets" / "nano"
SECRET = "PEFT_VERDICT_TEST_SECRET"  # an environment variable that no output may hold
LORA = {"_target_": "src.models.lora.LoRALinear", "_partial_": True, "r": 2, "alpha": 2, "dropout": 0.0,
        "target_modules": ["encoder.layer.0.attention.self.query"]}  # fmt: skip


class Payload:
    """Pickles to a call of ``os.system``."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


@dataclass(frozen=True)
class Attack:
    """A way to have code run.

    Attributes:
        name: what the canary is called.
        files: ``adapter``, ``data``, ``backbone``, ``record`` or ``peft``: what of the run is crafted, which decides
            what commands get to see it.
        craft: changes a harmless run's folder.
        trusting: what a reader would do that trusts the folder; leaves the canary, which shows that the trap is set.
    """

    name: str
    files: str
    craft: Callable[["Run"], None]
    trusting: Callable[["Run"], Any] | None = None


@dataclass(frozen=True)
class Run:
    """A harmless run's folder, to be made hostile."""

    folder: Path
    canary: Path

    @property
    def shell(self) -> str:
        return f"touch {self.canary}"

    @property
    def python(self) -> str:
        return f"import os; os.system({self.shell!r})\n"

    def description(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change ``adapter.json``."""
        _change_json(self.folder / "adapter" / "adapter.json", change)

    def record(self, change: Callable[[dict[str, Any]], Any]) -> None:
        _change_json(self.folder / "result.json", change)

    def data(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change the node ``data`` of ``.hydra/config.yaml``."""
        file = self.folder / ".hydra" / "config.yaml"
        config = yaml.safe_load(file.read_text())
        change(config["data"])
        file.write_text(yaml.safe_dump(config))

    def source(self, node: Any) -> None:
        """Let the data be read from a source of one's own."""
        self.data(lambda data: data.update(source="theirs", sources={"theirs": node}))

    def adapter(self, node: dict[str, Any]) -> None:
        """Let the adapter be described by a node with a path in it, as format 1 had it."""
        self.description(lambda saved: (
            saved.update(format_version=1), saved["model"].pop("method", None), saved["model"].update(adapter=node)
        ))  # fmt: skip

    def method(self, name: Any, **node: Any) -> None:
        """Let the method have another name, or the adapter of format 2 other keys."""
        self.description(lambda saved: (saved["model"].update(method=name), saved["model"]["adapter"].update(node)))

    def module(self, name: str = "canary_module") -> None:
        """A module in the run's folder, which leaves the canary when it is imported."""
        self.file(f"{name}.py", self.python + "from torch.nn import Linear as Adapter\n")

    def file(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def pickle(self, name: str) -> Path:
        return self.file(name, pickle.dumps({"weight": Payload(self.shell)}))

    def backbone(self, config: dict[str, Any] | None = None, tokenizer: dict[str, Any] | None = None) -> Path:
        """A backbone in the run's own folder, with changes to its config and its tokenizer's."""
        folder = self.folder / "backbone"
        shutil.copytree(NANO, folder, ignore=shutil.ignore_patterns("*.py", "*.md"))
        _change_json(folder / "config.json", lambda own: own.update(config or {}))
        _change_json(folder / "tokenizer_config.json", lambda own: own.update(tokenizer or {}))
        self.description(lambda saved: saved.update(backbone={"name": "theirs", "path": str(folder)}))
        return folder

    def custom_code(self) -> None:
        """Code beside the backbone, in the form that transformers takes it with ``trust_remote_code``."""
        self.file("backbone/canary_code.py", self.python + (
            "from transformers import RobertaConfig, RobertaForSequenceClassification, RobertaTokenizer\n"
            "class Config(RobertaConfig):\n    model_type = 'strangers_own'\n"
            "class Model(RobertaForSequenceClassification):\n    config_class = Config\n"
            "class Tokenizer(RobertaTokenizer):\n    pass\n"
        ))  # fmt: skip


def _change_json(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def attacks() -> Iterator[Attack]:
    yield from _on_adapter()
    yield from _on_peft()
    yield from _on_data()
    yield from _on_backbone()
    yield from _on_others()


def _instantiate(node: dict[str, Any], *args: Any) -> None:
    from hydra.utils import instantiate

    instantiate(node, *args)


def _on_adapter() -> Iterator[Attack]:
    def timer(run: Run) -> dict[str, Any]:
        # Out of the function that timeit writes around it: this runs when it is made.
        code = f"pass\r__import__('os').system({run.shell!r})\rdef inner(_it, _timer, _stmt=None):\r    pass"
        return {"_target_": "timeit.Timer", "setup": code, "target_modules": ["query"]}

    yield Attack("timeit", "adapter", lambda run: run.adapter(timer(run)),
                 lambda run: _instantiate({key: timer(run)[key] for key in ("_target_", "setup")}, print))  # fmt: skip
    for target in ("subprocess.Popen", "os.system", "builtins.eval", "builtins.exec", "src.utils.files.write_whole",
                   "code.InteractiveConsole", "pickle.Unpickler", "src.models.lora.nn.Linear", "src.models.lora",
                   "src.models.lora.LoRALinear.__init__", "torch.nn.Linear", "torch.hub.load", "", ".", "a..b", 7, None,
                   ["os.system"], {"_target_": "os.system"}):  # fmt: skip
        yield Attack(f"adapter_{target!r}".replace("/", ""), "adapter",
                     lambda run, target=target: run.adapter(LORA | {"_target_": target}))  # fmt: skip

    for method in ("canary_module", "canary_module.Adapter", "os.system", "timeit", "inject", "adapter",
                   "peft.library", "peft.canary", "src.models.lora", "../lora", "", ".", 7, None, ["lora"],
                   {"_target_": "os.system"}):  # fmt: skip
        yield Attack(f"method_{method!r}".replace("/", ""), "adapter",
                     lambda run, method=method: (run.module(), run.method(method)))  # fmt: skip
    for target in ("os.system", "canary_module.Adapter", "src.models.lora.LoRALinear", "peft.LoraConfig", None):
        yield Attack(f"path_in_format_2_{target}", "adapter",
                     lambda run, target=target: (run.module(), run.method(None, _target_=target)))  # fmt: skip

    def module(run: Run) -> None:
        run.module()
        run.adapter({**LORA, "_target_": "canary_module.Adapter"})

    def imported(run: Run) -> None:
        exec((run.folder / "canary_module.py").read_text(), {})

    yield Attack("module_in_the_folder", "adapter", module, imported)

    def package(run: Run, name: str) -> None:
        run.file("canary_package/__init__.py", run.python)
        run.file("canary_package/inner/__init__.py", run.python)
        run.description(lambda saved: saved["backbone"].update(
            path=None, package={"name": "canary", "module": name, "folder": "."}
        ))  # fmt: skip

    yield Attack("package_within_a_package", "adapter", lambda run: package(run, "canary_package.inner"),
                 lambda run: exec((run.folder / "canary_package/__init__.py").read_text(), {}))  # fmt: skip
    yield Attack("package_in_the_folder", "adapter", lambda run: package(run, "canary_package"))
    yield Attack("known_package_other_folder", "adapter", lambda run: run.description(
        lambda saved: saved["backbone"].update(path=None, package=packages()[0] | {"folder": "../../../tmp"})
    ))  # fmt: skip
    yield Attack("function_under_auto", "adapter", lambda run: run.description(lambda saved: saved["model"].update(
        adapter=LORA | {"r": "auto"}, auto={"r": "os.system"}
    )))  # fmt: skip
    yield Attack("kernel_as_attention", "adapter", lambda run: run.description(
        lambda saved: saved["backbone"].update(attention="canary/kernel")
    ))  # fmt: skip
    yield Attack("nested_target", "adapter", lambda run: run.adapter(
        LORA | {"dropout": {"_target_": "os.system", "command": run.shell}}
    ))  # fmt: skip
    yield Attack("resolver_in_adapter", "adapter", lambda run: run.adapter(LORA | {"dropout": f"${{oc.env:{SECRET}}}"}))
    yield Attack("pickled_safetensors", "adapter", lambda run: run.pickle("adapter/adapter.safetensors"),
                 lambda run: pickle.loads((run.folder / "adapter/adapter.safetensors").read_bytes()))  # fmt: skip
    yield Attack("pickled_beside", "adapter", lambda run: [run.pickle(f"adapter/{name}") for name in (
        "adapter.bin", "adapter.pt", "adapter.pkl", "adapter_model.bin", "pytorch_model.bin"
    )])  # fmt: skip


def _on_peft() -> Iterator[Attack]:
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


def _on_data() -> Iterator[Attack]:
    def from_pickle(target: str, key: str) -> Attack:
        def source(run: Run) -> dict[str, Any]:
            return {"_target_": target, key: str(run.pickle("data.pkl"))}

        return Attack(target, "data", lambda run: run.source(source(run)), lambda run: _instantiate(source(run)))

    yield from_pickle("pandas.read_pickle", "filepath_or_buffer")
    yield from_pickle("joblib.load", "filename")

    def written(run: Run) -> dict[str, Any]:
        path = {"_target_": "pathlib.Path", "_args_": [str(run.canary)]}
        return {"_target_": "src.utils.files.write_whole", "path": path, "text": "written"}

    def instantiated(run: Run) -> None:
        _instantiate({"_target_": "builtins.dict", "task": written(run)})

    yield Attack("src.utils.files.write_whole", "data", lambda run: run.source(written(run)), instantiated)
    for target, options in {
        "os.system": lambda run: {"command": run.shell},
        "subprocess.check_output": lambda run: {"args": ["sh", "-c", run.shell]},
        "builtins.eval": lambda run: {"_args_": [f"__import__('os').system({run.shell!r})"]},
        "canary_module.load": lambda run: {},
        "src.data.load.load_data": lambda run: {"cfg": {}, "holdout": False},
        "src.data.sources.hub.datasets.load_dataset": lambda run: {"path": "pandas"},
        "src.data.canary_module.load_canary": lambda run: {},
        "src.data.sources.custom": lambda run: {},
    }.items():

        def craft(run: Run, target: str = target, options: Any = options) -> None:
            run.module()
            run.source({"_target_": target, **options(run)})

        yield Attack(f"data_{target}", "data", craft)

    yield Attack("nested_in_a_source", "data", lambda run: run.data(
        lambda data: data["sources"]["synthetic"].update(task=written(run))
    ), instantiated)  # fmt: skip
    yield Attack("nested_elsewhere", "data", lambda run: run.data(
        lambda data: data.update(rows={"train": written(run)})
    ))  # fmt: skip
    yield Attack("in_another_source", "data", lambda run: run.data(
        lambda data: data["sources"].update(other=written(run))
    ))  # fmt: skip
    for value in (f"${{oc.env:{SECRET}}}", "${unique:}", "${project_root:}", "${task_records:[mrpc,rte],own,null}",
                  "${now:%Y}", f"a${{oc.env:{SECRET}}}b", f"${{oc.decode:${{oc.env:{SECRET}}}}}", "${hydra:job.name}",
                  f"\\${{oc.env:{SECRET}}}", f"${{data.${{oc.env:{SECRET}}}}}", "${..training.hub_token}",
                  "${training.hub_token}", "${data.name}", "${", f"$${{data.label}}{{oc.env:{SECRET}}}"):  # fmt: skip
        yield Attack(f"interpolation_{value}".replace("/", ""), "data",
                     lambda run, value=value: run.data(lambda data: data.update(name=value)))  # fmt: skip
    yield Attack("interpolation_put_together", "data", lambda run: run.data(
        lambda data: data.update(name="$${data.label}", label=f"{{oc.env:{SECRET}}}")
    ))  # fmt: skip
    yield Attack("interpolation_as_a_key", "data", lambda run: run.data(
        lambda data: data["sources"]["synthetic"].update({f"${{oc.env:{SECRET}}}": 1})
    ))  # fmt: skip

    def tag(run: Run) -> None:
        file = run.folder / ".hydra" / "config.yaml"
        file.write_text(f"data: !!python/object/apply:os.system [{run.shell!r}]\n")

    yield Attack("yaml_tag", "data", tag,
                 lambda run: yaml.unsafe_load((run.folder / ".hydra/config.yaml").read_text()))  # fmt: skip

    def escape(run: Run) -> None:
        run.data(lambda data: data["sources"].update(
            tsv={"_target_": "src.data.sources.tsv.load_tsv", "folder": f"../{run.canary.name}", "dir": str(run.folder)}
        ))  # fmt: skip

    yield Attack("file_outside_of_the_submission", "data", escape)
    yield Attack("hub_set_in_the_folder", "data", lambda run: (run.file("set/set.py", run.python), run.source({
        "_target_": "src.data.sources.hub.load_hub", "path": str(run.folder / "set"), "config": None,
        "splits": {"train": "train"}, "text": ["text"], "label": "label", "label_names": ["a", "b"],
    })))  # fmt: skip


def _on_backbone() -> Iterator[Attack]:
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


def _on_others() -> Iterator[Attack]:
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


def harmless_run(folder: Path) -> Path:
    """A finished run's folder with all that the commands read; its adapter is untrained."""
    from src.models.classifier import build_classifier, save_classifier

    task = {
        "name": "rte", "text": ["text", "text_pair"], "label": "label", "label_names": ["no", "yes"],
        "metrics": ["accuracy"], "primary_metric": "accuracy", "evaluation_splits": ["validation"], "rows": {},
        "source": "synthetic", "dir": None, "max_length": 64, "max_train_samples": None, "max_eval_samples": None,
        "holdout_fraction": 0.1, "holdout_max": 100,
        "sources": {"synthetic": {"_target_": "src.data.sources.synthetic.load_synthetic", "task": "paraphrase",
                                  "seed": 0, "train": 16, "validation": 8, "test": 8}},
    }  # fmt: skip
    model = {"name": "roberta_lora", "adapter": LORA, "train_parameters": [], "head": {"train": True}}
    backbone = {"name": "nano", "path": str(NANO), "attention": "sdpa", "fast_paths": False}
    classifier = build_classifier(model, backbone, label_names=("no", "yes"), seed=0)
    save_classifier(classifier, folder / "adapter")
    scores = {"accuracy": 0.5}
    record = {
        "schema_version": 1, "status": "ok", "error": None, "method": "lora", "backbone": "nano", "data": "rte",
        "seed": 0,
        "training": {"precision": "fp32", "learning_rate": 1e-3}, "max_length": 64, "text": task["text"],
        "params": classifier.counts, "adapter_config": LORA, "metrics": {"selected": scores, "last": scores},
        "primary_metric": {"name": "accuracy", "value": 0.5, "split": "validation"}, "time": {"train_s": 1.0},
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(record))
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "config.yaml").write_text(yaml.safe_dump({"data": task, "training": {"hub_token": "secret"}}))
    return folder


def make(attack: Attack, harmless: Path, parent: Path, canaries: Path) -> Run:
    """A copy of the harmless run with the attack in it."""
    number = len(list(parent.iterdir()))
    folder = parent / f"{number:03}"
    shutil.copytree(harmless, folder)
    run = Run(folder, canaries / f"canary_{number:03}")
    attack.craft(run)
    return run


if __name__ == "__main__":
    home = Path(sys.argv[1])
    (home / "runs").mkdir(parents=True)
    (home / "canaries").mkdir()
    own = harmless_run(home / "harmless")
    for each in attacks():
        print(make(each, own, home / "runs", home / "canaries").folder, each.name)
