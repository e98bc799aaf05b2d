"""The factory's runs are such as a comparison takes."""

from src.compare.comparison import compare_runs
from src.runs.reading import find_runs
from tests.compare.factory import PAIRS, SENTENCES, SIMILARITY, make_run, make_sweep


def test_a_sweep_compares_without_a_complaint(tmp_path):
    made = make_sweep(tmp_path, seeds=3, tasks=(PAIRS, SENTENCES, SIMILARITY), ranks=(4, 16))
    comparison = compare_runs(find_runs([tmp_path]), resamples=200)
    assert comparison.left_out == []
    assert comparison.runs == len(made)
    assert sorted(table.fixed["data"] for table in comparison.tables) == [
        "toy_pairs", "toy_sentences", "toy_similarity",
    ]  # fmt: skip
    for table in comparison.tables:
        assert len(table.rows) == 10
        assert table.baseline == "everything"
        assert all(row.interval and not row.notes for row in table.rows)
        assert {row.varied.get("r") for row in table.rows if row.method == "alpha"} == {4, 8, 16}


def test_without_predictions_the_interval_is_over_seeds(tmp_path):
    for seed in range(3):
        make_run(tmp_path / str(seed), seed=seed, predictions=False, history=False)
    (row,) = compare_runs(find_runs([tmp_path]), resamples=200).tables[0].rows
    assert row.interval
    assert "over seeds alone" in " ".join(row.notes)
