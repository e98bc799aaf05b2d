"""What is particular to a method, against its paper, another library or a decomposition."""

import copy
import itertools

import peft
import pytest
import torch
from torch import nn

from src.models.adapter import LowRankAdapter
from src.models.factor_pairs import all_factors, balanced_factors, choose_factors
from src.models.hydralora import HydraLoRALinear, expert_weights
from src.models.inject import inject
from src.models.lora import LoRALinear
from src.models.lorafa import LoRAFALinear
from src.models.lsr import LSRLinear
from tests.models.facts import make, perturb


def test_lora_equals_pefts_lora_given_the_same_tensors():
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(12, 20), nn.Tanh(), nn.Linear(20, 5))
    theirs = peft.get_peft_model(
        copy.deepcopy(ours), peft.LoraConfig(r=3, lora_alpha=12, target_modules=["0", "2"], lora_dropout=0.0)
    )
    inject(ours, lambda linear: LoRALinear(linear, r=3, alpha=12), ["0", "2"])
    for name in ("0", "2"):
        layer, other = perturb(ours.get_submodule(name)), theirs.base_model.model.get_submodule(name)
        with torch.no_grad():
            other.lora_A["default"].weight.copy_(layer.A)
            other.lora_B["default"].weight.copy_(layer.B)
    x = torch.randn(7, 12)
    torch.testing.assert_close(ours(x), theirs(x))
    gradient = torch.autograd.grad(ours(x).sum(), ours[0].A)[0]
    torch.testing.assert_close(
        gradient, torch.autograd.grad(theirs(x).sum(), theirs.base_model.model[0].lora_A["default"].weight)[0]
    )


def test_lora_starts_like_loralib():
    layer = make("lora", 300, 10, r=50)
    bound = (1 / 300) ** 0.5  # kaiming_uniform with a = sqrt(5): U(-1/sqrt(in), 1/sqrt(in))
    assert layer.A.abs().max() <= bound and layer.A.abs().max() > 0.99 * bound
    assert not layer.B.any()


@pytest.mark.parametrize(("name", "rank"), [("lsr_product", 4), ("lsr_sum", 12)])
def test_lsr_rank_is_r_squared_or_t_times_that(name, rank):
    update = perturb(make(name, 64, 64, dtype=torch.float64)).delta_weight()
    assert torch.linalg.matrix_rank(update) == rank


def test_lsr_count_of_the_paper():
    """reference.md, section 3: 768x768, factors 32x24, r=2, t=16: 3,584, and 86,016 over q,v of 12 layers."""
    for choice in (None, [32, 24], 32):
        hp = {"r": 2, "num_terms": 16, "factor_a": choice, "factor_b": choice}
        assert LSRLinear.expected_parameters(768, 768, **hp) == 3584
    assert 24 * 3584 == 86_016
    assert LSRLinear.expected_parameters(768, 768, r=4, num_terms=8) == 3584


def test_lsr_moments_of_the_start():
    """The entries of A have LoRA's variance, 1/(3 in), so that learning rates can be compared."""
    torch.manual_seed(0)
    layer = LSRLinear(nn.Linear(768, 768), r=4, alpha=4, num_terms=16)
    assert layer.down().var().item() == pytest.approx(1 / (3 * 768), rel=0.25)
    assert layer.B1.any() and not layer.B2.any(), "exactly one factor of B is zero"


def test_published_lsr_start():
    torch.manual_seed(0)
    layer = LSRLinear(nn.Linear(768, 768), r=2, alpha=8192, num_terms=16, init="gaussian")
    assert layer.scaling == 4096
    # reference.md, section 3: dW(0) has entries of standard deviation 1.3e-3 and Frobenius norm 0.99.
    assert layer.delta_weight().std().item() == pytest.approx(1.3e-3, rel=0.3)
    assert layer.delta_weight().norm().item() == pytest.approx(0.99, rel=0.3)


@pytest.mark.parametrize(
    ("size", "pair"), [(768, (32, 24)), (3072, (64, 48)), (128, (16, 8)), (7, (7, 1)), (1, (1, 1))]
)
def test_balanced_factors(size, pair):
    assert balanced_factors(size) == pair
    gaps = {p: abs(p[0] - p[1]) for p in itertools.product(range(1, size + 1), repeat=2) if p[0] * p[1] == size}
    assert set(all_factors(size)) == set(gaps) and gaps[pair] == min(gaps.values())


def test_wrong_factors_list_the_valid_ones():
    with pytest.raises(ValueError, match=r"\[5, 5\] multiplies to 25, but the layer's size is 12; .*6x2, 4x3, 3x4"):
        choose_factors("factor_a", 12, [5, 5])


def test_lorafa_svd_rows_are_the_top_right_singular_vectors():
    layer = make("lorafa_svd", dtype=torch.float64)
    _, s, vh = torch.linalg.svd(layer.weight, full_matrices=False)
    torch.testing.assert_close((layer.A * vh[:4]).sum(1).abs(), torch.ones(4, dtype=torch.float64), rtol=1e-12, atol=0)
    scaled = make("lorafa_svd_scaled", dtype=torch.float64)
    torch.testing.assert_close(scaled.A.norm(dim=1), s[:4].sqrt(), rtol=1e-12, atol=0)
    torch.testing.assert_close(scaled.A, s[:4, None].sqrt() * layer.A, rtol=1e-12, atol=1e-12)


def test_lorafa_svd_can_express_taking_the_top_of_the_weight_away():
    """Why W is never edited: B = -U_r S_r / scaling removes the best rank-r part of W, PiSSA's residual."""
    layer = make("lorafa_svd", dtype=torch.float64)
    u, s, vh = torch.linalg.svd(layer.weight, full_matrices=False)
    with torch.no_grad():
        layer.B.copy_(-(layer.weight @ layer.A.T) / layer.scaling)
    residual = (u[:, 4:] * s[4:]) @ vh[4:]
    torch.testing.assert_close(layer.weight + layer.delta_weight(), residual, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["lorafa_orthogonal", "lorafa_orthogonal_scaled"])
def test_lorafa_orthogonal_rows(name):
    layer = make(name, dtype=torch.float64)
    gram = layer.A @ layer.A.T
    torch.testing.assert_close(gram, torch.diag(gram.diag()), rtol=0, atol=1e-12)
    expected = torch.ones(4) if name == "lorafa_orthogonal" else torch.linalg.svdvals(layer.weight)[:4]
    torch.testing.assert_close(gram.diag(), expected.double(), rtol=1e-12, atol=0)


def test_svd_additive_is_the_published_code():
    """svd-lorafa: u, s, v = torch.linalg.svd(W); A = (u[:, :r] s[:r])^T; B = v[:, :r]; nothing subtracted."""
    layer = make("lorafa_svd_additive", dtype=torch.float64, alpha=1.0)
    u, s, v = torch.linalg.svd(layer.weight)
    expected = (v[:, :4] @ (u[:, :4] * s[:4]).T) / 4
    torch.testing.assert_close(layer.delta_weight(), expected, rtol=1e-12, atol=1e-12)
    assert torch.linalg.matrix_norm(expected, 2).item() == pytest.approx(s[0].item() / 4)
    with pytest.raises(ValueError, match="square layers only"):
        LoRAFALinear(nn.Linear(8, 6), r=2, alpha=1, init="svd_additive")


@pytest.mark.parametrize("name", ["lorafa_svd", "lorafa_svd_additive"])
def test_lorafa_penalty_is_the_squared_way_from_the_start(name):
    layer = make(name, penalty=0.25, dtype=torch.float64)
    start = layer.B.detach().clone()
    assert layer.auxiliary_loss().item() == 0 and bool(start.any()) == (name == "lorafa_svd_additive")
    perturb(layer)
    loss = layer.auxiliary_loss()
    expected = 0.25 * sum((b - b0) ** 2 for b, b0 in zip(layer.B.flatten(), start.flatten(), strict=True))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12) and expected > 0
    torch.testing.assert_close(torch.autograd.grad(loss, layer.B)[0], 0.5 * (layer.B - start))
    assert make(name).auxiliary_loss() is None


def test_lorafa_keeps_no_input_for_backward():
    """A is frozen, so the gradient of B needs the r-wide product only."""

    def saved(layer: nn.Module) -> int:
        sizes: list[int] = []
        x = torch.randn(64, 48)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            layer(x)
        return sum(size for size in sizes if size >= x.numel())

    assert saved(perturb(make("lorafa_kaiming"))) == 0
    assert saved(perturb(make("lora"))) >= 64 * 48


def test_rank_above_the_layer_is_refused_where_it_makes_no_sense():
    with pytest.raises(ValueError, match="r <= 6 with init=svd"):
        LoRAFALinear(nn.Linear(8, 6), r=7, alpha=1, init="svd")


def test_hydralora_weights_are_a_distribution_in_float32():
    layer = perturb(make("hydralora", dtype=torch.bfloat16))
    x = torch.randn(5, 48, dtype=torch.bfloat16)
    weights = expert_weights(layer.router @ x.T)
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights.sum(0), torch.ones(5))


@pytest.mark.parametrize("jobs", [(), (3,)])
def test_hydraloras_own_gradient_of_the_gate_is_autograds(jobs):
    layer = make("hydralora", dtype=torch.float64)
    num_experts, n = len(layer.router), 7
    h, q, grad = (torch.randn(*jobs, k, n, dtype=torch.float64) for k in (layer.r, num_experts, layer.r * num_experts))
    for one, other in zip(layer.gate_vjp(h, q, grad), LowRankAdapter.gate_vjp(layer, h, q, grad), strict=True):
        torch.testing.assert_close(one, other)


def test_hydraloras_gradient_of_the_gate_keeps_dtypes():
    layer = make("hydralora", dtype=torch.bfloat16)
    h, q, grad = (torch.randn(k, 7).bfloat16() for k in (layer.r, len(layer.router), layer.r * len(layer.router)))
    found = layer.gate_vjp(h, q, grad)
    for one, other in zip(found, LowRankAdapter.gate_vjp(layer, h, q, grad), strict=True):
        assert one.dtype == torch.bfloat16
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.05)


def test_hydralora_with_equal_heads_is_lora():
    layer = perturb(make("hydralora", dtype=torch.float64))
    with torch.no_grad():
        layer.B.copy_(layer.B[:1].expand_as(layer.B))
    x = torch.randn(5, 48, dtype=torch.float64)
    torch.testing.assert_close(layer.delta(x), layer.scaling * x @ layer.A.T @ layer.B[0].T, rtol=1e-12, atol=1e-12)


def test_hydralora_heads_separate_only_because_the_router_is_not_zero():
    """reference.md, section 4: router 0 and B 0 leave the heads identical for ever."""

    def train(zero_router: bool) -> torch.Tensor:
        layer = make("hydralora")
        if zero_router:
            nn.init.zeros_(layer.router)
        optimizer = torch.optim.SGD(layer.trained_parameters().values(), lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            (layer(torch.randn(16, 48)) - 1).square().mean().backward()
            optimizer.step()
        return (layer.B - layer.B[:1]).abs().max()

    assert train(zero_router=True) == 0 < train(zero_router=False)


def test_hydralora_router_share():
    """reference.md, section 4: at r=4, N=3 on 768x768 the router adds 2,304 to 12,288, +18.75 %."""
    total = HydraLoRALinear.expected_parameters(768, 768, r=4, num_experts=3)
    assert total == 12_288 + 2_304 == 12_288 * 1.1875


def test_hydralora_diagnostics():
    layer = make("hydralora")
    fresh = layer.diagnostics(torch.randn(100, 48))
    assert "head_cosine" not in fresh, "zero heads have no direction"
    assert sum(fresh[f"load_{i}"] for i in range(4)) == pytest.approx(1)
    with torch.no_grad():
        layer.B.copy_(torch.randn(1, 20, 3).expand_as(layer.B))
        layer.router.zero_()
    uniform = layer.diagnostics(torch.randn(100, 48))
    assert uniform["router_entropy"] == pytest.approx(1) and uniform["head_cosine"] == pytest.approx(1)
