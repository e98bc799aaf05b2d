"""Odd values for every key of the config: each is refused with one message, or describes a run that can be set up."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src.config import validate
from src.config.method_rules import needed_keys
from src.config.overrides import prepare_override
from src.config.training_keys import listed_keys
from src.training.run import resolve
from src.utils import reuse
from src.utils.errors import UserError
from tests.conftest import NANO, compose_config

BASES = {
    "demo": [
        "data.sources.synthetic.train=90", "data.sources.synthetic.validation=40", "data.sources.synthetic.test=4",
    ],
    "kronecker, a set of one's own": [
        "model=roberta_lsr", "data=custom", "data.files.train=train.csv", "data.label_names=[a,b]", "budget.match=null",
    ],
}  # fmt: skip
ODD = [
    "null", "nan", "inf", "-inf", "1e400", "-1", "0", "1e30", "99999999999999999999999", "true", "x", "[x]", "[]",
    "[[1]]", "{}", "{a:1}", "''", "größe=(1)", "${nope}", "${seed}", "'???'", "1.5", "'1'", "[1,2]", "../x",
]  # fmt: skip
PER_KEY = 2  # odd values for each key: the next ones of the list, so that all keys meet all kinds in turn


@pytest.fixture(scope="module", params=BASES)
def base(request, tmp_path_factory) -> Iterator[DictConfig]:
    """A composed config whose data and backbone are loaded once."""
    folder = tmp_path_factory.mktemp("fuzz")
    rows = "".join(f"text {i},{'ab'[i % 2]}\n" for i in range(60))
    (folder / "train.csv").write_text("text,label\n" + rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(reuse, "_enabled", True)
        yield compose_config(*NANO, "data.max_train_samples=40", "data.max_eval_samples=16", *BASES[request.param])


def keys(node: Any, prefix: str = "") -> Iterator[str]:
    for key, value in node.items() if isinstance(node, dict) else ():
        yield f"{prefix}{key}"
        yield from keys(value, f"{prefix}{key}.")


def changed(base: DictConfig, word: str) -> DictConfig:
    """What Hydra makes of a config and an override; composing it anew would take ten times as long."""
    override = OverridesParser.create().parse_override(prepare_override(word))
    config = base.copy()
    OmegaConf.set_struct(config, False)
    if override.is_delete():
        parent, _, key = override.key_or_group.rpartition(".")
        del (OmegaConf.select(config, parent) if parent else config)[key]
    else:
        OmegaConf.update(config, override.key_or_group, override.value(), merge=True, force_add=True)
    OmegaConf.set_struct(config, True)
    return config


def outcome(base: DictConfig, word: str, folder: Path) -> str:
    """``refused``, with its one message, or ``runs``; anything else is raised."""
    from src.training.prepared_job import prepare

    class Record:
        def update(self, **fields: Any) -> None: ...

    Record.folder = folder
    try:
        config = changed(base, word)
        validate(config)
        prepare(resolve(config), Record())
    except (UserError, HydraException, OmegaConfBaseException) as error:
        assert str(error).strip(), "a message"
        return "refused"
    return "runs"


def test_every_key_refuses_odd_values_or_runs_with_them(base, tmp_path):
    odd = itertools.cycle(ODD)
    words = [f"{key}={next(odd)}" for key in keys(OmegaConf.to_container(base)) for _ in range(PER_KEY)]
    outcomes = {word: outcome(base, word, tmp_path) for word in words}
    assert len(outcomes) > 200
    assert 4 < list(outcomes.values()).count("runs") < len(outcomes) / 2, outcomes


def test_a_config_without_a_key_is_refused_or_runs(base, tmp_path):
    words = [f"~{key}" for key in keys(OmegaConf.to_container(base))]
    outcomes = {word: outcome(base, word, tmp_path) for word in words}
    runs = {word.removeprefix("~") for word, found in outcomes.items() if found == "runs"}
    needed = set(needed_keys(OmegaConf.to_container(base.model, resolve=True)))
    # What may be left out: what only some commands read, and what has a default where it is used.
    assert all(key.startswith(("data.sources.", "data.rows.", "data.files.", "data.splits.", "model.search."))
               or key in ("model.budget.with", "data.rules", "data.rules.label_names") or key.endswith("._partial_")
               or (key.startswith("model.") and OmegaConf.select(base, key) is None)  # as good as not set
               or (key.startswith("model.") and key.count(".") == 2 and key.rpartition(".")[2] not in needed)
               or (key.startswith("training.") and key.removeprefix("training.") not in listed_keys())
               for key in runs), sorted(runs)  # fmt: skip


@pytest.mark.parametrize(
    "key", ["model.lora.r", "model.lora.alpha", "seed", "data.max_length", "training.learning_rate", "tune.trials"]
)
@pytest.mark.parametrize("text", ["inf", "nan", "-inf", "1e400", "-1", "1" * 40, "true", "null"])
def test_a_number_is_finite_and_of_use(key, text):
    config = compose_demo()
    with pytest.raises(UserError, match=f"{key}=.*breaks the rule"):
        validate(changed(config, f"{key}={text}"))


_DEMO: list[DictConfig] = []


def compose_demo() -> DictConfig:
    if not _DEMO:
        _DEMO.append(compose_config(*NANO))
    return _DEMO[0]


@pytest.mark.parametrize(
    "word",
    ["data.max_length=1000000000", "training.num_train_epochs=1000000000", "training.max_steps=99999999999",
     "training.per_device_train_batch_size=1000000000", "training.dataloader_num_workers=100000",
     "tune.trials=10000000"],
)  # fmt: skip
def test_no_run_is_of_absurd_size(word):
    with pytest.raises(UserError, match="is more than any run can use: at most"):
        validate(changed(compose_demo(), word))


@pytest.mark.parametrize("model", ["roberta_lora", "roberta_lorafa", "roberta_hydralora", "roberta_lsr"])
def test_a_rank_above_every_layer_is_refused(model, tmp_path, monkeypatch):
    monkeypatch.setattr(reuse, "_enabled", True)
    node = "lorafa" if "lorafa" in model else model.rpartition("_")[2]
    config = compose_config(*NANO, f"model={model}", f"model.{node}.r=100000")
    validate(config)
    from src.models.meta_model import adapter_size, load_meta_model

    plain: Any = OmegaConf.to_container(config, resolve=True)
    with pytest.raises(UserError, match="r=100000 breaks the rule r <= 128"):
        adapter_size(plain["model"], load_meta_model(plain["backbone"]))
