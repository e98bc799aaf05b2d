"""Precision of class 1: TP / (TP + FP); 0 when nothing is predicted positive."""

import datasets
import evaluate
from sklearn.metrics import precision_score


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
        return {"precision": precision_score(references, predictions, zero_division=0)}
