"""LSR: low-separation-rank (Kronecker) adapters."""

from functools import partial
from typing import Annotated, Literal

from torch import Tensor, nn

from src.models.adapter import LowRankAdapter
from src.models.factor_pairs import choose_factors
from src.models.hyperparameters import Alpha, Count, Dropout, Rank
from src.models.kernels import kronecker
from src.models.kernels.kronecker import Coupling
from src.models.kernels.low_rank import Recomputation

Init = Literal["identity", "gaussian"]
Factors = Annotated[int | tuple[int, int] | None, "int >= 1 | list[int] | null"]


class LSRLinear(LowRankAdapter):
    """LSR-Adapt (arXiv 2502.13568): low-rank factors that are sums of ``t = num_terms`` Kronecker products.

    ``coupling="product_of_sums"`` (the paper): ``dW = (alpha/r) [sum_t B1_t (x) B2_t] [sum_t A1_t (x) A2_t]``,
    of rank at most r^2. ``coupling="sum_of_products"``: ``dW = (alpha/r) sum_t (B1_t (x) B2_t) (A1_t (x) A2_t)``, of
    rank at most t r^2, from the same number of parameters. With ``in_features = a1 a2``, ``out_features = b1 b2``:

    ====  ===========  ===========================================
    A1    (t, r, a1)   trained
    A2    (t, r, a2)   trained
    B1    (t, b1, r)   trained
    B2    (t, b2, r)   trained, 0
    ====  ===========  ===========================================

    Only B2 starts at zero: with B1 at zero too every gradient would be zero for ever. The entries of sum_t A1 (x) A2
    start with the variance of LoRA's A, 1/(3 in_features), and B1 with variance 1/t, so that a step on B2 moves
    the entries of B about as far as the same step in LoRA.

    Args:
        base: the Linear to adapt.
        r: width of a Kronecker factor; the inner rank is r^2.
        alpha: numerator of the scaling alpha / r.
        num_terms: number of Kronecker products, the separation rank.
        factor_a: (a1, a2), or a1 alone; None chooses the most balanced pair.
        factor_b: (b1, b2), or b1 alone; None chooses the most balanced pair.
        coupling: product_of_sums or sum_of_products.
        init: identity, or gaussian: the published init N(0, 0.01^2) of all four factors (with alpha 8192 there),
            which does NOT start at the base's output.
        dropout: probability of zeroing an element of the adapter's input.

    Raises:
        ValueError: on a value that breaks its rule, and on factors that do not multiply to the layer's size.
    """

    def __init__(
        self,
        base: nn.Linear,
        *,
        r: Rank,
        alpha: Alpha,
        num_terms: Count,
        factor_a: Factors = None,
        factor_b: Factors = None,
        coupling: Coupling = "product_of_sums",
        init: Init = "identity",
        dropout: Dropout = 0.0,
    ) -> None:
        super().__init__(base, r=r, alpha=alpha, dropout=dropout)
        self.check(
            isinstance(num_terms, int) and num_terms >= 1, "num_terms", num_terms, "num_terms is an integer >= 1"
        )
        couplings, inits = ("product_of_sums", "sum_of_products"), ("identity", "gaussian")
        self.check(coupling in couplings, "coupling", coupling, " | ".join(couplings))
        self.check(init in inits, "init", init, " | ".join(inits))
        a1, a2 = choose_factors("factor_a", base.in_features, factor_a)
        b1, b2 = choose_factors("factor_b", base.out_features, factor_b)
        self.coupling, self.init = coupling, init
        self.identity_at_start = init == "identity"
        self.A1 = self.new_parameter(num_terms, r, a1)
        self.A2 = self.new_parameter(num_terms, r, a2)
        self.B1 = self.new_parameter(num_terms, b1, r)
        self.B2 = self.new_parameter(num_terms, b2, r)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.init == "gaussian":
            for factor in (self.A1, self.A2, self.B1, self.B2):
                nn.init.normal_(factor, std=0.01)
            return
        num_terms = self.A1.shape[0]
        # A sum of t products of two independent entries with variance v has variance t v^2.
        std = (1 / (3 * self.in_features * num_terms)) ** 0.25
        nn.init.normal_(self.A1, std=std)
        nn.init.normal_(self.A2, std=std)
        nn.init.normal_(self.B1, std=num_terms**-0.5)
        nn.init.zeros_(self.B2)

    def down(self) -> Tensor:
        return kronecker.down(self.coupling, self.A1, self.A2)

    def up(self) -> Tensor:
        return kronecker.up(self.coupling, self.B1, self.B2)

    def recomputation(self) -> Recomputation:
        return Recomputation(partial(kronecker.down_and_up, self.coupling), (self.A1, self.A2, self.B1, self.B2))

    @staticmethod
    def expected_parameters(
        in_features: int,
        out_features: int,
        *,
        r: int,
        num_terms: int,
        factor_a: int | tuple[int, int] | None = None,
        factor_b: int | tuple[int, int] | None = None,
        **_: object,
    ) -> int:
        factors = (
            *choose_factors("factor_a", in_features, factor_a),
            *choose_factors("factor_b", out_features, factor_b),
        )
        return num_terms * r * sum(factors)


METHOD = LSRLinear
