"""F1 per class, then the weighted average over the classes that occur; a class never predicted counts 0."""

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
        return {"f1_weighted": f1_score(references, predictions, average="weighted", zero_division=0)}
