"""What can be measured, by name; nothing here needs torch."""

from importlib.util import find_spec

from src.config.known_names import records
from src.config.method_names import package_of, recorded_names

TARGETS: dict[str, str | list[str]] = {"qv": ["query", "value"], "all": "all-linear"}
SIZES = ("lora.r", "lorafa.r", "lsr.num_terms", "hydralora.num_experts")
PARTS = ("steps", "latency", "memory", "tokens", "sizes", "packed", "startup", "data")
DEFAULT = ("steps", "latency")


def method_names(installed: bool = False) -> list[str]:
    """Every method that ``conf/model`` has a file for, as records call it; or those whose package is installed."""
    packages = {name: package_of(records("model")[choice]["method"]) for name, choice in recorded_names().items()}
    return [name for name, package in packages.items() if not (installed and package) or find_spec(str(package))]
