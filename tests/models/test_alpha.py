"""alpha is tied to r: a sweep over r keeps the scaling alpha / r, and alpha is a plain number wherever it is kept."""

import json

import pytest
from omegaconf import OmegaConf

from src.models.classifier import build_classifier
from src.runs.identity import config_hash
from src.training.run import resolve
from src.utils.paths import CONF
from tests.conftest import NANO, compose_config

# Of all model configs with a rank and an alpha: the rank's name, alpha's, and their default.
TIED = {
    "roberta_lora": ("r", "alpha", 8),
    "roberta_loraplus": ("r", "alpha", 8),
    "roberta_dora": ("r", "alpha", 8),
    "roberta_lsr": ("r", "alpha", 2),
    "roberta_lorafa": ("r", "alpha", 16),
    "roberta_svd_lorafa": ("r", "alpha", 16),
    "roberta_hydralora": ("r", "alpha", 4),
    "roberta_peft_lora": ("r", "lora_alpha", 8),
    "roberta_peft_dora": ("r", "lora_alpha", 8),
    "roberta_peft_pissa": ("r", "lora_alpha", 8),
    "roberta_peft_adalora": ("init_r", "lora_alpha", 12),
    "roberta_peft_loha": ("r", "alpha", 4),
    "roberta_peft_gralora": ("r", "alpha", 8),
    "roberta_peft_eva": ("r", "lora_alpha", 8),
    "roberta_peft_lokr": ("r", "alpha", 16),
}
FREE = {"roberta_peft_rslora": ("r", "lora_alpha", 8)}  # scaled by alpha / sqrt(r): alpha is no multiple of r


def node_of(cfg) -> tuple[str, dict]:
    """The method's own node, as it stands in the YAML, and its values."""
    name = OmegaConf.to_container(cfg.model)["adapter"].removeprefix("${model.").removesuffix("}")
    return name, OmegaConf.to_container(cfg.model[name], resolve=True)


def test_no_method_is_forgotten():
    having = {
        path.stem
        for path in (CONF / "model").glob("*.yaml")
        if any(f"  {alpha}:" in path.read_text().partition("search:")[0] for alpha in ("alpha", "lora_alpha"))
    }
    assert having == TIED.keys() | FREE.keys()


@pytest.mark.parametrize("model", [*TIED, *FREE])
def test_a_sweep_over_r_keeps_the_scaling(model):
    rank, alpha, default = (TIED | FREE)[model]
    name, node = node_of(compose_config(f"model={model}"))
    assert node[rank] == node[alpha] == default
    for r in (2, 64):
        _, node = node_of(compose_config(f"model={model}", f"model.{name}.{rank}={r}"))
        assert node[alpha] == (default if model in FREE else r)
    cfg = compose_config(f"model={model}", f"model.{name}.{rank}=64", f"model.{name}.{alpha}=3.5")
    assert node_of(cfg)[1][alpha] == cfg.model.adapter[alpha] == 3.5
    # The same run, whether alpha is left out or set to what it would be.
    tied = compose_config(f"model={model}", f"model.{name}.{rank}=64")
    spelled = compose_config(f"model={model}", f"model.{name}.{rank}=64", f"model.{name}.{alpha}={node[alpha]}")
    hashes = {config_hash(OmegaConf.to_container(cfg, resolve=True)) for cfg in (tied, spelled)}
    assert len(hashes) == 1


@pytest.mark.parametrize("experiment", [path.stem for path in (CONF / "experiment").glob("lora_paper_*.yaml")])
def test_the_papers_recipes_have_the_papers_values(experiment):
    lora = compose_config(f"experiment={experiment}").model.lora
    assert (lora.r, lora.alpha) == (8, 8)


@pytest.mark.parametrize("alpha", [None, 4.0, 12.0])
def test_a_budget_keeps_the_scaling_whether_alpha_is_tied_or_not(alpha):
    chosen = [] if alpha is None else [f"model.lora.alpha={alpha}"]
    cfg = resolve(compose_config("experiment=demo", "budget.adapter_params=7680", *chosen))
    assert cfg.model.lora.r == 3
    assert cfg.model.lora.alpha / 3 == pytest.approx((alpha or 8) / 8)


def test_what_is_built_and_saved_has_the_number():
    plain = OmegaConf.to_container(compose_config(*NANO, "model.lora.r=3"), resolve=True)
    classifier = build_classifier(plain["model"], plain["backbone"], label_names=("a", "b"), seed=0)
    saved = json.loads(json.dumps(classifier.description))
    assert saved["model"]["adapter"]["alpha"] == 3
    scalings = {m.scaling for m in classifier.model.modules() if hasattr(m, "scaling") and hasattr(m, "down")}
    assert scalings == {1.0}
