"""Every metric as a module of the ``evaluate`` library: ``evaluate.load("src/metrics/evaluate_module.py", "f1")``."""

import datasets
import evaluate

from src.metrics.metric import Reads
from src.metrics.names import get_metric


class Module(evaluate.Metric):
    """The metric that the configuration's name is."""

    def _info(self) -> evaluate.MetricInfo:
        self.metric = get_metric(self.config_name)
        number = datasets.Value("float64" if self.metric.reads is Reads.VALUES else "int64")
        if self.metric.reads.several_classes or self.metric.reads is Reads.CHANCES:
            number = datasets.Sequence(number)
        scores = self.metric.reads in (Reads.SCORES, Reads.CHANCES)
        return evaluate.MetricInfo(
            description=f"{self.config_name}, from {self.metric.reads.value}",
            citation="",
            inputs_description="predictions and references: one number per example, or one for each class",
            features=datasets.Features(
                {
                    "predictions": datasets.Sequence(datasets.Value("float64")) if scores else number,
                    "references": number,
                }
            ),
        )

    def _compute(self, predictions: list[float], references: list[float]) -> dict[str, float]:
        return {self.config_name: self.metric.compute(references, predictions)}
