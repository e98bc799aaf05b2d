"""Metrics, one object a file in ``definitions``, computed by the ``evaluate`` library without a network.

Adding a metric is adding a file. The heavy imports wait until a metric is computed.
"""

from src.metrics.compute import make_compute
from src.metrics.names import check_metrics, metric_names

__all__ = ["check_metrics", "make_compute", "metric_names"]
