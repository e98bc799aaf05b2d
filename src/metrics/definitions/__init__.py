"""One file a metric: its docstring says what it is, ``METRIC`` is it. Heavy imports stand in functions."""
