"""Types of hyperparameters, each with the rule of its values in a config (read by ``src.config.annotations``)."""

from collections.abc import Sequence
from typing import Annotated

Count = Annotated[int, "int >= 1"]
Rank = Annotated[int, "int >= 1"]
Alpha = Annotated[float, "float > 0"]
Dropout = Annotated[float, "0 <= float < 1"]
Factor = Annotated[float, "float > 0"]
TargetModules = Annotated[str | Sequence[str], "str | list[str]"]
