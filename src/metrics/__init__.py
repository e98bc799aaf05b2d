"""Metrics as `evaluate` modules kept in this repository, so that no network is needed.

Every file in ``classification/`` (any number of classes), ``binary/`` (two classes, class 1 is the positive one) and
``regression/`` is one module; adding a metric is adding a file. The heavy imports wait until `make_compute` is called.
"""

from src.metrics.compute import make_compute
from src.metrics.names import check_metrics, metric_names

__all__ = ["check_metrics", "make_compute", "metric_names"]
