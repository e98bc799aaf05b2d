"""What can be measured, by name; nothing here needs torch."""

from src.config.method_names import recorded_names

TARGETS: dict[str, str | list[str]] = {"qv": ["query", "value"], "all": "all-linear"}
SIZES = ("lora.r", "lorafa.r", "lsr.num_terms", "hydralora.num_experts")
PARTS = ("steps", "latency", "memory", "tokens", "sizes", "packed", "startup", "data")
DEFAULT = ("steps", "latency")


def method_names() -> list[str]:
    """Every method that ``conf/model`` has a file for, as records call it."""
    return list(recorded_names())
