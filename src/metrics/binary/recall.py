"""Recall of class 1: TP / (TP + FN); 0 when no label is positive."""

import datasets
import evaluate
from sklearn.metrics import recall_score


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
        return {"recall": recall_score(references, predictions, zero_division=0)}
