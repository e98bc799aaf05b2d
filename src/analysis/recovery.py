"""``python -m src recover``: which method recovers which known update of a frozen layer, at an equal budget.

A frozen backbone reads random tokens. A chosen Linear receives a known update, and what it gives then is the target;
each method, on the same Linear with the same inputs, learns it by least squares. The answer is free of data sets, heads
and luck with a metric: it says what a method can express, and whether gradient descent finds it.
"""

import itertools
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from tqdm.auto import tqdm

from src.backbones.backbone import load_backbone
from src.models.adapter import LowRankAdapter
from src.models.hydralora import HydraLoRALinear
from src.models.inject import match_targets
from src.models.lora import LoRALinear
from src.models.lorafa import LoRAFALinear
from src.models.lsr import LSRLinear
from src.utils.errors import UserError
from src.utils.files import write_whole
from src.utils.places import make_folder
from src.utils.seeding import seeded

LEARNING_RATES = (1e-2, 3e-2)
BATCH, TOKENS = 128, 8


@dataclass(frozen=True)
class Shape:
    """A method with all but one of its sizes fixed; the free one grows until the budget is spent."""

    cls: type[LowRankAdapter]
    fixed: dict[str, Any]
    free: str

    def at_budget(self, linear: nn.Linear, budget: int) -> dict[str, Any]:
        """The largest hyperparameters that train at most ``budget`` values."""
        best = None
        for size in range(1, linear.in_features + 1):
            sizes = {**self.fixed, self.free: size}
            if self.cls.expected_parameters(linear.in_features, linear.out_features, **sizes) > budget:
                break
            best = {**sizes, "alpha": sizes["r"]}
        if best is None:
            raise UserError(f"{self.cls.__name__} has no size of at most {budget} parameters on this layer")
        return best


METHODS = {
    "lora": Shape(LoRALinear, {}, "r"),
    "lsr": Shape(LSRLinear, {"r": 4}, "num_terms"),
    "lsr_sum": Shape(LSRLinear, {"r": 2, "coupling": "sum_of_products"}, "num_terms"),
    "lorafa": Shape(LoRAFALinear, {}, "r"),
    "hydralora": Shape(HydraLoRALinear, {"r": 1}, "num_experts"),
}
# The forms of the synthetic updates, and the method that is built like each.
FORMS = {"low_rank": "lora", "kronecker": "lsr", "kronecker_sum": "lsr_sum", "mixture": "hydralora"}


@dataclass(frozen=True)
class Recovery:
    """How well a method has recovered a synthetic update.

    Attributes:
        form: of the update, a key of ``FORMS``.
        error: ``||delta(x) - update(x)|| / ||update(x)||`` over held-out tokens: 0 is all of it, 1 none.
        parameters: values trained.
        learning_rate: the one of ``LEARNING_RATES`` with the smallest training loss.
    """

    layer: str
    form: str
    method: str
    error: float
    parameters: int
    learning_rate: float


@torch.no_grad()
def synthetic_update(linear: nn.Linear, inputs: Tensor, form: str, budget: int, seed: int) -> LowRankAdapter:
    """A known update of the layer, all tensors Gaussian, as large on the inputs as the layer's own output.

    Args:
        linear: the frozen layer.
        inputs: ``(tokens, in_features)``.
        form: a key of ``FORMS``.
        budget: values that the update is made of, at most.
        seed: of the update.
    """
    shape = METHODS[FORMS[form]]
    with seeded(seed, "planted"):  # the name of the stream decides the numbers
        teacher = shape.cls(linear, **shape.at_budget(linear, budget))
        for name, parameter in teacher.own_parameters().items():
            parameter.normal_()
            if name in teacher.routing:  # logits of about 3: the experts are told apart, none is all there is
                parameter.mul_(3 / inputs.norm(dim=-1).mean())
    teacher.scaling *= float(linear(inputs).std() / teacher.delta(inputs).std())
    return teacher.requires_grad_(False)


def recover(
    linear: nn.Linear, inputs: Tensor, teacher: LowRankAdapter, method: str, budget: int, *, steps: int, seed: int
) -> tuple[float, int, float]:
    """Let a method learn a synthetic update from its outputs, with Adam and a cosine, at its best learning rate.

    Args:
        linear: the frozen layer.
        inputs: ``(tokens, in_features)``; the last quarter is held out.
        teacher: from ``synthetic_update``.
        method: a key of ``METHODS``.
        budget: values trained at most.
        steps: of ``BATCH`` tokens.
        seed: of the init and the batches.

    Returns:
        Relative error on the held-out tokens, number of trained values, learning rate.
    """
    shape = METHODS[method]
    cut = len(inputs) * 3 // 4
    target = teacher.delta(inputs)
    best = (math.inf, 1.0, 0, 0.0)
    for rate in LEARNING_RATES:
        with seeded(seed, "adapter"):
            student = shape.cls(linear, **shape.at_budget(linear, budget))
        parameters = list(student.trained_parameters().values())
        for parameter in parameters:
            parameter.requires_grad_(True)
        _fit(student, parameters, inputs[:cut], target[:cut], rate, steps, seed)
        with torch.no_grad():
            difference = student.delta(inputs) - target
        loss = float(difference[:cut].square().mean())
        if loss < best[0]:
            error = float(difference[cut:].norm() / target[cut:].norm())
            best = (loss, error, sum(p.numel() for p in parameters), rate)
    return best[1:]


def _fit(
    student: LowRankAdapter,
    parameters: list[nn.Parameter],
    inputs: Tensor,
    target: Tensor,
    rate: float,
    steps: int,
    seed: int,
) -> None:
    optimizer = torch.optim.Adam(parameters, lr=rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / 50) * (1 + math.cos(math.pi * step / steps)) / 2
    )
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        rows = torch.randint(len(inputs), (BATCH,), generator=generator)
        optimizer.zero_grad()
        (student.delta(inputs[rows]) - target[rows]).square().mean().backward()
        optimizer.step()
        schedule.step()


@torch.no_grad()
def layer_inputs(encoder: Any, names: list[str], tokens: int, seed: int) -> dict[str, Tensor]:
    """What the named Linears of an encoder are given when it reads random tokens, ``(tokens, in_features)`` each."""
    found: dict[str, list[Tensor]] = {name: [] for name in names}
    hooks = [
        encoder.get_submodule(name).register_forward_pre_hook(
            lambda module, args, rows=rows: rows.append(args[0].flatten(0, -2))
        )
        for name, rows in found.items()
    ]
    generator = torch.Generator().manual_seed(seed)
    try:
        for _ in range(math.ceil(tokens / (64 * TOKENS))):
            encoder(torch.randint(encoder.config.vocab_size, (64, TOKENS), generator=generator))
    finally:
        for hook in hooks:
            hook.remove()
    return {name: torch.cat(rows)[:tokens] for name, rows in found.items()}


def table_of(backbone: str, layers: list[str], *, rank: int, steps: int, seed: int) -> list[Recovery]:
    """Every synthetic update against every method, on every layer of a backbone."""
    loaded = load_backbone({"name": backbone, "path": backbone}, label_names=("0", "1"), seed=seed)
    encoder: Any = loaded.model.base_model
    encoder.eval().requires_grad_(False)
    names = match_targets(encoder, layers)
    linears = {name: encoder.get_submodule(name) for name in names}
    size = LoRALinear.expected_parameters
    budgets = {name: size(own.in_features, own.out_features, r=rank) for name, own in linears.items()}
    for name, shape in itertools.product(names, METHODS.values()):
        shape.at_budget(linears[name], budgets[name])  # one that is too small is told before anything is trained
    inputs = layer_inputs(encoder, names, 8192, seed)
    cases = list(itertools.product(names, FORMS, METHODS))
    rows = []
    for name, form, method in tqdm(cases, unit="fit", dynamic_ncols=True, disable=None):
        linear, budget = linears[name], budgets[name]
        teacher = synthetic_update(linear, inputs[name], form, budget, seed)
        error, trained, rate = recover(linear, inputs[name], teacher, method, budget, steps=steps, seed=seed + 1)
        rows.append(Recovery(name, form, method, error, trained, rate))
    return rows


def print_table(rows: list[Recovery]) -> None:
    console = Console()
    for layer in dict.fromkeys(row.layer for row in rows):
        table = Table(title=f"Relative error of the recovered update of {layer}", title_justify="left")
        table.add_column("method")
        table.add_column("values", justify="right")
        for form in FORMS:
            table.add_column(form, justify="right")
        for method in METHODS:
            own = [row for row in rows if (row.layer, row.method) == (layer, method)]
            table.add_row(method, f"{own[0].parameters:,}", *(f"{row.error:.4f}" for row in own))
        console.print(table)
    console.print("0: all of the update is recovered; 1: none. Each column's update has one method's own form:")
    console.print(", ".join(f"{form} is {method}'s" for form, method in FORMS.items()))


def write_table(rows: list[Recovery], path: Path) -> None:
    """The same numbers as JSON; an update's form is called ``planted`` there, as it was in older files."""
    make_folder(path.parent)
    write_whole(
        path,
        json.dumps(
            [{"planted" if key == "form" else key: value for key, value in asdict(row).items()} for row in rows],
            indent=2,
        )
        + "\n",
    )
