"""Attacks by what describes the adapter, and by its tensors."""

import pickle
from collections.abc import Iterator
from typing import Any

from src.config.known_names import packages
from tests.hostile.crafted import LORA, SECRET, Attack, Run, instantiate


def on_adapter() -> Iterator[Attack]:
    def timer(run: Run) -> dict[str, Any]:
        # Out of the function that timeit writes around it: this runs when it is made.
        code = f"pass\r__import__('os').system({run.shell!r})\rdef inner(_it, _timer, _stmt=None):\r    pass"
        return {"_target_": "timeit.Timer", "setup": code, "target_modules": ["query"]}

    yield Attack("timeit", "adapter", lambda run: run.adapter(timer(run)),
                 lambda run: instantiate({key: timer(run)[key] for key in ("_target_", "setup")}, print))  # fmt: skip
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
