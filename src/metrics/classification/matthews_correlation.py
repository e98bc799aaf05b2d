"""Matthews correlation (R_K for more than two classes), in [-1, 1]; 0 when predictions are constant."""

import datasets
import evaluate
from sklearn.metrics import matthews_corrcoef


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
        return {"matthews_correlation": matthews_corrcoef(references, predictions)}
