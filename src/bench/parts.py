"""What can be measured, by name; nothing here needs torch."""

from src.utils.paths import CONF

TARGETS: dict[str, str | list[str]] = {"qv": ["query", "value"], "all": "all-linear"}
SIZES = ("lora.r", "lorafa.r", "lsr.num_terms", "hydralora.num_experts")
PARTS = ("steps", "latency", "memory", "tokens", "sizes", "packed", "startup", "data")
DEFAULT = ("steps", "latency")


def method_names() -> list[str]:
    """Every method that ``conf/model`` has a file for, without the part before the first underscore."""
    return sorted(
        path.stem.partition("_")[2] for path in (CONF / "model").glob("*.yaml") if path.stem != "roberta_peft"
    )
