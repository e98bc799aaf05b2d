"""Train one configuration: ``python main.py model=roberta_lora data=mrpc``; ``--help`` lists the choices."""

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from src.cli import CONF, answered, run_app
from src.commands.run import run_alone


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def main(cfg: DictConfig) -> float:
    with answered():
        return run_alone(cfg, HydraConfig.get().runtime.output_dir)


if __name__ == "__main__":
    run_app(main)
