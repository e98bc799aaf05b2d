"""One pass for all jobs gives each job the logits and gradients of its own model alone."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, RobertaConfig, RobertaForSequenceClassification

from src.models.adapter import AdapterLinear
from src.models.c3a import C3ALinear
from src.models.dora import DoRALinear
from src.models.hydralora import HydraLoRALinear
from src.models.inject import inject
from src.models.lora import LoRALinear
from src.models.lorafa import LoRAFALinear
from src.models.lsr import LSRLinear
from src.packed.layers import PackedModel, Tenant, head_modules, share_frozen
from src.packed.stack import stackable

PADDING = {"input_ids": 1, "attention_mask": 0, "token_type_ids": 0}
SIZES = {
    "vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 40,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "max_position_embeddings": 40, "pad_token_id": 1,
}  # fmt: skip
Make = Callable[[nn.Linear], AdapterLinear]
LORA = partial(LoRALinear, r=3, alpha=6)
METHODS: dict[str, tuple[Make | None, str | list[str]]] = {
    "lora": (LORA, ["query", "value"]),
    "lora, another rank": (partial(LoRALinear, r=2, alpha=6), ["query", "value"]),
    "lora, another alpha": (partial(LoRALinear, r=3, alpha=1), ["query", "value"]),
    "lora, everywhere": (LORA, "all-linear"),
    "lsr": (partial(LSRLinear, r=2, alpha=4, num_terms=3), ["query", "key"]),
    "lsr, sum of products": (partial(LSRLinear, r=2, alpha=4, num_terms=3, coupling="sum_of_products"), "all-linear"),
    "lorafa": (partial(LoRAFALinear, r=3, alpha=6), ["query", "value"]),
    "hydralora": (partial(HydraLoRALinear, r=2, alpha=4, num_experts=3), ["value", "query"]),
    "c3a": (partial(C3ALinear, divisions=2), ["query", "value"]),
    "dora": (partial(DoRALinear, r=2, alpha=4), ["query", "value"]),
    "head": (None, []),
}


class Shift(AdapterLinear):
    """A method of a user's, without low-rank factors: ``delta(x) = shift * mean(x)``."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__(base)
        self.shift = self.new_parameter(base.out_features)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.shift)

    def delta(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(-1, keepdim=True) * self.shift


METHODS["a user's own"] = (Shift, ["query"])


def build(kind: str, method: str, seed: int, dropout: float = 0.0) -> Tenant:
    """A tenant on the backbone of seed 0, with adapters and head drawn from its own seed."""
    config, cls, head = {
        "roberta": (RobertaConfig(**SIZES), RobertaForSequenceClassification, ("classifier.",)),
        "bert": (BertConfig(**SIZES), BertForSequenceClassification, ("classifier.", "bert.pooler.")),
    }[kind]
    torch.manual_seed(0)
    model = cls(config).double()
    make, targets = METHODS[method]
    names = frozenset(name for name, _ in model.named_parameters() if name.startswith(head))
    model.requires_grad_(False)
    torch.manual_seed(seed + 1)
    if make is not None:
        own = make if not dropout else partial(make, dropout=dropout)
        inject(model.base_model, own, targets, exclude={"pooler.dense"})
    for name in names:
        model.get_parameter(name).requires_grad_(True)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.3)
    return Tenant(model, names)


def batch(rows: int, length: int, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, 50, (rows, length), generator=generator)
    mask = torch.ones_like(ids)
    ids[0, -2:], mask[0, -2:] = 1, 0
    return {"input_ids": ids, "attention_mask": mask}


def gradients(tenant: Tenant) -> dict[str, torch.Tensor]:
    found = {name: p.grad for name, p in tenant.model.named_parameters() if p.grad is not None}
    tenant.model.zero_grad()
    return found


@pytest.mark.parametrize("kind", ["roberta", "bert"])
@pytest.mark.parametrize("shape", ["equal", "other lengths", "other rows"])
def test_equals_every_job_alone(kind, shape):
    """All methods together, two seeds each."""
    tenants = [build(kind, method, seed) for seed in range(2) for method in METHODS]
    assert all(share_frozen(tenant.model, tenants[0].model, tenant.head) for tenant in tenants[1:])
    batches = {
        tenant: batch(3 + (i % 2 if shape == "other rows" else 0), 6 + (i if shape == "other lengths" else 0), seed=i)
        for i, tenant in enumerate(tenants)
    }
    logits = PackedModel(tenants, PADDING).logits(batches, training=True)
    weights = {tenant: torch.randn_like(z) for tenant, z in logits.items()}
    torch.autograd.backward([logits[t] for t in tenants], [weights[t] for t in tenants])
    together = {tenant: gradients(tenant) for tenant in tenants}
    for tenant in tenants:
        alone = tenant.model(**batches[tenant]).logits
        torch.testing.assert_close(logits[tenant], alone, rtol=0, atol=1e-12)
        alone.backward(weights[tenant])
        expected = gradients(tenant)
        assert expected.keys() == together[tenant].keys()
        own = [name for name in expected if any(part in name for part in ("A", "B", "shift", "kernel"))]
        assert own or not tenant.adapters
        for name, grad in expected.items():
            assert (together[tenant][name] - grad).abs().max() < 1e-11, name
    first, twin = logits[tenants[0]], logits[tenants[len(METHODS)]]
    assert not torch.allclose(first[:3], twin[:3])  # the seeds differ


def test_a_part_of_the_jobs():
    """The same model serves whoever is there."""
    tenants = [build("roberta", method, seed=0) for method in ("lora", "hydralora", "lora", "head")]
    for tenant in tenants[1:]:
        share_frozen(tenant.model, tenants[0].model, tenant.head)
    model = PackedModel(tenants, PADDING)
    for part in ([0, 1, 2, 3], [2], [3, 1]):
        batches = {tenants[i]: batch(2, 5, seed=i) for i in part}
        logits = model.logits(batches, training=False)
        for tenant, inputs in batches.items():
            torch.testing.assert_close(logits[tenant], tenant.model.eval()(**inputs).logits, rtol=0, atol=1e-12)


def test_bfloat16_autocast():
    """Under autocast the packed products are computed in bfloat16, as in the model alone."""
    tenants = [build("roberta", method, seed=0) for method in ("lora", "hydralora")]
    for tenant in tenants:
        tenant.model.float()
    share_frozen(tenants[1].model, tenants[0].model, tenants[1].head)
    batches = {tenant: batch(2, 5, seed=i) for i, tenant in enumerate(tenants)}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = PackedModel(tenants, PADDING).logits(batches, training=True)
        alone = {tenant: tenant.model(**batches[tenant]).logits for tenant in tenants}
    for tenant in tenants:
        assert alone[tenant].dtype == torch.bfloat16  # on the CPU a stacked head computes in float32
        torch.testing.assert_close(logits[tenant].float(), alone[tenant].float(), rtol=0.05, atol=0.05)
        assert (logits[tenant].float() - tenant.model(**batches[tenant]).logits).abs().max() > 1e-4


def test_dropout_is_each_jobs_own():
    """Masks differ between jobs, and between one job's rows; their mean is the update without dropout."""
    tenants = [build("roberta", "lora", seed=0, dropout=0.5) for _ in range(2)]  # the same adapters twice
    share_frozen(tenants[1].model, tenants[0].model, tenants[1].head)
    model, inputs = PackedModel(tenants, PADDING), batch(1, 4, seed=0)
    inputs = {name: x.expand(400, -1) for name, x in inputs.items()}
    torch.manual_seed(0)
    with torch.no_grad():
        dropped = model.logits(dict.fromkeys(tenants, inputs), training=True)
        alone = tenants[0].model.train()(**inputs).logits
    one, other = (dropped[tenant] for tenant in tenants)
    assert not torch.equal(one, other)
    assert len(one.unique(dim=0)) > 300
    for column in range(2):  # two samples of one distribution: means and spreads within four standard errors
        for sample in (one[:, column], other[:, column]):
            error = (sample.var() / 400 + alone[:, column].var() / 400).sqrt()
            assert abs(sample.mean() - alone[:, column].mean()) < 4 * error
            assert 0.75 < sample.std() / alone[:, column].std() < 1.33


def test_frozen_parameters_are_in_memory_once():
    first, second = build("roberta", "lora", seed=0), build("roberta", "lora, everywhere", seed=1)
    assert share_frozen(second.model, first.model, second.head)
    weights = [t.model.roberta.encoder.layer[0].attention.self.query.base.weight for t in (first, second)]
    assert weights[0] is weights[1]
    assert second.model.classifier.dense.weight is not first.model.classifier.dense.weight


@pytest.mark.parametrize("change", ["trained", "other weights", "other layers"])
def test_what_cannot_be_shared(change):
    first, second = build("roberta", "lora", seed=0), build("roberta", "lora", seed=1)
    key = second.model.roberta.encoder.layer[1].attention.self.key
    if change == "trained":
        key.bias.requires_grad_(True)
    elif change == "other weights":
        with torch.no_grad():
            key.bias[0] += 1e-9
    else:
        del second.model.roberta.encoder.layer[1]
    before = dict(second.model.named_parameters())
    assert not share_frozen(second.model, first.model, second.head)
    assert all(p is before[name] for name, p in second.model.named_parameters())


def test_what_is_stacked():
    """Seeds and alphas are; ranks, methods and other settings are groups of their own."""
    key = {name: stackable(build("roberta", name, 0).adapters["roberta.encoder.layer.0.attention.self.query"])
           for name in METHODS if name != "head"}  # fmt: skip
    assert key["lora"] == key["lora, another alpha"] == key["lora, everywhere"]
    assert len({key["lora"], key["lora, another rank"], key["lsr"], key["hydralora"], key["lorafa"]}) == 5
    assert key["lsr"] != key["lsr, sum of products"]


def test_head_modules():
    bert = build("bert", "lora", seed=0)
    assert head_modules(bert.model, bert.head) == ["bert.pooler", "classifier"]
