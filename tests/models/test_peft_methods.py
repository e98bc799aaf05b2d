"""The peft library's methods as competitors: its numbers are the reference for ours, and its own LoRA for our LoRA."""

import functools
import importlib.util
import json

import pytest
import torch
from omegaconf import OmegaConf

from src.cli import CONF
from src.config import validate
from src.models.classifier import build_classifier, load_classifier, save_classifier
from src.models.inject import adapters
from src.models.meta_model import adapter_size, load_meta_model
from src.training.run import resolve, run_job
from src.utils.errors import UserError
from tests.backbones import zoo
from tests.conftest import NANO, compose_config

if importlib.util.find_spec("peft") is None:
    pytest.skip("the peft library is not installed: pip install -r requirements-peft.txt", allow_module_level=True)

METHODS = sorted(path.stem for path in (CONF / "model").glob("roberta_peft*.yaml"))
each_method = pytest.mark.parametrize("model", METHODS)
NOT_IDENTITY = {
    "roberta_peft_prefix_tuning",  # every text is read after the prefix
    "roberta_peft_vblora",  # both factors are small numbers
}
COUNTS = {  # from the definitions, on five layers of width 128
    "roberta_peft_lora": 10 * 8 * (128 + 128),
    "roberta_peft_pissa": 10 * 8 * (128 + 128),
    "roberta_peft_dora": 10 * (8 * (128 + 128) + 128),
    "roberta_peft_vera": 10 * (256 + 128),  # the shared matrices are not trained
    "roberta_peft_adalora": 10 * 12 * (128 + 128 + 1),
    "roberta_peft_oft": 10 * (128 // 32) * (32 * 31 // 2),
    "roberta_peft_ia3": 5 * (128 + 128 + 128 + 512),
    "roberta_peft_ln_tuning": (2 * 5 + 1) * 2 * 128,
    "roberta_peft_eva": 10 * 8 * (128 + 128),
    "roberta_peft_c3a": 10 * 128 * 128 // 64,
    "roberta_peft_vblora": 90 * 128 + 10 * 4 * 2 * 90,
    "roberta_peft_miss": 10 * 16 * 128,
    "roberta_peft_bone": 10 * 16 * 128,
    "roberta_peft_shira": 10 * 8 * (128 + 128),
    "roberta_peft_randlora": 10 * (128 // 32) * (32 + 128),
    "roberta_peft_hira": 10 * 8 * (128 + 128),
    "roberta_peft_gralora": 10 * 8 * (128 + 128),
    "roberta_peft_road": 10 * 128,
    "roberta_peft_delora": 10 * (8 * (128 + 128) + 1),
    "roberta_peft_beft": 5 * 128,
    "roberta_peft_osf": 10 * 64 * (128 + 1 + 128),
    "roberta_peft_waveft": 10 * 1000,
    "roberta_peft_boft": 10 * (128 * 8 + 128),
    "roberta_peft_hra": 10 * 16 * 128,
    "roberta_peft_pvera": 10 * (2 * 256 + 128),
    "roberta_peft_prefix_tuning": 16 * 5 * 2 * 128,
}
TINY = [*NANO, "data.max_train_samples=40", "data.max_eval_samples=16", "training.num_train_epochs=1"]
TOKENS = {"input_ids": torch.arange(4, 44).view(2, 20), "attention_mask": torch.ones(2, 20, dtype=torch.long)}


@functools.cache
def plain(*overrides: str) -> dict:
    return OmegaConf.to_container(compose_config(*TINY, *overrides), resolve=True)


def build(*overrides: str):
    config = plain(*overrides)
    return build_classifier(config["model"], config["backbone"], label_names=("a", "b"), seed=config["seed"])


@functools.cache
def base():
    """Our LoRA at its start, which computes what the backbone does; not to be changed."""
    return build("model=roberta_lora")


@torch.no_grad()
def logits(classifier) -> torch.Tensor:
    return classifier.model.eval()(**TOKENS).logits


def trained(classifier) -> dict[str, torch.nn.Parameter]:
    return {name: p for name, p in classifier.model.named_parameters() if p.requires_grad}


def move(classifier, std: float = 0.05) -> None:
    """Move what is trained away from its start."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in trained(classifier).values():
            parameter += std * torch.randn_like(parameter)


@each_method
def test_the_config_is_valid_and_names_a_library_config(model):
    cfg = compose_config("experiment=demo", f"model={model}")
    validate(cfg)
    assert cfg.model.method.startswith("peft.") and cfg.model.name == f"roberta_{cfg.model.recorded_as}"


@each_method
def test_the_contract(model, tmp_path):
    """One build a method, in the order of a run: start, counts, gradients, two steps, save, reload."""
    ours, theirs = base(), build(f"model={model}")
    head = theirs.backbone.head
    assert head == ours.backbone.head and theirs.backbone.fingerprint == ours.backbone.fingerprint
    assert all(torch.equal(ours.model.get_parameter(name), theirs.model.get_parameter(name)) for name in head)
    start = logits(theirs)
    same = torch.allclose(logits(ours), start, rtol=0, atol=1e-5)
    assert same == theirs.identity_at_start == (model not in NOT_IDENTITY)

    counts, config = theirs.counts, plain(f"model={model}")
    library, _ = theirs.adaptation.handle.get_nb_trainable_parameters()
    assert counts["head"] == 128 * 128 + 128 + 2 * 128 + 2 and counts["router"] == 0
    assert counts["adapter"] == library - counts["head"] > 0
    assert adapter_size(config["model"], load_meta_model(config["backbone"])) == counts["adapter"]
    if model in COUNTS:
        assert counts["adapter"] == COUNTS[model]

    move(theirs)  # where one factor starts at zero, others have no gradient yet
    frozen = {name: p.clone() for name, p in theirs.model.named_parameters() if not p.requires_grad}
    optimizer = torch.optim.SGD(trained(theirs).values(), lr=0.1)
    if theirs.schedule:
        theirs.schedule.begin(2)
    for step in (1, 2):
        optimizer.zero_grad()
        theirs.model.train()(**TOKENS, labels=torch.tensor([0, 1])).loss.backward()
        optimizer.step()
        if theirs.schedule:
            theirs.schedule.after_step(step)
    gradients = {name: p.grad for name, p in theirs.model.named_parameters() if p.grad is not None}
    assert set(gradients) == set(trained(theirs))
    assert all(gradient.abs().sum() > 0 for name, gradient in gradients.items() if name not in head)
    assert all(torch.equal(theirs.model.get_parameter(name), before) for name, before in frozen.items())

    save_classifier(theirs, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter.json", "adapter.safetensors"]
    reloaded = load_classifier(tmp_path)
    assert torch.equal(logits(theirs), logits(reloaded))
    assert not torch.allclose(start, logits(reloaded), atol=1e-3)


def test_the_batches_are_those_of_our_methods(tmp_path):
    for model in ("roberta_lora", "roberta_peft_prefix_tuning"):
        run_job(compose_config(*TINY, f"model={model}", "training.max_steps=2"), tmp_path / model)
    ours, theirs = (json.loads((path / "result.json").read_text()) for path in sorted(tmp_path.iterdir()))
    assert ours["batches_fingerprint"] == theirs["batches_fingerprint"]
    assert ours["data_fingerprint"] == theirs["data_fingerprint"]


def test_with_the_same_tensors_their_lora_is_ours():
    ours, theirs = build("model=roberta_lora"), build("model=roberta_peft_lora")
    move(ours)
    with torch.no_grad():
        for name, adapter in adapters(ours.model):
            layer = theirs.model.get_submodule(name)
            layer.lora_A["default"].weight.copy_(adapter.A)
            layer.lora_B["default"].weight.copy_(adapter.B)
        for name in ours.backbone.head:
            theirs.model.get_parameter(name).copy_(ours.model.get_parameter(name))
    assert ours.adapted == theirs.adapted
    torch.testing.assert_close(logits(theirs), logits(ours), rtol=0, atol=1e-5)
    for classifier in (ours, theirs):
        classifier.model(**TOKENS, labels=torch.tensor([0, 1])).loss.backward()
    for name, adapter in adapters(ours.model):
        layer = theirs.model.get_submodule(name)
        torch.testing.assert_close(layer.lora_A["default"].weight.grad, adapter.A.grad, rtol=1e-3, atol=1e-6)


def test_pissa_keeps_what_it_takes_from_the_weight(tmp_path):
    """The adapter's folder holds the residual weights: an SVD on another machine gives other ones."""
    classifier, base = build("model=roberta_peft_pissa"), build("model=roberta_lora")
    saved = classifier.state()
    names = [f"roberta.{name}" for name in classifier.adapted]
    for name in names:
        residual = saved[f"{name}.base_layer.weight"]
        layer = classifier.model.get_submodule(name)
        start = layer.lora_B["default"].weight @ layer.lora_A["default"].weight
        weight = base.model.get_submodule(name).weight
        torch.testing.assert_close(residual + start, weight, rtol=0, atol=1e-5)
        assert not torch.allclose(residual, weight, atol=1e-3)
    assert {name for name in saved if "base_layer" in name} == {f"{name}.base_layer.weight" for name in names}
    with torch.no_grad():  # as another machine's SVD would leave them
        saved[f"{names[0]}.base_layer.weight"] += 0.01
    save_classifier(classifier, tmp_path)
    assert torch.equal(logits(load_classifier(tmp_path)), logits(classifier))


def test_adalora_takes_ranks_away_until_the_target(tmp_path):
    """Of 10 layers of rank 4, half of the ranks are left when the schedule ends; tinit is a share, tfinal in steps."""
    sizes = ["model.peft.init_r=4", "model.peft.target_r=2", "model.peft.lora_alpha=4", "model.peft.deltaT=1"]
    phases = ["model.peft.tinit=0.25", "model.peft.tfinal=2"]
    run_job(
        compose_config(
            *TINY, "model=roberta_peft_adalora", *sizes, *phases, "training.max_steps=8", "training.selection=last"
        ),
        tmp_path,
    )
    state = load_classifier(tmp_path / "adapter").state()
    left = sum(int((tensor != 0).sum()) for name, tensor in state.items() if "lora_E" in name)
    assert left == 10 * 2
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    terms = [line["auxiliary_loss"] for line in lines if line["event"] == "train"]
    assert terms and all(term > 0.1 for term in terms), "its regulariser, logged apart from the task's loss"
    with pytest.raises(UserError, match="leaves too few between"):
        run_job(
            compose_config(*TINY, "model=roberta_peft_adalora", "model.peft.tfinal=2", "training.max_steps=2"),
            tmp_path / "short",
        )


def test_a_killed_adalora_goes_on_to_the_bit(tmp_path, monkeypatch):
    from src.training.checkpoint import Checkpoints

    config = compose_config(
        *TINY, "model=roberta_peft_adalora", "training.num_train_epochs=3", "training.per_device_train_batch_size=8"
    )
    run_job(config, tmp_path / "whole")
    save, calls = Checkpoints.save, []

    def save_and_die(self, *args, **kwargs):
        save(self, *args, **kwargs)
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError("killed")

    monkeypatch.setattr(Checkpoints, "save", save_and_die)
    with pytest.raises(MemoryError):
        run_job(config, tmp_path / "killed")
    monkeypatch.setattr(Checkpoints, "save", save)
    run_job(config, tmp_path / "killed")
    whole, killed = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("whole", "killed"))
    assert killed["continued_from_step"] and whole["continued_from_step"] is None
    assert killed["metrics"] == whole["metrics"]
    first, second = (load_classifier(tmp_path / name / "adapter").state() for name in ("whole", "killed"))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("model", [model for model in METHODS if compose_config(f"model={model}").model.budget])
def test_the_knob_takes_the_largest_size_that_keeps_the_budget(model):
    limit = 16000
    cfg = resolve(compose_config("experiment=demo", f"model={model}", f"budget.adapter_params={limit}"))
    config = OmegaConf.to_container(cfg, resolve=True)
    meta = load_meta_model(config["backbone"])
    assert adapter_size(config["model"], meta) == cfg.budget.size <= limit
    to = cfg.model.budget.to
    larger = to[to.index(cfg.budget.value) + 1] if OmegaConf.is_list(to) else cfg.budget.value + 1
    OmegaConf.update(cfg, cfg.budget.key, larger)
    model_node = OmegaConf.to_container(cfg.model, resolve=True)
    assert adapter_size(model_node, meta) > limit


ANY = [
    ("BOFTConfig", "+model.peft.boft_block_size=8"),
    ("PromptTuningConfig", "~model.peft.target_modules", "+model.peft.num_virtual_tokens=4"),
]


@pytest.mark.parametrize(("config", "options"), [(name, options) for name, *options in ANY])
def test_any_other_config_of_the_library_trains(config, options, tmp_path):
    target = f"model.peft._target_=peft.{config}"
    run_job(compose_config(*TINY, "model=roberta_peft", target, *options, "training.max_steps=2"), tmp_path)
    record = json.loads((tmp_path / "result.json").read_text())
    assert record["status"] == "ok" and record["reload_max_difference"] <= 1e-6
    assert record["method"] == f"peft_{config.removesuffix('Config').lower()}"
    assert record["params"]["adapter"] > 0


WRONG = {
    "unknown config": (["model.peft._target_=peft.LoraConfg"], "did you mean peft.LoraConfig"),
    "unknown method": (
        ["model.method=peft.lorra", "~model.peft._target_", "model.name=x", "model.recorded_as=x"],
        "did you mean peft.lora",
    ),
    "unknown field": (["+model.peft.lora_alhpa=3"], r"did you mean model\.peft\.lora_alpha"),
    "wrong type": (["+model.peft.r=many"], r"model\.peft\.r='many' breaks the rule: int"),
    "decided by the framework": (["+model.peft.modules_to_save=[classifier]"], "is not a key of the config"),
}


@pytest.mark.parametrize(("overrides", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_config_is_refused_before_anything_is_loaded(overrides, message):
    with pytest.raises(UserError, match=message):
        validate(compose_config("model=roberta_peft", *overrides))


def test_targets_are_named_as_everywhere():
    assert len(build("model=roberta_peft_lora", "model.peft.target_modules=all-linear").adapted) == 5 * 6
    assert build("model=roberta_peft_lora", "model.peft.target_modules=layer.0.*.query").adapted == [
        "encoder.layer.0.attention.self.query"
    ]
    with pytest.raises(UserError, match="did you mean 'query'"):
        build("model=roberta_peft_lora", "model.peft.target_modules=[qury]")


def test_without_the_library_the_error_names_the_line_that_installs_it(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *args: None if name == "peft" else find(name, *args))
    with pytest.raises(UserError, match=r"pip install -r requirements-peft\.txt"):
        validate(compose_config("model=roberta_peft_lora"))
    validate(compose_config("model=roberta_lora"))


def test_a_shared_embedding_is_no_target(tmp_path):
    """T5's encoder and decoder read one table; its other layers are adapted as ever, Conv1D of GPT-2 too."""

    def adapted(name: str, *targets: str) -> list[str]:
        lora = {"_target_": "peft.LoraConfig", "r": 2, "target_modules": list(targets)}
        node = {"name": name, "path": zoo.build(name, tmp_path / name)}
        return build_classifier({"name": "x", "adapter": lora}, node, label_names=("a", "b"), seed=0).adapted

    with pytest.raises(UserError, match=r"target 'transformer\..*' has its weight in common with 'transformer\..*'"):
        adapted("t5", "embed_tokens")
    assert len(adapted("t5", "q")) == 2 * 3
    assert len(adapted("gpt2", "c_attn")) == 2
