"""Attacks by what says where the data comes from."""

from collections.abc import Iterator
from typing import Any

import yaml

from tests.hostile.crafted import SECRET, Attack, Run, instantiate


def on_data() -> Iterator[Attack]:
    def from_pickle(target: str, key: str) -> Attack:
        def source(run: Run) -> dict[str, Any]:
            return {"_target_": target, key: str(run.pickle("data.pkl"))}

        return Attack(target, "data", lambda run: run.source(source(run)), lambda run: instantiate(source(run)))

    yield from_pickle("pandas.read_pickle", "filepath_or_buffer")
    yield from_pickle("joblib.load", "filename")

    def written(run: Run) -> dict[str, Any]:
        path = {"_target_": "pathlib.Path", "_args_": [str(run.canary)]}
        return {"_target_": "src.utils.files.write_whole", "path": path, "text": "written"}

    def instantiated(run: Run) -> None:
        instantiate({"_target_": "builtins.dict", "task": written(run)})

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
