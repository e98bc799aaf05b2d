"""A method's search space, as its YAML declares it under ``search``."""

import math
from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from src.utils.errors import UserError
from src.utils.keys import override

DECADES = 2  # at least, for the learning rate: a narrower range decides the ranking
EDGE = 0.05  # share of a range that counts as its edge


def make_space(name: str, search: Mapping[str, Mapping[str, Any]]) -> dict[str, BaseDistribution]:
    """Distributions by the config's dotted keys.

    Args:
        name: the model's, for messages.
        search: by any name, ``{key, low, high}``, drawn on a log scale, or ``{key, choices: [...]}``.

    Raises:
        UserError: if there is no space, a range is empty, or the learning rate has less than two decades.
    """
    if not search:
        raise UserError(f"model={name} declares no model.search: there is nothing to tune")
    return {str(entry.get("key")): _distribution(entry_name, entry) for entry_name, entry in search.items()}


def as_overrides(params: Mapping[str, Any], space: Mapping[str, BaseDistribution] | None = None) -> list[str]:
    """Overrides that set drawn values.

    Args:
        params: by the config's dotted keys.
        space: what they were drawn from. A float of a range is cut to four digits, which names folders readably and
            decides nothing; a choice is what it is.
    """
    found = []
    for key, value in params.items():
        chosen = space is not None and isinstance(space.get(key), CategoricalDistribution)
        cut = isinstance(value, float) and not chosen
        found.append(f"{key}={value:.4g}" if cut else override(key, value))
    return found


def edges(params: Mapping[str, Any], space: Mapping[str, BaseDistribution]) -> list[str]:
    """Warnings for values that lie on the edge of what was searched: the best may lie beyond."""
    return [
        f"{key}={value:.4g} lies on the edge of what was searched ({_range(space[key])}): widen model.search"
        for key, value in params.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and _on_edge(float(value), space[key])
    ]


def _distribution(name: str, entry: Mapping[str, Any]) -> BaseDistribution:
    if set(entry) == {"key", "choices"} and len(entry["choices"]) > 1:
        return CategoricalDistribution(tuple(entry["choices"]))
    if set(entry) != {"key", "low", "high"} or not 0 < entry["low"] < entry["high"]:
        raise UserError(
            f"model.search.{name}={dict(entry)}: expected {{key, low, high}} with 0 < low < high, or {{key, choices}}"
        )
    if entry["key"] == "training.learning_rate" and math.log10(entry["high"] / entry["low"]) < DECADES - 1e-9:
        raise UserError(
            f"model.search.{name}={dict(entry)}: a learning rate is searched over {DECADES} decades or more"
        )
    return FloatDistribution(float(entry["low"]), float(entry["high"]), log=True)


def _on_edge(value: float, distribution: BaseDistribution) -> bool:
    if isinstance(distribution, FloatDistribution):
        span = math.log(distribution.high / distribution.low)
        return min(math.log(value / distribution.low), math.log(distribution.high / value)) < EDGE * span
    choices = [c for c in distribution.choices if isinstance(c, int | float) and not isinstance(c, bool)]  # type: ignore[attr-defined]
    return len(choices) > 1 and value in (min(choices), max(choices))


def _range(distribution: BaseDistribution) -> str:
    if isinstance(distribution, FloatDistribution):
        return f"{distribution.low:g} to {distribution.high:g}"
    return ", ".join(map(str, distribution.choices))  # type: ignore[attr-defined]
