"""Composing our configs from within the program."""

from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from src.utils.paths import CONF


def composed(overrides: Sequence[str], with_hydra: bool = False) -> DictConfig:
    """What these overrides compose to; also within a sweep, where Hydra stands already and would not stand twice.

    Args:
        overrides: as Hydra takes them.
        with_hydra: with Hydra's own node.
    """
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose("config", overrides=list(overrides), return_hydra_config=with_hydra)
    finally:
        GlobalHydra.instance().hydra = running
