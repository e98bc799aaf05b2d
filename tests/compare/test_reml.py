"""Standard errors against restricted maximum likelihood and a cluster bootstrap, on made and on real tables."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import minimize

from src.compare.grouping import group_runs
from src.compare.predictions import group_panel
from src.compare.statistics.crossed import mean_squares
from src.compare.statistics.rows import Rows, Scored
from src.runs.reading import find_runs
from src.utils.paths import ROOT


def crossed(seeds, examples, spread, seed=11):
    """A table of differences: 0.1 + seeds' effects + examples' effects + noise."""
    rng = np.random.default_rng(seed)
    by_seed, by_example = spread * rng.normal(size=(seeds, 1)), 0.5 * rng.normal(size=(1, examples))
    return 0.1 + by_seed + by_example + rng.normal(size=(seeds, examples))


def reml_error(table):
    """The mean's standard error by REML of ``y = mu + seed + example + noise``, by its likelihood's definition.

    With both factors crossed and balanced the covariance has four eigenspaces: the mean, seeds, examples and the rest.
    REML leaves the mean's out: ``-2 log L = sum over the other three of df log(lambda) + SS / lambda``.
    """
    k, n = table.shape
    grand, seeds, examples = table.mean(), table.mean(1), table.mean(0)
    squares = np.array(
        [
            n * ((seeds - grand) ** 2).sum(),
            k * ((examples - grand) ** 2).sum(),
            ((table - seeds[:, None] - examples + grand) ** 2).sum(),
        ]
    )
    freedom = np.array([k - 1, n - 1, (k - 1) * (n - 1)])

    def eigenvalues(logs):
        seed, example, rest = np.exp(logs)
        return np.array([rest + n * seed, rest + k * example, rest])

    def minus_twice(logs):
        values = eigenvalues(logs)
        return float((freedom * np.log(values) + squares / values).sum())

    start = np.log(np.maximum([squares[0] / (k * n), squares[1] / (k * n), squares[2] / freedom[2]], 1e-6))
    found = minimize(
        minus_twice, start, method="Nelder-Mead", options={"maxiter": 20_000, "xatol": 1e-8, "fatol": 1e-10}
    )
    seed, example, rest = np.exp(found.x)
    return float(np.sqrt(seed / k + example / n + rest / (k * n)))


def test_the_error_is_statsmodels():
    """mixedlm("y ~ 1", one group, vc_formula={s: 0 + C(s), e: 0 + C(e)}).fit(reml=True).bse_fe of version 0.15.0."""
    table = crossed(5, 40, 0.3)
    assert mean_squares(table).error().standard_error == pytest.approx(0.18494234, rel=1e-4)
    assert reml_error(table) == pytest.approx(0.18494234, rel=1e-3)


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("seed", range(3))
def test_the_error_is_remls(spread, seed):
    table = crossed(4, 200, spread, seed)
    assert mean_squares(table).error().standard_error == pytest.approx(reml_error(table), rel=0.01)


def clustered(table, resamples=4_000):
    """The cluster bootstrap of the mean: examples are drawn, each with its answers of all seeds."""
    rng = np.random.default_rng(0)
    size = table.shape[1]
    return float((rng.multinomial(size, np.full(size, 1 / size), resamples) @ table.mean(0) / size).std())


@pytest.mark.slow
def test_a_real_table(tmp_path):
    """LoRA, LoRA-FA and the head alone on the embedded backbone, 4 seeds: every pair of them."""
    sweep = ["--multirun", "experiment=demo", "model=roberta_lora,roberta_lorafa,roberta_head", "seed=range(4)"]
    command = [sys.executable, str(ROOT / "main.py"), *sweep, f"hydra.sweep.dir={tmp_path / 'runs'}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    check_real_table(tmp_path / "runs")


def check_real_table(folder):
    """A pair by itself has REML's error; among other rows, too, its error is never below the examples' own."""
    (group,), _ = group_runs(find_runs([folder]))
    found = group_panel(group, group.runs)
    tables = []
    for entry in group.configurations:
        panel = found.panel.of([found.rows[str(run.folder)] for run in entry.runs])
        tables.append(panel.influence())
    rows = Rows([Scored(dict(enumerate(table.mean(1))), table) for table in tables])
    for i, j in itertools.combinations(range(len(tables)), 2):
        difference = tables[i] - tables[j]
        own = mean_squares(difference).error().standard_error
        moderated = rows.difference(i, j)[1].standard_error
        assert own == pytest.approx(reml_error(difference), rel=0.01)
        assert min(own, moderated) >= 0.97 * clustered(difference)
        alone = Rows([rows.scored[i], rows.scored[j]]).difference(0, 1)[1]
        assert alone.standard_error == pytest.approx(own), "two rows have nothing to be moderated by"
