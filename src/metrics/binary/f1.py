"""F1 of class 1: 2 TP / (2 TP + FP + FN); 0 when nothing is predicted positive."""

import datasets
import evaluate
from sklearn.metrics import f1_score


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
        return {"f1": f1_score(references, predictions, zero_division=0)}
