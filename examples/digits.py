"""Teach a trained network the one digit it is worst at, without touching its weights.

    python examples/digits.py --method lora|lsr|lorafa|hydralora

An oversized MLP is trained on scikit-learn's bundled digits, of which it gets to see only a few eights, so the eight is
what it is worst at. Adapters are then injected into its three Linears, and they alone are trained, on images of eights
alone, until four of five of these are right. The plot shows every digit's errors before, after, and with the adapters
switched off again: the eight is much better, the other digits are nearly as good as before (training on would cost them
more and more: nothing reminds the network of them), and switching off gives the first network back.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from a clone, with nothing installed
from src.models.adapter import AdapterLinear
from src.models.hydralora import HydraLoRALinear
from src.models.inject import count_parameters, disabled, inject
from src.models.lora import LoRALinear
from src.models.lorafa import LoRAFALinear
from src.models.lsr import LSRLinear

matplotlib.use("Agg")
import matplotlib.pyplot as plt

RARE, FEW = 8, 8  # a digit, and how many of its images the network sees at first
ENOUGH = 0.8  # of the digit's training images are right: the fine-tuning ends

METHODS: dict[str, Callable[[nn.Linear], AdapterLinear]] = {
    "lora": partial(LoRALinear, r=4, alpha=4),
    "lsr": partial(LSRLinear, r=2, alpha=2, num_terms=8),
    "lorafa": partial(LoRAFALinear, r=8, alpha=8),
    "hydralora": partial(HydraLoRALinear, r=2, alpha=2, num_experts=3),
}


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training and test images ``(n, 64)`` in [0, 1], and their digits."""
    data = load_digits()
    parts = train_test_split(data.data / 16, data.target, test_size=0.4, random_state=0, stratify=data.target)
    x, x_test, y, y_test = (torch.tensor(part) for part in parts)
    return x.float(), x_test.float(), y, y_test


def train(model: nn.Module, x: Tensor, y: Tensor, epochs: int, learning_rate: float, enough: float = 2.0) -> int:
    """Adam over whatever of the model requires a gradient, until enough of the images are right; returns its steps."""
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=learning_rate)
    steps = 0
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
            steps += 1
            if enough <= 1 and 1 - sum(errors(model, x, y)) / len(x) >= enough:
                return steps
    return steps


@torch.no_grad()
def errors(model: nn.Module, x: Tensor, y: Tensor) -> list[int]:
    """The number of wrong answers on each digit."""
    wrong = model(x).argmax(-1) != y
    return [int(wrong[y == digit].sum()) for digit in range(10)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=METHODS, default="lora")
    parser.add_argument("--out", type=Path, help="the plot; by default digits_METHOD.png here")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)  # so small a network gains nothing from more, and the sums depend on how many there are

    x, x_test, y, y_test = digits()
    model = nn.Sequential(nn.Linear(64, 1000), nn.ReLU(), nn.Linear(1000, 2000), nn.ReLU(), nn.Linear(2000, 10))
    rare = torch.nonzero(y == RARE).flatten()
    seen = torch.cat([torch.nonzero(y != RARE).flatten(), rare[:FEW]])
    train(model, x[seen], y[seen], epochs=5, learning_rate=1e-3)
    before = errors(model, x_test, y_test)
    worst = max(range(10), key=before.__getitem__)
    print(f"before: {sum(before)} errors on {len(y_test)} test images; the worst digit is {worst}: {before[worst]}")

    original = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    inject(model, METHODS[args.method], "all-linear")
    counts = count_parameters(model)
    share = counts["trainable"] / (counts["total"] - counts["trainable"])
    print(f"{args.method}: {counts['trainable']:,} values are trained, {share:.2%} of the network's")
    steps = train(model, x[y == worst], y[y == worst], epochs=50, learning_rate=1e-3, enough=ENOUGH)
    print(f"{steps} steps on images of {worst} alone")

    after = errors(model, x_test, y_test)
    with disabled(model):
        off = errors(model, x_test, y_test)
    for name, parameter in original.items():  # "2.weight" is "2.base.weight" now
        layer, _, tensor = name.partition(".")
        assert torch.equal(model.get_submodule(layer).get_parameter(f"base.{tensor}"), parameter), f"{name} has moved"
    assert off == before, "with the adapters off the network is what it was"
    print("the original weights are unchanged, to the bit")
    print(f"after:  {sum(after)} errors; digit {worst}: {after[worst]}; adapters switched off: {off[worst]}")
    rest = [sum(found) - found[worst] for found in (before, after)]
    print(f"the other nine digits: {rest[0]} errors before, {rest[1]} after")

    out = args.out or Path(f"digits_{args.method}.png")
    plot(out, args.method, worst, {"before": before, "adapters on": after, "adapters off": off})
    print(f"the plot is {out}")


def plot(path: Path, method: str, worst: int, bars: dict[str, list[int]]) -> None:
    """Errors of every digit, a bar for each state of the network."""
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    width = 0.8 / len(bars)
    for i, (name, values) in enumerate(bars.items()):
        places = [digit + (i - 1) * width for digit in range(10)]
        axes.bar_label(axes.bar(places, values, width, label=name), fontsize=7)
    axes.axvspan(worst - 0.5, worst + 0.5, color="0.92", zorder=0)
    axes.set(xlabel="digit", ylabel="errors on the test images", xticks=range(10))
    axes.set_title(f"{method}, trained on digit {worst} alone")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
