"""Spearman's rho, the rank correlation; nan when either side is constant or there are fewer than two examples."""

import math
import warnings

import datasets
import evaluate
from scipy.stats import ConstantInputWarning, spearmanr


class Metric(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        value = datasets.Value("float64")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description="predictions and references: one number per example",
            features=datasets.Features({"predictions": value, "references": value}),
        )

    def _compute(self, predictions: list, references: list) -> dict[str, float]:
        if len(references) < 2:
            return {"spearmanr": math.nan}
        with warnings.catch_warnings():
            # Constant predictions are an ordinary event early in training: the nan says enough.
            warnings.simplefilter("ignore", ConstantInputWarning)
            return {"spearmanr": spearmanr(predictions, references).statistic}
