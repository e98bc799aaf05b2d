"""The rules that every config value has to keep, checked before anything heavy is imported."""

from src.config.rules import check_rule, unknown_key
from src.config.training_keys import training_rules
from src.config.validate import check_node, validate

__all__ = ["check_node", "check_rule", "training_rules", "unknown_key", "validate"]
