"""Accuracy: the share of predictions that equal their label."""

import datasets
import evaluate
from sklearn.metrics import accuracy_score


class Metric(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        value = datasets.Value("int64")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description="predictions and references: one number per example",
            features=datasets.Features({"predictions": value, "references": value}),
        )

    def _compute(self, predictions: list, references: list) -> dict[str, float]:
        return {"accuracy": accuracy_score(references, predictions)}
