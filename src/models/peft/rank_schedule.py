"""The step hook of the peft library's tuners, ``update_and_allocate``, its clock set from the training's length."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from peft.config import PeftConfig
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

from src.utils.errors import UserError

HOOK = "update_and_allocate"
TOTAL = "total_step"  # the config field that some of these tuners want to know
PHASES = ("tinit", "tfinal")  # its phases: steps, or below 1 shares of all steps
UNKNOWN = 10**9  # stands for the total until the training knows its length: the library refuses none


def split_phases(given: Mapping[str, object], fields: set[str]) -> tuple[dict[str, object], dict[str, float]]:
    """Take from a config's options what only the training's length makes a number.

    Returns:
        The options with stand-ins, and the fields still to be set: their shares of all steps.
    """
    options: dict[str, Any] = dict(given)
    if TOTAL not in fields or options.get(TOTAL) is not None:
        return options, {}
    shares = {key: float(options[key]) for key in PHASES if 0 < (options.get(key) or 0) < 1}
    return options | dict.fromkeys(shares, 0) | {TOTAL: UNKNOWN}, shares | {TOTAL: 1.0}


class PeftSchedule:
    """Calls a tuner's hook after every step.

    Args:
        tuner: the library's tuner, which has the hook.
        config: its config, which the hook reads and writes.
        shares: config fields that are set to this share of the training's length.
    """

    def __init__(self, tuner: nn.Module, config: PeftConfig, shares: dict[str, float]) -> None:
        self.tuner, self.config, self.shares = tuner, config, shares

    def begin(self, total_steps: int) -> None:
        for key, share in self.shares.items():
            # The first choice of ranks needs a step before it, however short the training.
            steps = total_steps if key == TOTAL else min(round(share * total_steps), max(total_steps - 2, 0))
            setattr(self.config, key, steps)
        if not hasattr(self.config, TOTAL):
            return
        config: Any = self.config
        total, (first, last) = getattr(config, TOTAL), (getattr(config, key) for key in PHASES)
        if total - last < max(first + 1, 2):
            raise UserError(
                f"a training of {total} steps leaves too few between the first {first} ({PHASES[0]}) and the last "
                f"{last} ({PHASES[1]}), in which ranks are taken away"
            )
        if config.target_r >= config.init_r:
            raise UserError(f"target_r={config.target_r} breaks the rule: below init_r={config.init_r}")

    def after_step(self, step: int) -> None:
        getattr(self.tuner, HOOK)(step)

    def state(self) -> dict[str, object]:
        return {name: _plain_attributes(holder) for name, holder in self._holders()}

    def load_state(self, state: Mapping[str, object]) -> None:
        held: dict[str, Any] = dict(state)
        device = next(self.tuner.parameters()).device
        for name, holder in self._holders():
            for key, value in held[name].items():
                setattr(holder, key, _to(value, device))

    def _holders(self) -> Iterator[tuple[str, Any]]:
        """Whatever of the tuner's keeps plain attributes: config, layers, helpers such as a rank allocator."""
        yield "config", self.config
        for name, module in self.tuner.named_modules():
            if isinstance(module, BaseTunerLayer):
                yield f"layer {name}", module
        for name, value in vars(self.tuner).items():
            ours = type(value).__module__.startswith("peft.")
            if ours and not isinstance(value, torch.nn.Module | PeftConfig) and hasattr(value, "__dict__"):
                yield f"helper {name}", value


def _plain_attributes(holder: Any) -> dict[str, Any]:
    return {key: _copy(value) for key, value in vars(holder).items() if not key.startswith("_") and _is_plain(value)}


def _is_plain(value: Any) -> bool:
    """Whether ``torch.load`` takes the value without pickle."""
    if type(value) in (dict, list, tuple):
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        return all(_is_plain(part) for part in parts)
    return value is None or type(value) in (bool, int, float, str, Tensor)


def _copy(value: Any) -> Any:
    return _map(value, lambda tensor: tensor.detach().clone())


def _to(value: Any, device: torch.device) -> Any:
    return _map(value, lambda tensor: tensor.to(device))


def _map(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        return {key: _map(part, change) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_map(part, change) for part in value)
    return change(value) if isinstance(value, Tensor) else value
