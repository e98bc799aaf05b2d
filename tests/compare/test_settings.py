"""No key that can change a number is lost: runs that differ in one are never averaged, and none replaces the other."""

import copy
import json
from functools import cache
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from transformers import TrainingArguments

from src.compare.grouping import group_runs
from src.compare.settings import NO_DIFFERENCE, default_of, same_value
from src.config.choices import choices
from src.config.training_keys import DECIDED_BY_THE_RUN
from src.runs.identity import NO_PART, relevant
from src.runs.reading import Run
from src.runs.run_record import RunRecord
from src.utils.keys import leaves
from tests.compare.factory import ALPHA, make_run
from tests.conftest import compose_config

# Spelled out, so that a key that is excused has to be excused here, too.
EXCUSED = {
    "seed", "model.recorded_as", "model.rules", "model.budget", "model.search", "data.rules", "data.rows",
    "data.sources", "data.dir", "data.cluster", "data.files", "data.stands_for", "data.metrics", "training.report_to",
    "training.logging_steps", "training.disable_tqdm", "training.dataloader_num_workers", "training.run_name",
    "training.log_level", "training.profile", "training.per_device_eval_batch_size", *NO_PART,
}  # fmt: skip
CHOICES = {group: choices(group) for group in ("model", "data", "backbone", "training")}


@cache
def _composed(*overrides: str) -> str:
    config = OmegaConf.to_container(compose_config(*overrides), resolve=True)
    return json.dumps([config["model"]["recorded_as"], relevant(config)])


def record_of(*overrides: str) -> dict:
    """The record of a finished run of the config, as far as it decides what is grouped."""
    method, config = json.loads(_composed(*overrides))
    return {
        "method": method,
        "seed": config["seed"],
        **{group: config[group]["name"] for group in ("data", "backbone")},
        "primary_metric": {"name": config["data"]["primary_metric"], "value": 0.5, "split": "validation"},
        "selection": config["training"]["selection"],
        "training": config["training"],
        "max_length": config["data"]["max_length"],
        "rows": {"train": 100},
        "data_fingerprint": "d" * 16,
        "backbone_fingerprint": "b" * 16,
        "config": config,
    }


def runs_of(*records: dict) -> list[Run]:
    return [Run(Path(f"run{number}"), RunRecord.of(record), None) for number, record in enumerate(records)]


def merged(first: dict, second: dict) -> bool:
    """Whether two records become one row, or one is dropped for the other."""
    together = []
    for seed in (0, 1):
        groups, dropped = group_runs(runs_of(first | {"seed": 0}, second | {"seed": seed}))
        rows = [entry for group in groups for entry in group.configurations]
        assert len({entry.label for group in groups for entry in group.configurations}) == len(rows) or len(groups) > 1
        together.append(bool(dropped) or any(len(row.runs) == 2 for row in rows))
    assert together[0] == together[1]
    return together[0]


def changed(record: dict, key: str, value: object) -> dict:
    """The record with another value in its config; everything else is as it was."""
    record = copy.deepcopy(record)
    *path, last = key.split(".")
    node = record["config"]
    for part in path:
        node = node[part]
    node[last] = value
    return record


def other(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, list):
        return [*value, "another"]
    return {"another": 1} if isinstance(value, dict) else f"{value} another"


def is_excused(key: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in EXCUSED)


@pytest.mark.parametrize(("group", "choice"), [(group, choice) for group in CHOICES for choice in CHOICES[group]])
def test_every_key_of_the_config_tells_runs_apart(group, choice):
    base = record_of(f"{group}={choice}")
    keys = dict(leaves(base["config"]))
    assert len(keys) > 40
    for key, value in keys.items():
        if key.startswith(f"{group}.") or group == "training":
            assert merged(base, changed(base, key, other(value))) == is_excused(key), key


def test_every_field_of_training_arguments_tells_runs_apart():
    base = record_of("experiment=demo")
    fields = {name for name, field in TrainingArguments.__dataclass_fields__.items() if field.init}
    fields -= DECIDED_BY_THE_RUN.keys()
    assert len(fields) > 40
    for field in fields:
        key = f"training.{field}"
        one, two = changed(base, key, 0.123), changed(base, key, 0.1230000001)
        assert merged(one, two) == is_excused(key), field  # also where a label of six digits shows no difference
        if field not in base["config"]["training"]:
            assert merged(base, one) == is_excused(key), f"{field}, against its default"


def test_every_reason_is_given():
    assert set(NO_DIFFERENCE) == EXCUSED
    assert all(len(reason.split()) > 2 for reason in NO_DIFFERENCE.values())


@pytest.mark.parametrize(
    ("field", "default"),
    [("label_smoothing_factor", 0.0), ("adam_beta2", 0.999), ("max_steps", -1), ("lr_scheduler_kwargs", None)],
)
def test_a_field_that_is_not_given_has_the_librarys_default(field, default):
    """Of the library as it is installed, and not of ours: so was the run."""
    base = record_of("experiment=demo")
    assert TrainingArguments.__dataclass_fields__[field].default == default
    assert merged(base, changed(base, f"training.{field}", default))
    without = copy.deepcopy(record_of("experiment=demo"))
    del without["config"]["training"]["weight_decay"]  # ours is 0.01, and what is deleted is the library's 0
    assert not merged(base, without) and merged(without, changed(without, "training.weight_decay", 0))


@pytest.mark.parametrize("model", [model for model in CHOICES["model"] if not model.startswith("roberta_peft")])
def test_a_key_that_an_older_record_lacks_had_todays_default(model):
    base = record_of(f"model={model}")
    for key in dict(leaves(base["config"])):
        group, _, field = key.partition(".")
        others = ("backbone", "data") if model == "roberta_lora" else ()
        if group not in ("model", *others) or field == "name" or field.endswith("_target_"):
            continue
        old = copy.deepcopy(base)
        *path, last = key.split(".")
        node = old["config"]
        for part in path:
            node = node[part]
        del node[last]
        assert merged(base, old), key
        assert merged(old, copy.deepcopy(old)), f"two old records without {key}"
    old = copy.deepcopy(base)
    del old["config"]["backbone"]["fast_paths"]
    assert not merged(old, changed(base, "backbone.fast_paths", False))


def test_the_label_says_what_differs_and_only_that():
    def labels(*records):
        groups, _ = group_runs(runs_of(*records))
        return sorted(entry.label for group in groups for entry in group.configurations)

    base = record_of("data=mix", "data.tasks=[mrpc,rte]", "data.source=hub")
    assert labels(base, changed(base, "data.mix.sampling", "equal")) == ["lora sampling=equal", "lora sampling=size"]
    full = record_of("model=roberta_full", "data=mix", "data.tasks=[mrpc,rte]", "data.source=hub")
    # Between methods, too: what the data or the backbone differ in is no method's own.
    assert labels(base, changed(full, "backbone.fast_paths", False)) == [
        "full fast_paths=False",
        "lora fast_paths=True",
    ]
    assert labels(base, full) == ["full", "lora"]
    rates = [changed(base, "training.learning_rate", rate) for rate in (1.23456e-4, 1.234561e-4, 1.23457e-4)]
    assert len(set(labels(*rates))) == 3
    words = [changed(base, "init_from", run) for run in (None, "none", "None")]
    assert len(set(labels(*words))) == 3


@pytest.mark.parametrize("model", [model for model in CHOICES["model"] if model != "roberta_peft"])
def test_a_sweep_over_r_shows_alpha_where_it_is_set_apart(model):
    node = record_of(f"model={model}")["config"]["model"]["adapter"] or {}
    rank = "init_r" if "init_r" in node else "r"
    alpha = next((name for name in ("alpha", "lora_alpha") if name in node), None)
    if alpha is None or rank not in node:
        return

    def swept(*pairs):
        records = [record_of(f"model={model}") for _ in pairs]
        for record, (r, a) in zip(records, pairs, strict=True):
            for name, child in record["config"]["model"].items():
                if isinstance(child, dict) and rank in child and name not in ("rules", "search"):
                    child |= {rank: r, alpha: a}
        groups, _ = group_runs(runs_of(*records))
        return sorted(sorted(entry.label.split()[1:]) for group in groups for entry in group.configurations)

    def labels(*pairs):
        return sorted(sorted([f"{rank}={r}", *([f"{alpha}={a}"] if a else [])]) for r, a in pairs)

    assert swept((4, 4), (16, 16)) == labels((4, None), (16, None))
    if not node.get("use_rslora"):  # its scaling is alpha / sqrt(r)
        assert swept((4, 16), (16, 16)) == labels((4, 16), (16, 16))
    assert swept((4, 8), (16, 32)) == labels((4, 8), (16, 32))


def test_a_rank_beside_the_librarys_own_alpha_shows_it():
    records = [record_of("model=roberta_peft", f"+model.peft.r={r}") for r in (4, 16)]
    groups, _ = group_runs(runs_of(*records))
    assert [entry.label for entry in groups[0].configurations] == [
        "peft_lora lora_alpha=8 r=16", "peft_lora lora_alpha=8 r=4"
    ]  # fmt: skip


def test_a_backbone_is_what_its_files_hold():
    base = record_of("experiment=demo") | {"identity": {"backbone": "1" * 16}}
    moved = changed(base, "backbone.path", "/elsewhere/nano")
    assert merged(base, moved)
    assert not merged(base, moved | {"identity": {"backbone": "2" * 16}})  # the same weights, another tokenizer or head
    assert not merged(base, base | {"identity": {"backbone": "2" * 16}})
    assert merged(base, base | {"data_fingerprint": base["data_fingerprint"]})
    assert not merged(base, base | {"data_fingerprint": "e" * 16})
    assert not merged(base, base | {"processes": 2})  # twice the batch


def test_same_value():
    assert same_value(8) == same_value(8.0) and same_value(1e-4) == same_value(0.0001)
    values = [1, True, "1", None, "None", (1,), ("1",), "(1,)", (), 2**60, 2**60 + 1]
    assert len({same_value(value) for value in values}) == len(values)


def test_seeds_of_other_code_are_said_to_be(tmp_path):
    from src.compare.comparison import compare_runs
    from src.runs.reading import find_runs

    for seed in range(3):
        make_run(tmp_path / f"a{seed}", ALPHA, seed, identity={"code": "new" if seed else "old"})
    (table,) = compare_runs(find_runs([tmp_path]), resamples=200).tables
    assert any("2 versions of the code" in note for note in table.rows[0].notes)


def test_a_default_that_is_not_known_is_no_value():
    (run,) = runs_of(record_of("experiment=demo"))
    assert default_of("backbone.fast_paths", run) is True
    assert same_value(default_of("model.adapter.nonsense", run)) == "missing"
